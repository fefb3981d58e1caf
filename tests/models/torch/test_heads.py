"""The heads' losses against their formulas, and what their inputs must be."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from albertlm import AlbertConfig
from albertlm.models.torch.heads import (
    AlbertForMaskedLM,
    AlbertForMultipleChoice,
    AlbertForPreTraining,
    AlbertForQuestionAnswering,
    AlbertForSentenceOrder,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
    mean_cross_entropy,
)

Make = Callable[..., AlbertConfig]


def ids(rows: int = 3, length: int = 8) -> Tensor:
    torch.manual_seed(1)
    return torch.randint(5, 70, (rows, length))


def test_pretraining_loss_is_the_sum_of_both_means(tiny_config: Make) -> None:
    model = AlbertForPreTraining(tiny_config()).eval()
    labels = ids().masked_fill(torch.arange(8) % 3 > 0, -100)
    order = torch.tensor([0, -100, 1])
    output = model(ids(), labels=labels, sentence_order_label=order)
    mlm = F.cross_entropy(output.prediction_logits.flatten(0, 1), labels.flatten())
    sop = F.cross_entropy(output.sop_logits, order)
    assert torch.allclose(output.loss, mlm + sop)
    assert torch.allclose(output.mlm_loss, mlm)
    positions = torch.tensor([[0, 3, 6]] * 3)
    there = model(ids(), masked_positions=positions, labels=labels.gather(1, positions))
    assert torch.allclose(there.mlm_loss, mlm, atol=1e-6)
    assert there.sop_loss is None


def test_a_loss_without_labels_is_zero(tiny_config: Make) -> None:
    model = AlbertForMaskedLM(tiny_config())
    loss = model(ids(), labels=torch.full((3, 8), -100)).loss
    loss.backward()
    assert loss == 0


@pytest.mark.parametrize(
    ("problem", "num_labels", "labels"),
    [
        (None, 1, torch.tensor([0.5, -1.0, 2.0])),
        (None, 4, torch.tensor([3, 0, 1])),
        (None, 4, torch.tensor([[0.0, 1.0, 1.0, 0.0]] * 3)),
        ("regression", 1, torch.tensor([0.5, -1.0, 2.0])),
        ("regression", 4, torch.tensor([[0.5, -1.0, 2.0, 0.0]] * 3)),
        ("single_label_classification", 4, torch.tensor([3, 0, 1])),
        ("multi_label_classification", 4, torch.tensor([[0.0, 1.0, 1.0, 0.0]] * 3)),
    ],
)
def test_losses_of_a_classifier_are_those_of_transformers(
    problem: str | None, num_labels: int, labels: Tensor, tiny_config: Make
) -> None:
    config = tiny_config(num_labels=num_labels, problem_type=problem)
    ours = AlbertForSequenceClassification(config).eval()
    theirs = transformers.AlbertForSequenceClassification(
        transformers.AlbertConfig(**config.to_dict())
    )
    theirs.load_state_dict(ours.state_dict())
    expected = theirs.eval()(ids(), labels=labels).loss
    assert torch.allclose(ours(ids(), labels=labels).loss, expected, rtol=1e-5)


@pytest.mark.parametrize("problem", ["regression", "multi_label_classification", None])
def test_labels_of_another_shape_are_refused(problem: str | None, tiny_config: Make) -> None:
    model = AlbertForSequenceClassification(tiny_config(num_labels=4, problem_type=problem))
    wanted = rf"shape \(3,\); for {problem or 'fractions'} it must be \(3, 4\)"
    with pytest.raises(ValueError, match=wanted):
        model(ids(), labels=torch.tensor([1.0, 2.0, 0.0]))


def test_multiple_choice_needs_three_dimensions(tiny_config: Make) -> None:
    model = AlbertForMultipleChoice(tiny_config()).eval()
    choices = ids(6).view(2, 3, 8)
    output = model(choices, labels=torch.tensor([0, 2]))
    assert output.logits.shape == (2, 3)
    assert torch.allclose(output.logits[1, 0], model(choices[1:, :1]).logits[0, 0], atol=1e-5)
    with pytest.raises(ValueError, match=r"\(texts, choices, tokens\)"):
        model(ids())


def test_answers_past_the_end_are_ignored(tiny_config: Make) -> None:
    model = AlbertForQuestionAnswering(tiny_config()).eval()
    start, end = torch.tensor([1, 99, -100]), torch.tensor([2, 99, -100])
    output = model(ids(), start_positions=start, end_positions=end)
    one = model(ids()[:1], start_positions=start[:1], end_positions=end[:1])
    assert torch.allclose(output.loss, one.loss, atol=1e-6)


@given(st.lists(st.sampled_from([-100, 0, 1, 2]), min_size=1, max_size=9))
def test_the_mean_is_that_of_pytorch_where_a_label_counts(labels: list[int]) -> None:
    torch.manual_seed(0)
    logits, gold = torch.randn(len(labels), 3), torch.tensor(labels)
    found = mean_cross_entropy(logits, gold)
    counted = gold != -100
    expected = F.cross_entropy(logits[counted], gold[counted]) if counted.any() else torch.zeros(())
    torch.testing.assert_close(found, expected)
    half = mean_cross_entropy(logits.bfloat16(), gold)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, mean_cross_entropy(logits.bfloat16().float(), gold))


def test_each_token_has_a_class(tiny_config: Make) -> None:
    model = AlbertForTokenClassification(tiny_config(num_labels=5)).eval()
    labels = torch.randint(0, 5, (3, 8)).masked_fill(torch.arange(8) == 0, -100)
    output = model(ids(), labels=labels)
    assert output.logits.shape == (3, 8, 5)
    expected = F.cross_entropy(output.logits[:, 1:].flatten(0, 1), labels[:, 1:].flatten())
    assert torch.allclose(output.loss, expected)


def test_the_order_of_sentences_is_that_of_the_pretraining_model(tiny_config: Make) -> None:
    whole = AlbertForPreTraining(tiny_config()).eval()
    model = AlbertForSentenceOrder(tiny_config()).eval()
    model.load_state_dict(whole.state_dict(), strict=False)
    order = torch.tensor([0, 1, 1])
    expected = whole(ids(), sentence_order_label=order)
    output = model(ids(), labels=order)
    assert torch.allclose(output.logits, expected.sop_logits, atol=1e-6)
    assert torch.allclose(output.loss, expected.loss, atol=1e-6)


def test_a_class_for_a_text(tiny_config: Make) -> None:
    model = AlbertForSequenceClassification(tiny_config(num_labels=3)).eval()
    output = model(ids(), labels=torch.tensor([2, -100, 0]))
    expected = F.cross_entropy(output.logits[[0, 2]], torch.tensor([2, 0]))
    assert torch.allclose(output.loss, expected)
    assert model(ids()).loss is None
