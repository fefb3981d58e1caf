"""Embeddings; what padding, few positions and checkpointing may not change; and bad input."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from albertlm import AlbertConfig, AlbertForPreTraining
from albertlm.models.torch.backbone import AlbertEmbeddings, AlbertModel
from albertlm.models.torch.layer import AlbertAttention, AlbertLayer

Make = Callable[..., AlbertConfig]


@pytest.fixture
def model(tiny_config: Make) -> AlbertModel:
    torch.manual_seed(0)
    return AlbertModel(tiny_config(num_hidden_groups=2, inner_group_num=2)).eval()


def texts(lengths: list[int]) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return torch.randint(5, 70, mask.shape) * mask, mask


@pytest.mark.parametrize("lengths", [[9, 9], [9, 8, 9, 9], [9, 2, 1]])
def test_padding_changes_nothing(model: AlbertModel, lengths: list[int]) -> None:
    ids, mask = texts(lengths)
    output = model(ids, mask, output_hidden_states=True, output_attentions=True)
    for row, length in enumerate(lengths):
        alone = model(ids[row : row + 1, :length], output_hidden_states=True)
        for together, single in zip(output.hidden_states, alone.hidden_states, strict=True):
            assert torch.allclose(together[row, :length], single[0], atol=1e-5)
        assert torch.allclose(output.pooler_output[row], alone.pooler_output[0], atol=1e-5)
    for weights in output.attentions:
        assert torch.allclose(weights.sum(-1), torch.ones(()))


@pytest.mark.parametrize("lengths", [[9, 9], [9, 3]])
def test_reading_some_positions_gives_their_rows(model: AlbertModel, lengths: list[int]) -> None:
    ids, mask = texts(lengths)
    read = torch.tensor([[0, 2, 1], [0, 0, 2]])
    full, some = model(ids, mask), model(ids, mask, read_positions=read)
    expected = full.last_hidden_state.take_along_dim(read[:, :, None], 1)
    assert torch.allclose(some.last_hidden_state, expected, atol=1e-5)
    assert torch.allclose(some.pooler_output, full.pooler_output, atol=1e-5)
    states = model(ids, mask, read_positions=read, output_hidden_states=True)
    assert torch.allclose(states.last_hidden_state, expected, atol=1e-5)
    assert states.hidden_states[-1].shape == full.last_hidden_state.shape


def test_activation_checkpointing_gives_the_same_gradients(tiny_config: Make) -> None:
    ids, mask = texts([9, 3])
    gradients = []
    for enabled in (False, True):
        torch.manual_seed(0)
        model = AlbertForPreTraining(tiny_config(hidden_dropout_prob=0.2)).train()
        model.albert.activation_checkpointing(enabled)
        torch.manual_seed(5)
        model(ids, mask, labels=ids, sentence_order_label=torch.tensor([0, 1])).loss.backward()
        gradients.append([p.grad for p in model.parameters() if p.grad is not None])
    for plain, checkpointed in zip(*gradients, strict=True):
        assert torch.allclose(plain, checkpointed, atol=1e-6)


def test_embeddings_are_the_normed_sum_of_three(tiny_config: Make) -> None:
    torch.manual_seed(0)
    embeddings = AlbertEmbeddings(tiny_config()).eval()
    ids, types, places = torch.tensor([7, 9, 7]), torch.tensor([0, 1, 1]), torch.tensor([0, 1, 2])
    one_hot = torch.nn.functional.one_hot
    summed = (
        one_hot(ids, 70).float() @ embeddings.word_embeddings.weight
        + one_hot(types, 2).float() @ embeddings.token_type_embeddings.weight
        + one_hot(places, 64).float() @ embeddings.position_embeddings.weight
    )
    expected = (summed - summed.mean(-1, keepdim=True)) / summed.std(-1, False, keepdim=True)
    assert torch.allclose(embeddings(ids, types, places), expected, atol=1e-5)


def test_segments_and_places_are_0_and_counted_where_they_are_left_out(model: AlbertModel) -> None:
    ids, mask = texts([9, 4])
    told = model(ids, mask, torch.zeros_like(ids), torch.arange(9)[None])
    assert torch.equal(model(ids, mask).last_hidden_state, told.last_hidden_state)
    other = model(ids, mask, torch.ones_like(ids)).last_hidden_state
    assert not torch.allclose(other, told.last_hidden_state)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"input_ids": torch.tensor([[70]])}, "input_ids holds 70.*vocab_size=70.*0 … 69"),
        ({"input_ids": torch.tensor([[-1]])}, "input_ids holds -1"),
        ({"input_ids": torch.tensor([5])}, r"shape \(1,\)"),
        ({"input_ids": torch.zeros(0, 4, dtype=torch.long)}, "none of them 0"),
        ({"input_ids": torch.full((1, 65), 5)}, "65 tokens are more than the model's 64"),
        ({"input_ids": torch.tensor([[5.0]])}, "torch.float32; it must hold integers"),
        ({"position_ids": torch.tensor([[0, 1, 2]])}, r"position_ids has shape \(1, 3\)"),
        ({"read_positions": torch.tensor([[0, 2]])}, "positions to read holds 2"),
        ({"read_positions": torch.tensor([0])}, r"positions to read have shape \(1,\)"),
        ({"token_type_ids": torch.tensor([[2, 0]])}, "token_type_ids holds 2"),
        ({"position_ids": torch.tensor([[0, 64]])}, "position_ids holds 64"),
        ({"attention_mask": torch.ones(1, 3)}, r"attention_mask has shape \(1, 3\)"),
    ],
)
def test_bad_input(model: AlbertModel, inputs: dict[str, Tensor], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        model(**{"input_ids": torch.tensor([[5, 6]]), **inputs})


@pytest.mark.parametrize("enabled", [False, True])
def test_states_between_layers_stay_in_bfloat16(
    enabled: bool, model: AlbertModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With LayerNorm in float32, as autocast computes it on a GPU."""
    normalise = torch.nn.LayerNorm.forward
    monkeypatch.setattr(torch.nn.LayerNorm, "forward", lambda norm, x: normalise(norm, x.float()))
    seen: list[Tensor] = []
    for module in model.modules():
        if isinstance(module, AlbertAttention | AlbertLayer):
            module.register_forward_hook(lambda _, __, outputs: seen.append(outputs[0]))
    model.bf16_residual(enabled)
    with torch.autocast("cpu", torch.bfloat16):
        model(torch.tensor([[2, 7, 8, 3]]))
    assert {x.dtype for x in seen} == {torch.bfloat16 if enabled else torch.float32}
    assert len(seen) == 2 * len(model.encoder.applications)
