"""Google's head for SQuAD 2.0 against a plain one, token by token; and bad answers."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from albertlm import AlbertConfig
from albertlm.config import BEAM
from albertlm.models.torch.squad import AlbertForSquadV2

Make = Callable[..., AlbertConfig]


@pytest.fixture
def model(tiny_config: Make) -> AlbertForSquadV2:
    torch.manual_seed(0)
    return AlbertForSquadV2(tiny_config()).eval()


def ids(length: int = 8) -> Tensor:
    torch.manual_seed(1)
    return torch.randint(5, 70, (3, length))


def plain_end_logits(model: AlbertForSquadV2, x_TD: Tensor, start: int) -> Tensor:
    """As `run_squad_v2.py` computes them: each token beside the start, through both layers."""
    pairs = torch.cat([x_TD, x_TD[start].expand_as(x_TD)], dim=-1)
    head = model.end_logits
    logits: Tensor = head.dense_1(head.LayerNorm(torch.tanh(head.dense_0(pairs))))
    return logits[:, 0]


def test_the_beam(model: AlbertForSquadV2) -> None:
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


def test_a_short_text_has_a_beam_of_its_length(model: AlbertForSquadV2) -> None:
    output = model(ids(3))
    assert output.start_positions.shape == (3, 3)
    assert output.end_positions.shape == (3, 3, 3)
    probabilities = output.start_log_probs.exp().sum(-1)
    assert torch.allclose(probabilities, torch.ones(3))
    assert model(ids()).start_positions.shape == (3, BEAM)


def test_the_loss(model: AlbertForSquadV2) -> None:
    start, end = torch.tensor([2, 0, 4]), torch.tensor([3, 0, 4])
    impossible = torch.tensor([0, 1, 0])
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


def test_every_parameter_is_trained(model: AlbertForSquadV2) -> None:
    at, impossible = torch.tensor([2, 0, 4]), torch.tensor([0, 1, 0])
    model(ids(), start_positions=at, end_positions=at, is_impossible=impossible).loss.backward()
    for name, parameter in model.named_parameters():
        # a shift of all keys, or of all logits, changes no softmax
        shifts = name.endswith(("key.bias", "start_logits.dense.bias", "end_logits.dense_1.bias"))
        assert parameter.grad is not None, name
        assert parameter.grad.any() or shifts, name


@pytest.mark.parametrize("wrong", [-1, 8])
@pytest.mark.parametrize("name", ["start", "end"])
def test_answers_outside_the_text_are_refused(
    name: str, wrong: int, model: AlbertForSquadV2
) -> None:
    right = torch.tensor([2, 0, 4])
    positions = {"start_positions": right, "end_positions": right}
    positions[f"{name}_positions"] = torch.tensor([2, 0, wrong])
    with pytest.raises(ValueError, match=f"{name}_positions must lie in 0 … 7; give 0, .CLS., w"):
        model(ids(), **positions, is_impossible=torch.tensor([0, 1, 0]))


def test_states_are_returned_where_they_are_asked_for(model: AlbertForSquadV2) -> None:
    assert len(model(ids(), output_hidden_states=True).hidden_states) == 4
    assert model(ids()).hidden_states is None
