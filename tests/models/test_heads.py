"""The heads' losses against their formulas, and Google's SQuAD 2.0 head against a plain one."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from albertlm import (
    AlbertConfig,
    AlbertForMaskedLM,
    AlbertForMultipleChoice,
    AlbertForPreTraining,
    AlbertForQuestionAnswering,
    AlbertForSequenceClassification,
    AlbertForSquadV2,
)
from albertlm.models.cross_entropy import BLOCK_ROWS, vocabulary_cross_entropy

Make = Callable[..., AlbertConfig]


def ids(rows: int = 3, length: int = 8) -> Tensor:
    torch.manual_seed(1)
    return torch.randint(5, 70, (rows, length))


@pytest.mark.parametrize("count", [None, 1000])
@pytest.mark.parametrize("rows", [0, 1, BLOCK_ROWS + 3])
def test_vocabulary_cross_entropy(rows: int, count: int | None) -> None:
    torch.manual_seed(0)
    x = torch.randn(rows, 8, dtype=torch.float64, requires_grad=True)
    embeddings = torch.randn(50, 8, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(50, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 50, (rows,))
    loss, right = vocabulary_cross_entropy(x, embeddings, bias, labels, count)
    logits = x @ embeddings.T + bias
    expected = F.cross_entropy(logits, labels, reduction="sum") / (count or max(1, rows))
    assert torch.allclose(loss, expected.to(loss.dtype))
    assert right == (logits.argmax(1) == labels).sum()
    if rows:
        parameters = (x, embeddings, bias)
        gradients = torch.autograd.grad(2 * loss, parameters)
        for got, want in zip(gradients, torch.autograd.grad(2 * expected, parameters), strict=True):
            assert torch.allclose(got, want)


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


def test_one_label_is_a_regression(tiny_config: Make) -> None:
    model = AlbertForSequenceClassification(tiny_config(num_labels=1)).eval()
    target = torch.tensor([0.5, -1.0, 2.0])
    output = model(ids(), labels=target)
    assert torch.allclose(output.loss, ((output.logits[:, 0] - target) ** 2).mean())


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


def plain_end_logits(model: AlbertForSquadV2, x_TD: Tensor, start: int) -> Tensor:
    """As `run_squad_v2.py` computes them: each token beside the start, through both layers."""
    pairs = torch.cat([x_TD, x_TD[start].expand_as(x_TD)], dim=-1)
    head = model.end_logits
    return head.dense_1(head.LayerNorm(torch.tanh(head.dense_0(pairs))))[:, 0]


def test_squad_v2_beam(tiny_config: Make) -> None:
    torch.manual_seed(0)
    model = AlbertForSquadV2(tiny_config()).eval()
    barred = torch.zeros(3, 8, dtype=torch.bool)
    barred[:, :2] = True
    output = model(ids(), no_answer_mask=barred)
    x_BTD = model.albert(ids()).last_hidden_state
    for row in range(3):
        start_T = model.start_logits.dense(x_BTD[row])[:, 0].masked_fill(barred[row], -1e30)
        best = start_T.log_softmax(0).topk(5)
        assert output.start_positions[row].tolist() == best.indices.tolist()
        assert torch.allclose(output.start_log_probs[row], best.values)
        for rank, start in enumerate(best.indices.tolist()):
            end_T = plain_end_logits(model, x_BTD[row], start).masked_fill(barred[row], -1e30)
            ends = end_T.log_softmax(0).topk(5)
            assert output.end_positions[row, rank].tolist() == ends.indices.tolist()
            assert torch.allclose(output.end_log_probs[row, rank], ends.values, atol=1e-5)
        mean = start_T.softmax(0) @ x_BTD[row]
        hidden = torch.tanh(model.answer_class.dense_0(torch.cat([mean, x_BTD[row, 0]])))
        logit = model.answer_class.dense_1(hidden)[0]
        assert torch.allclose(output.unanswerable_logits[row], logit, atol=1e-5)


def test_squad_v2_loss(tiny_config: Make) -> None:
    torch.manual_seed(0)
    model = AlbertForSquadV2(tiny_config()).eval()
    start, end, impossible = (
        torch.tensor([2, 0, 4]),
        torch.tensor([3, 0, 4]),
        torch.tensor([0, 1, 0]),
    )
    output = model(ids(), start_positions=start, end_positions=end, is_impossible=impossible)
    x_BTD = model.albert(ids()).last_hidden_state
    starts = torch.stack([model.start_logits.dense(x)[:, 0] for x in x_BTD])
    ends = torch.stack(
        [plain_end_logits(model, x, int(at)) for x, at in zip(x_BTD, start, strict=True)]
    )
    span = (F.cross_entropy(starts, start) + F.cross_entropy(ends, end)) / 2
    answerable = F.binary_cross_entropy_with_logits(output.unanswerable_logits, impossible.float())
    assert torch.allclose(output.loss, span + answerable / 2, atol=1e-5)
    assert output.start_positions is None
    with pytest.raises(ValueError, match="start_positions must lie in 0 … 7"):
        model(ids(), start_positions=start - 1, end_positions=end, is_impossible=impossible)
    states = model(ids(), output_hidden_states=True).hidden_states
    assert len(states) == 4
