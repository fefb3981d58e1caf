"""The shared layer against PyTorch's own, activations against formulas, and rows of tokens."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from albertlm import AlbertConfig
from albertlm.config import ACTIVATIONS, SHARED_MODULES
from albertlm.models.torch import layer as layers
from albertlm.models.torch.layer import AlbertEncoder, AlbertLayer, Layout, rounded_up

Make = Callable[..., AlbertConfig]

CPU = torch.device("cpu")
LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=6)


def mask_of(lengths: list[int]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def layout_of(lengths: list[int]) -> Layout:
    return Layout.of(mask_of(lengths), len(lengths), max(lengths), CPU)


@given(LENGTHS)
def test_rows_are_tokens_and_come_back_to_their_places(lengths: list[int]) -> None:
    mask, layout = mask_of(lengths), layout_of(lengths)
    x = torch.arange(mask.numel() * 2.0).view(*mask.shape, 2)
    rows = layout.gather(x)
    back = layout.scatter(rows)
    assert torch.equal(back[mask], x[mask])
    assert torch.equal(layout.gather(back), rows)
    if mask.float().mean() <= 0.9:
        count = int(mask.sum())
        more = len(rows) - count
        assert torch.equal(rows[:count], x[mask])
        assert torch.equal(rows[count:], x[~mask][:more])
        assert not back[~mask][more:].any()
    else:
        assert torch.equal(back, x)  # so little padding takes less time than leaving it out


@pytest.mark.parametrize(("device", "shapes"), [(CPU, 32), (torch.device("cuda"), 128)])
@given(st.integers(0, 5000), st.integers(1, 5000))
def test_rows_are_rounded_up_to_few_numbers(
    device: torch.device, shapes: int, number: int, most: int
) -> None:
    number = min(number, most)
    found = rounded_up(number, most, device)
    assert number <= found <= min(most, number + most // shapes + 1)
    assert len({rounded_up(each, most, device) for each in range(most + 1)}) <= shapes + 1


@given(LENGTHS)
def test_ids_are_gathered_as_states_are(lengths: list[int]) -> None:
    layout = layout_of(lengths)
    ids = torch.arange(len(lengths) * max(lengths)).view(len(lengths), -1)
    assert torch.equal(layout.gather(ids), layout.gather(ids[:, :, None])[:, 0])


@given(LENGTHS, st.integers(1, 3))
def test_read_positions_have_a_row_each(lengths: list[int], count: int) -> None:
    reading = layout_of(lengths).reading(torch.zeros(len(lengths), count, dtype=torch.long))
    rows = torch.randn(len(lengths) * count, 2)
    assert torch.equal(reading.scatter(rows), rows.view(len(lengths), count, 2))
    assert torch.equal(reading.gather(reading.scatter(rows)), rows)


def gelu(x: float) -> float:
    return x * (1 + math.erf(x / math.sqrt(2))) / 2


def gelu_new(x: float) -> float:
    return x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def relu(x: float) -> float:
    return max(0.0, x)


def silu(x: float) -> float:
    return x / (1 + math.exp(-x))


def quick_gelu(x: float) -> float:
    return x / (1 + math.exp(-1.702 * x))


FORMULAS = {
    "gelu": gelu,
    "gelu_new": gelu_new,
    "quick_gelu": quick_gelu,
    "relu": relu,
    "silu": silu,
    "tanh": math.tanh,
}


def test_every_activation_is_computed() -> None:
    assert set(layers.ACTIVATIONS) == set(FORMULAS) == set(ACTIVATIONS.values())


@pytest.mark.parametrize("name", FORMULAS)
@given(x=st.floats(-30, 30))
def test_activations_are_their_formulas(name: str, x: float) -> None:
    found = layers.ACTIVATIONS[name](torch.tensor(x, dtype=torch.float64)).item()
    assert found == pytest.approx(FORMULAS[name](x), abs=1e-12)


def drawn(config: AlbertConfig) -> AlbertLayer:
    """A layer in float64 whose biases and norms are random too."""
    torch.manual_seed(0)
    layer = AlbertLayer(config).double().eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.3)
    return layer


def as_pytorchs_own(layer: AlbertLayer, config: AlbertConfig) -> nn.TransformerEncoderLayer:
    """PyTorch's layer, with the norms behind the sums, of the same weights."""
    own = nn.TransformerEncoderLayer(
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size,
        dropout=0.0,
        activation=layers.ACTIVATIONS[config.activation],
        layer_norm_eps=config.layer_norm_eps,
        batch_first=True,
        dtype=torch.float64,
    )
    ours = layer.attention
    parts = (ours.query, ours.key, ours.value)
    own.load_state_dict(
        {
            "self_attn.in_proj_weight": torch.cat([each.weight for each in parts]),
            "self_attn.in_proj_bias": torch.cat([each.bias for each in parts]),
            **{f"self_attn.out_proj.{key}": x for key, x in ours.dense.state_dict().items()},
            **{f"norm1.{key}": x for key, x in ours.LayerNorm.state_dict().items()},
            **{f"linear1.{key}": x for key, x in layer.ffn.state_dict().items()},
            **{f"linear2.{key}": x for key, x in layer.ffn_output.state_dict().items()},
            **{f"norm2.{key}": x for key, x in layer.full_layer_layer_norm.state_dict().items()},
        }
    )
    return own


@pytest.mark.parametrize("activation", FORMULAS)
@pytest.mark.parametrize("lengths", [[7, 7], [9, 4, 1], [10, 10, 9]])
def test_a_layer_is_pytorchs_own(tiny_config: Make, lengths: list[int], activation: str) -> None:
    config = tiny_config(hidden_act=activation)
    layer, mask, layout = drawn(config), mask_of(lengths), layout_of(lengths)
    x = torch.randn(*mask.shape, config.hidden_size, dtype=torch.float64)
    rows, weights = layer(layout.gather(x), layout)
    assert weights is None
    own = as_pytorchs_own(layer, config)  # training, as its fast path is another formula
    expected = own(x, src_key_padding_mask=~mask)
    torch.testing.assert_close(layout.scatter(rows)[mask], expected[mask])


def test_rows_that_are_read_are_those_of_the_whole(tiny_config: Make) -> None:
    config = tiny_config()
    layer, layout = drawn(config), layout_of([9, 4, 6])
    x = torch.randn(3, 9, config.hidden_size, dtype=torch.float64)
    whole = layout.scatter(layer(layout.gather(x), layout)[0])
    positions = torch.tensor([[0, 8], [3, 1], [5, 5]])
    reading = layout.reading(positions)
    read = x.take_along_dim(positions[:, :, None], 1).flatten(0, 1)
    found, weights = layer(layout.gather(x), layout, (read, reading), weights=True)
    expected = whole.take_along_dim(positions[:, :, None], 1)
    torch.testing.assert_close(reading.scatter(found), expected)
    assert weights is not None
    assert weights.shape == (3, config.num_attention_heads, 2, 9)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 4, 2, dtype=torch.float64))


def test_dropout_is_in_the_three_places_of_googles_layer(tiny_config: Make) -> None:
    """Google drops the feed-forward block's output, where transformers does not."""
    config = tiny_config(hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.25)
    layer = AlbertLayer(config)
    assert layer.dropout.p == layer.attention.output_dropout.p == 0.5
    assert layer.attention.attention_dropout == 0.25
    called = []
    for module in (layer.dropout, layer.attention.output_dropout):
        module.register_forward_hook(lambda module, *_: called.append(module))
    layer(torch.randn(4, config.hidden_size), Layout(1, 4))
    assert called == [layer.attention.output_dropout, layer.dropout]


@pytest.mark.parametrize("shared", SHARED_MODULES)
def test_groups_have_in_common_what_the_field_says(tiny_config: Make, shared: str | None) -> None:
    encoder = AlbertEncoder(tiny_config(num_hidden_groups=3, shared_across_groups=shared))
    first, *others = (next(iter(group.children())) for group in encoder.albert_layer_groups)
    for other in others:
        (one,), (another,) = first.children(), other.children()
        same = {
            name.partition(".")[0]
            for name, parameter in one.named_parameters()
            if parameter is another.get_parameter(name)
        }
        assert same == set(SHARED_MODULES[shared])
