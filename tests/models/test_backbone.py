"""What padding, reading few positions, and checkpointing may not change; and bad input."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertModel

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


def test_ffn_output_has_dropout(tiny_config: Make) -> None:
    layer = AlbertModel(tiny_config(hidden_dropout_prob=0.5)).encoder.albert_layer_groups[0]
    dropped = layer.albert_layers[0].dropout  # Google applies it, transformers does not
    assert dropped.p == 0.5
    called = []
    dropped.register_forward_hook(lambda *_: called.append(True))
    albert = AlbertModel(tiny_config(hidden_dropout_prob=0.5))
    albert.encoder.albert_layer_groups[0] = layer
    albert(texts([4])[0])
    assert len(called) == 3


def test_outputs_by_name_key_and_place(model: AlbertModel) -> None:
    output = model(texts([4])[0])
    assert output.keys() == ["last_hidden_state", "pooler_output"]
    assert output[0] is output["last_hidden_state"] is output.last_hidden_state
    assert output[:2] == output.to_tuple()
    with pytest.raises(KeyError, match="not 'attentions'"):
        output["attentions"]


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
