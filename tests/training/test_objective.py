"""The objective: of parts of a step as of the whole, and without waiting for a device."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from albertlm import AlbertConfig, AlbertForPreTraining
from albertlm.models.heads import IGNORED
from albertlm.models.layer import Layout
from albertlm.pretraining.loader import Batch
from albertlm.training.objective import Counts, Losses, PretrainingObjective

Make = Callable[..., AlbertConfig]


def random_batch(
    lengths: tuple[int, ...] = (9, 4, 9, 7), orders: object = (0, 1, -100, 1)
) -> Batch:
    """Some padding, some masked tokens, some labelled pairs."""
    rng = np.random.default_rng(0)
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    ids = rng.integers(5, 70, mask.shape) * mask
    positions = np.tile([1, 2, 0], (len(lengths), 1))
    labels = rng.integers(5, 70, positions.shape)
    labels[:, 2] = IGNORED
    labels[1, 1] = IGNORED
    segments = ((np.arange(max(lengths)) > 2) & mask).astype(np.int64)
    order = np.array(orders, np.int64)
    numbers = np.arange(len(order))
    return Batch(
        *(ids, segments, mask.astype(np.int64), positions, labels, order),
        epochs=np.zeros_like(numbers),
        examples=numbers,
    )


def rows(batch: Batch, part: slice) -> Batch:
    return Batch(**{field.name: getattr(batch, field.name)[part] for field in fields(batch)})


@pytest.fixture
def objective(tiny_config: Make) -> PretrainingObjective:
    torch.manual_seed(0)
    return PretrainingObjective(AlbertForPreTraining(tiny_config()).train())


def gradients(objective: PretrainingObjective) -> dict[str, torch.Tensor | None]:
    found = {name: parameter.grad for name, parameter in objective.named_parameters()}
    objective.zero_grad()
    return found


def test_loss_and_gradient_are_those_of_the_model_with_labels(
    objective: PretrainingObjective,
) -> None:
    batch = random_batch()
    losses = objective(batch)
    losses.total.backward()
    ours = gradients(objective)
    inputs = {name: torch.from_numpy(x) for name, x in vars(batch).items()}
    del inputs["epochs"], inputs["examples"]  # which no model reads
    output = objective.model(**inputs)
    output.loss.backward()
    assert torch.allclose(losses.total, output.loss, atol=1e-6)
    assert torch.allclose(losses.mlm_loss, output.mlm_loss, atol=1e-6)
    assert torch.allclose(losses.sop_loss, output.sop_loss, atol=1e-6)
    predicted = output.prediction_logits.argmax(-1).numpy()
    assert losses.mlm_accuracy == pytest.approx((predicted == batch.labels).sum() / 7)
    told = output.sop_logits.argmax(-1).numpy()
    assert losses.sop_accuracy == pytest.approx((told == batch.sentence_order_label).sum() / 3)
    for name, expected in gradients(objective).items():
        assert expected is not None
        assert torch.allclose(ours[name], expected, atol=1e-6), name  # type: ignore[arg-type]


def test_parts_of_a_step_add_up_to_the_whole(objective: PretrainingObjective) -> None:
    batch = random_batch()
    whole = objective(batch)
    whole.total.backward()
    expected = gradients(objective)
    parts = [rows(batch, part) for part in (slice(0, 1), slice(1, 2), slice(2, 3), slice(3, 4))]
    counts = sum(map(Counts.of, parts), start=Counts(0, 0))
    assert counts == Counts.of(batch) == Counts(masked=7, ordered=3)
    shares = []
    for part in parts:
        shares.append(objective(part, counts))
        shares[-1].total.backward()
    for field in fields(Losses):
        share = sum(getattr(each, field.name) for each in shares)
        assert torch.allclose(share, getattr(whole, field.name), atol=1e-6), field.name
    for name, gradient in gradients(objective).items():
        assert torch.allclose(gradient, expected[name], atol=1e-6), name  # type: ignore[arg-type]


def test_a_step_without_labelled_pairs_leaves_their_head_alone(
    objective: PretrainingObjective,
) -> None:
    losses = objective(random_batch(orders=[-100] * 4))
    losses.total.backward()
    assert losses.sop_loss == losses.sop_accuracy == 0
    without = {name for name, gradient in gradients(objective).items() if gradient is None}
    heads = ("model.albert.pooler", "model.sop_classifier.classifier")
    assert without == {f"{head}.{kind}" for head in heads for kind in ("weight", "bias")}


def test_a_batch_without_labels_in_a_step_with_some_gives_zeros(
    objective: PretrainingObjective,
) -> None:
    batch = random_batch(orders=[-100] * 4)
    batch.labels[:] = IGNORED
    losses = objective(batch, Counts(masked=5, ordered=2))
    losses.total.backward()
    assert all(value == 0 for value in vars(losses).values())
    for name, gradient in gradients(objective).items():
        assert gradient is not None, name
        assert not gradient.any(), name


class NoReading(TorchDispatchMode):
    """Refuses operations for which the host waits for values of a device."""

    def __torch_dispatch__(  # type: ignore[override]
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        assert name not in {"_local_scalar_dense", "nonzero", "masked_select", "is_nonzero"}
        if name == "index":
            assert all(index.dtype != torch.bool for index in args[1] if index is not None)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("lengths", [(9, 9, 9, 9), (9, 8, 9, 9), (9, 4, 2, 3)])
def test_nothing_waits_for_a_device(
    lengths: tuple[int, ...], objective: PretrainingObjective, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = random_batch(lengths)
    layout = Layout.of(torch.from_numpy(batch.attention_mask).bool(), *batch.input_ids.shape)
    monkeypatch.setattr(Layout, "of", lambda *_: layout)  # which reads the host's mask
    with NoReading():
        objective(batch).total.backward()
