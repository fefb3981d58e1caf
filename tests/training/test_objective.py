"""The objective: parts of a step add up, and nothing waits for a device."""

import copy
from collections.abc import Callable
from dataclasses import fields
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from batches import random_batch
from no_reading import NoReading
from torch import Tensor
from torch._ops import OpOverload
from torch.nn.attention import varlen
from torch.utils._python_dispatch import TorchDispatchMode

from albertlm import AlbertConfig, AlbertForPreTraining
from albertlm.config import IGNORED
from albertlm.data.batches import Batch, Position
from albertlm.data.loader import PretrainingData
from albertlm.data.masking import MaskingConfig
from albertlm.data.token_shards import TokenPart
from albertlm.models.torch import layer
from albertlm.models.torch.layer import Layout
from albertlm.training.objective import VALUES, PretrainingObjective, count

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
    del inputs["epochs"], inputs["examples"], inputs["is_mask"]  # which no model reads
    output = objective.model(**inputs)
    output.loss.backward()
    assert torch.allclose(losses.total, output.loss, atol=1e-6)
    values = dict(zip(VALUES, losses.values.tolist(), strict=True))
    assert values["total"] == pytest.approx(losses.total.item())
    assert values["mlm_loss"] == pytest.approx(output.mlm_loss.item(), abs=1e-6)
    assert values["sop_loss"] == pytest.approx(output.sop_loss.item(), abs=1e-6)
    predicted = output.prediction_logits.argmax(-1).numpy()
    assert values["mlm_accuracy"] == pytest.approx((predicted == batch.labels).sum() / 7)
    right = (predicted == batch.labels)[batch.is_mask]
    assert values["mask_accuracy"] == pytest.approx(right.mean())
    told = output.sop_logits.argmax(-1).numpy()
    assert values["sop_accuracy"] == pytest.approx((told == batch.sentence_order_label).sum() / 3)
    for name, expected in gradients(objective).items():
        assert expected is not None
        assert torch.allclose(ours[name], expected, atol=1e-6), name  # type: ignore[arg-type]


def test_parts_of_a_step_add_up_to_the_whole(objective: PretrainingObjective) -> None:
    batch = random_batch()
    whole = objective(batch)
    whole.total.backward()
    expected = gradients(objective)
    parts = [rows(batch, part) for part in (slice(0, 1), slice(1, 2), slice(2, 3), slice(3, 4))]
    counts = count(batch)
    assert counts == {"masked": 7, "replaced": batch.is_mask.sum(), "pairs": 3}
    assert {name: sum(count(part)[name] for part in parts) for name in counts} == counts
    shares = []
    for part in parts:
        shares.append(objective(part, counts))
        shares[-1].total.backward()
    total = sum(share.total.item() for share in shares)
    assert total == pytest.approx(whole.total.item(), abs=1e-6)
    assert torch.allclose(torch.stack([each.values for each in shares]).sum(0), whole.values)
    for name, gradient in gradients(objective).items():
        assert torch.allclose(gradient, expected[name], atol=1e-6), name  # type: ignore[arg-type]


def test_a_step_without_labelled_pairs_leaves_their_head_alone(
    objective: PretrainingObjective,
) -> None:
    losses = objective(random_batch(orders=[-100] * 4))
    losses.total.backward()
    assert losses.values[[2, 5]].tolist() == [0, 0]
    without = {name for name, gradient in gradients(objective).items() if gradient is None}
    heads = ("model.albert.pooler", "model.sop_classifier.classifier")
    assert without == {f"{head}.{kind}" for head in heads for kind in ("weight", "bias")}


def test_a_batch_without_labels_in_a_step_with_some_gives_zeros(
    objective: PretrainingObjective,
) -> None:
    batch = random_batch(orders=[-100] * 4)
    batch.labels[:] = IGNORED
    losses = objective(batch, {"masked": 5, "replaced": 4, "pairs": 2})
    losses.total.backward()
    assert not losses.values.any()
    for name, gradient in gradients(objective).items():
        assert gradient is not None, name
        assert not gradient.any(), name


def plain_packed(q: Tensor, k: Tensor, v: Tensor, *bounds: Any) -> Tensor:
    """Computes the same as PyTorch's kernel for texts without padding, which needs a GPU."""
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
    return [losses.total.detach(), losses.values, *gradients]


@pytest.mark.parametrize("lengths", [(16, 4, 3, 3), (16, 16, 16, 16), (64, 50, 33, 40)])
def test_texts_without_padding(
    lengths: tuple[int, ...], objective: PretrainingObjective, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = random_batch(lengths)
    expected = losses_and_gradients(objective, batch)
    mask_BT = torch.from_numpy(batch.attention_mask).bool()
    monkeypatch.setattr(layer, "to_device", lambda x, _: x)
    packed = Layout.of(mask_BT, len(lengths), max(lengths), torch.device("cuda"))
    monkeypatch.setattr(Layout, "of", lambda *_: packed)  # as on a GPU
    monkeypatch.setattr(layer, "packs", lambda *_: True)
    monkeypatch.setattr(varlen, "varlen_attn", plain_packed)
    for found, value in zip(losses_and_gradients(objective, batch), expected, strict=True):
        assert torch.allclose(found, value, atol=1e-5)


@pytest.mark.slow
def test_compiled(objective: PretrainingObjective) -> None:
    """With two graphs of the layer, for all rows and for read positions, of several shapes."""
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


@pytest.mark.parametrize("lengths", [(16, 16, 16, 16), (16, 15, 16, 16), (16, 4, 2, 3)])
def test_nothing_waits_for_a_device(
    lengths: tuple[int, ...], objective: PretrainingObjective, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = random_batch(lengths)
    mask = torch.from_numpy(batch.attention_mask).bool()
    layout = Layout.of(mask, mask.shape[0], mask.shape[1], torch.device("cpu"))
    monkeypatch.setattr(Layout, "of", lambda *_: layout)  # which reads the host's mask
    with NoReading():
        objective(batch).total.backward()


class Shapes(TorchDispatchMode):
    """Collects the shapes of the arguments of matrix products, for which CPUs have kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[object] = set()

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in {"mm", "addmm", "bmm", "baddbmm"}:
            self.seen.add((name, *(each.shape for each in args if isinstance(each, torch.Tensor))))
        return func(*args, **(kwargs or {}))


def test_ragged_batches_have_few_shapes(
    objective: PretrainingObjective,
    make_tokens: Callable[..., TokenPart],
    many_documents: list[list[str]],
) -> None:
    """Each shape has kernels that stay in memory: in many steps, there are hardly more of them."""
    data = PretrainingData(
        make_tokens(many_documents),
        length=64,
        masking=MaskingConfig(),
        seed=0,
        short_probability=0.5,
    )
    shapes, numbers, counts = Shapes(), set(), []
    for batch, _ in islice(data.stream(Position(), 16), 60):
        numbers.add((int(batch.attention_mask.sum()), int((batch.labels >= 0).sum())))
        with shapes, torch.autocast("cpu", torch.bfloat16):
            objective(batch).total.backward()
        counts.append(len(shapes.seen))
    assert len(numbers) > 50  # without rounding, there would be kernels for each
    assert counts[-1] <= 1.1 * counts[29]
    assert counts[-1] < 200


def test_rows_for_few_shapes_change_nothing(objective: PretrainingObjective) -> None:
    """The loss and gradients are those of rows one at a time, which are not rounded up."""
    batch = random_batch(tuple(range(3, 43)), np.arange(40) % 2)
    found = []
    for size in (40, 1):
        objective.zero_grad()
        for start in range(0, 40, size):
            part = batch.take(slice(start, start + size))
            losses = objective(part, count(batch))
            losses.total.backward()
        found.append(torch.cat([each.grad.flatten() for each in objective.parameters()]))  # type: ignore[union-attr]
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)
