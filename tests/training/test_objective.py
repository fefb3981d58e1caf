"""The objective: of parts of a step as of the whole, and without waiting for a device."""

import copy
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from batches import random_batch
from torch import Tensor
from torch._ops import OpOverload
from torch.nn.attention import varlen
from torch.utils._python_dispatch import TorchDispatchMode

from albertlm import AlbertConfig, AlbertForPreTraining
from albertlm.models import layer
from albertlm.models.heads import IGNORED
from albertlm.models.layer import Layout
from albertlm.pretraining.loader import Batch
from albertlm.training.objective import Counts, Losses, PretrainingObjective

Make = Callable[..., AlbertConfig]


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


def plain_packed(q: Tensor, k: Tensor, v: Tensor, *bounds: Any) -> Tensor:
    """What PyTorch's kernel for texts without padding computes, which is for GPUs only."""
    (of_queries, of_keys), heads_first = bounds[:2], lambda x: x.transpose(0, 1)
    sizes = [at.diff().tolist() for at in (of_queries, of_keys, of_keys)]
    texts = zip(*(x.split(size) for x, size in zip((q, k, v), sizes, strict=True)), strict=True)
    contexts = [F.scaled_dot_product_attention(*map(heads_first, text)) for text in texts]
    return torch.cat([heads_first(each) for each in contexts])


def losses_and_gradients(objective: PretrainingObjective, batch: Batch) -> list[Tensor]:
    objective.zero_grad()
    losses = objective(batch)
    losses.total.backward()
    gradients = [each.grad for each in objective.parameters() if each.grad is not None]
    return [losses.total.detach(), losses.mlm_accuracy, *gradients]


@pytest.mark.parametrize("lengths", [(9, 4, 3, 3), (9, 9, 9, 9)])
def test_texts_without_padding(
    lengths: tuple[int, ...], objective: PretrainingObjective, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = random_batch(lengths)
    expected = losses_and_gradients(objective, batch)
    if min(lengths) == max(lengths):  # on a CPU these have no starts
        starts_C = torch.arange(len(lengths) + 1, dtype=torch.int32) * max(lengths)
        full = Layout(len(lengths), max(lengths), starts_C=starts_C)
        monkeypatch.setattr(Layout, "of", lambda *_: full)
    monkeypatch.setattr(layer, "packs", lambda *_: True)
    monkeypatch.setattr(varlen, "varlen_attn", plain_packed)
    for found, value in zip(losses_and_gradients(objective, batch), expected, strict=True):
        assert torch.allclose(found, value, atol=1e-5)


@pytest.mark.slow
def test_compiled(objective: PretrainingObjective) -> None:
    """Two graphs of the layer, for all rows and for those that are read, whatever the shapes."""
    compiled = PretrainingObjective(copy.deepcopy(objective.model), compiled=True)
    torch.compiler.reset()
    for lengths in ((9, 4, 3, 3), (9, 9, 9, 2), (5, 4, 1, 3)):
        batch = random_batch(lengths)
        pairs = zip(
            losses_and_gradients(compiled, batch),
            losses_and_gradients(objective, batch),
            strict=True,
        )
        assert all(torch.allclose(found, value, atol=1e-5) for found, value in pairs)


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
    mask = torch.from_numpy(batch.attention_mask).bool()
    layout = Layout.of(mask, *mask.shape, torch.device("cpu"))
    monkeypatch.setattr(Layout, "of", lambda *_: layout)  # which reads the host's mask
    with NoReading():
        objective(batch).total.backward()
