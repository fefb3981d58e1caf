"""The losses of fine-tuning: those of the models, and means over all labels of a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from albertlm import AlbertConfig
from albertlm.config import IGNORED
from albertlm.models.torch.pretrained import PreTrainedModel
from albertlm.tasks.task import TaskHead
from albertlm.training.labelled import Feature, LabelledBatch, LabelledData, TokenRow
from albertlm.training.losses import TaskLoss, model_class

MakeConfig = Callable[..., AlbertConfig]
Make = Callable[..., PreTrainedModel]


@pytest.fixture
def make(tiny_config: MakeConfig) -> Make:
    def model(head: TaskHead, *, conditional: bool = False, **changes: Any) -> PreTrainedModel:
        torch.manual_seed(0)
        return model_class(head, conditional=conditional)(tiny_config(**changes)).eval()

    return model


def batch_of(lengths: Sequence[int], labels: Sequence[Any], rows: int = 1) -> LabelledBatch:
    """A batch of random tokens, `[CLS] 5 tokens [SEP] the rest [SEP]`, with labels."""
    rng = np.random.default_rng(0)
    features = []
    for length, label in zip(lengths, labels, strict=True):
        made = []
        for _ in range(rows):
            ids = [2, *rng.integers(5, 70, 5).tolist(), 3, *rng.integers(5, 70, length - 8), 3]
            made.append(TokenRow.of(ids, [0] * 7 + [1] * (length - 7)))
        features.append(Feature(tuple(made), np.array(label)))
    return LabelledData(features, len(features), seed=0, pad_id=0).batch(np.arange(len(features)))


def tensors(batch: LabelledBatch) -> tuple[torch.Tensor, ...]:
    arrays = batch.input_ids, batch.attention_mask, batch.token_type_ids
    return tuple(map(torch.from_numpy, arrays))


def gradients(
    model: PreTrainedModel, loss: TaskLoss, batches: Sequence[LabelledBatch]
) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss of a step in several batches, and the gradients."""
    model.zero_grad()
    labels = sum(map(loss.count, batches))
    total = 0.0
    for batch in batches:
        share = loss(model, batch, labels)
        share.backward()
        total += share.item()
    named = model.named_parameters()
    return total, {name: each.grad.clone() for name, each in named if each.grad is not None}


WORDS = [[IGNORED, 1] + [IGNORED] * 8, [IGNORED] + [0, 1, 2, 1] * 10]
TOKENS = TaskLoss(head="token-classification")
CASES: dict[str, tuple[TaskHead, TaskLoss, LabelledBatch, dict[str, Any]]] = {
    "classes": (
        "sequence-classification",
        TaskLoss(head="sequence-classification", problem="single_label_classification"),
        batch_of([12, 30, 9], [[0], [2], [1]]),
        {"num_labels": 3},
    ),
    "several labels": (
        "sequence-classification",
        TaskLoss(head="sequence-classification", problem="multi_label_classification"),
        batch_of([12, 30, 9], np.float32([[0, 1, 1], [0, 0, 0], [1, 0, 1]])),  # type: ignore[arg-type]
        {"num_labels": 3},
    ),
    "numbers": (
        "sequence-classification",
        TaskLoss(head="sequence-classification", problem="regression"),
        batch_of([12, 30, 9], np.float32([[4.2], [0], [-100]])),  # type: ignore[arg-type]
        {"num_labels": 1},
    ),
    "tokens": ("token-classification", TOKENS, batch_of([10, 41], WORDS), {"num_labels": 3}),
    "choices": (
        "multiple-choice",
        TaskLoss(head="multiple-choice"),
        batch_of([12, 30, 9], [[0], [2], [1]], rows=3),
        {},
    ),
    "answers": (
        "question-answering",
        TaskLoss(head="question-answering"),
        batch_of([12, 30, 9], [[8, 9], [0, 0], [7, 7]]),
        {},
    ),
    "answers after their starts": (
        "question-answering",
        TaskLoss(head="question-answering"),
        batch_of([12, 30, 9], [[8, 9], [0, 0], [7, 7]]),
        {"conditional": True},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_parts_of_a_step_add_up_to_the_whole(name: str, make: Make) -> None:
    head, loss, batch, changes = CASES[name]
    model = make(head, initializer_range=0.1, **changes)
    whole = gradients(model, loss, [batch])
    parts = gradients(model, loss, [batch.take(slice(at, at + 1)) for at in range(len(batch))])
    assert parts[0] == pytest.approx(whole[0], rel=1e-5)
    assert parts[1].keys() == whole[1].keys()
    for key, gradient in whole[1].items():
        scale = float(gradient.abs().max()) or 1.0
        assert torch.allclose(parts[1][key], gradient, atol=1e-6 * max(1.0, scale)), key


def expected(name: str, model: PreTrainedModel, batch: LabelledBatch) -> torch.Tensor:
    """The mean loss by the logits of the model, one example at a time."""
    losses = []
    for at in range(len(batch)):
        part = batch.take(slice(at, at + 1))
        gold = torch.from_numpy(part.labels)
        inputs = tensors(part)
        match name:
            case "classes":
                logits = model(*inputs).logits[0]
                losses.append(-logits.log_softmax(-1)[gold[0, 0]])
            case "several labels":
                p = model(*inputs).logits[0].sigmoid()
                losses.append(-(gold[0] * p.log() + (1 - gold[0]) * (1 - p).log()).mean())
            case "numbers":
                losses.append((model(*inputs).logits[0, 0] - gold[0, 0]) ** 2)
            case "choices":
                logits = model(*(each[None] for each in inputs)).logits[0]
                losses.append(-logits.log_softmax(-1)[gold[0, 0]])
            case "answers":
                output = model(*inputs)
                allowed = [0, *range(7, inputs[0].shape[1] - 1)]
                for logits, at_ in zip(
                    (output.start_logits, output.end_logits), gold[0], strict=True
                ):
                    kept = logits[0, allowed]
                    losses.append(-kept.log_softmax(-1)[allowed.index(int(at_))])
            case "answers after their starts":
                barred = torch.ones_like(inputs[0])
                barred[0, 0] = barred[0, 7:-1] = 0
                losses.append(
                    model(
                        *inputs,
                        no_answer_mask=barred,
                        start_positions=gold[:, 0],
                        end_positions=gold[:, 1],
                        is_impossible=(gold[:, 0] == 0).long(),
                    ).loss
                )
    return torch.stack(losses).mean()


@pytest.mark.parametrize("name", [name for name in CASES if name != "tokens"])
def test_the_loss_by_the_logits_of_the_model(name: str, make: Make) -> None:
    head, loss, batch, changes = CASES[name]
    model = make(head, **changes)
    with torch.no_grad():
        found = loss(model, batch, loss.count(batch))
        assert float(found) == pytest.approx(float(expected(name, model, batch)), rel=1e-4)


def test_a_mean_over_all_words_of_a_step(make: Make) -> None:
    model, batch = make("token-classification", num_labels=3).double(), batch_of([10, 41], WORDS)
    whole, of_whole = gradients(model, TOKENS, [batch])
    logits = model(*tensors(batch)).logits.flatten(0, 1)
    gold = torch.from_numpy(batch.labels).flatten()
    assert TOKENS.count(batch) == 41
    assert whole == pytest.approx(F.cross_entropy(logits, gold).item(), rel=1e-5)
    parts, of_parts = gradients(model, TOKENS, [batch.take(slice(0, 1)), batch.take(slice(1, 2))])
    assert parts == pytest.approx(whole, rel=1e-6)
    for name, gradient in of_whole.items():
        assert torch.allclose(of_parts[name], gradient, atol=1e-9), name


def test_a_batch_without_labels_is_no_number_to_fear(make: Make) -> None:
    model = make("token-classification", num_labels=3)
    batch = batch_of([10], [[IGNORED] * 10])
    loss = TOKENS(model, batch, 0)
    loss.backward()
    assert float(loss) == 0
    assert all(not each.grad.isnan().any() for each in model.parameters() if each.grad is not None)


def test_choices_in_chunks(make: Make) -> None:
    model, batch = make("multiple-choice").double(), CASES["choices"][2]
    loss, of_whole = gradients(model, TaskLoss(head="multiple-choice"), [batch])
    chunked, of_chunks = gradients(model, TaskLoss(head="multiple-choice", rows_at_once=2), [batch])
    assert chunked == pytest.approx(loss, rel=1e-6)
    for name, gradient in of_whole.items():
        assert torch.allclose(of_chunks[name], gradient, atol=1e-9), name


def test_different_numbers_of_choices(make: Make) -> None:
    model = make("multiple-choice")
    two, three = batch_of([12], [[1]], rows=2), batch_of([12], [[2]], rows=3)
    features = [
        Feature(
            tuple(
                TokenRow.of(ids, kinds)
                for ids, kinds in zip(each.input_ids, each.token_type_ids, strict=True)
            ),
            each.labels[0],
        )
        for each in (two, three)
    ]
    both = LabelledData(features, 2, seed=0, pad_id=0).batch(np.arange(2))
    loss = TaskLoss(head="multiple-choice")
    apart = [loss(model, each, 2) for each in (two, three)]
    assert float(loss(model, both, 2)) == pytest.approx(float(sum(apart)), rel=1e-5)


def test_class_weights_and_smoothing(make: Make) -> None:
    head, _, batch, changes = CASES["classes"]
    model = make(head, **changes)
    loss = TaskLoss(
        head=head,
        problem="single_label_classification",
        class_weights=(0.5, 2.0, 1.0),
        smoothing=0.1,
    )
    with torch.no_grad():
        log_p = model(*tensors(batch)).logits.log_softmax(-1)
        found = float(loss(model, batch, 3))
    weights = torch.tensor([0.5, 2.0, 1.0])
    by_hand = 0.0
    for row, label in zip(log_p, batch.labels[:, 0], strict=True):
        by_hand -= float(0.9 * weights[label] * row[label] + 0.1 * (weights * row).sum() / 3)
    assert found == pytest.approx(by_hand / 3, rel=1e-4)


@pytest.mark.parametrize("changes", [{"smoothing": 0.1}, {"class_weights": (1.0, 1.0)}])
def test_what_only_exclusive_classes_have(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="need classes that exclude each other"):
        TaskLoss(head="sequence-classification", problem="regression", **changes)
    with pytest.raises(ValueError, match="smoothing=1 is not allowed"):
        TaskLoss(head="token-classification", smoothing=1)
    with pytest.raises(ValueError, match="conditional=True is not allowed"):
        model_class("multiple-choice", conditional=True)
