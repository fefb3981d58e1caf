"""What all formats share: the order of layers, joined weights, and weights in 8 bits."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from albertlm import AlbertConfig
from albertlm.checkpoints import names
from albertlm.export import graph

MakeConfig = Callable[..., AlbertConfig]


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_loops_apply_the_layers_in_the_order_of_transformers(
    tiny_config: MakeConfig, layers: int, groups: int, inner: int
) -> None:
    config = tiny_config(num_hidden_layers=layers, num_hidden_groups=groups, inner_group_num=inner)
    # transformers: the group of a layer is int(i / (layers / groups)), and all of its inner layers
    # are applied
    order = [
        names.LAYER.format(group=int(layer / (layers / groups)), inner=number)
        for layer in range(layers)
        for number in range(inner)
    ]
    for depth in range(1, len(order) + 1):
        times = graph.repetitions(config, depth)
        applied = [
            layer
            for chain, count in zip(graph.segments(config), times, strict=True)
            for _ in range(count)
            for layer in chain
        ]
        assert applied == order[:depth]


def test_a_shared_layer_is_one_loop(tiny_config: MakeConfig) -> None:
    config = tiny_config(num_hidden_layers=24)
    assert len(graph.segments(config)) == 1
    assert graph.repetitions(config, 24) == [24]


def test_query_key_and_value_are_joined(tiny_config: MakeConfig) -> None:
    random = np.random.default_rng(0)
    shapes = names.shapes(tiny_config(), ("layer",))
    weights = {name: random.normal(size=shape).astype("f") for name, shape in shapes.items()}
    layer = names.LAYER.format(group=0, inner=0) + ".attention"
    fused = graph.with_fused_attention(weights)
    x_D = random.normal(size=32)
    parts = [
        weights[f"{layer}.{part}.weight"] @ x_D + weights[f"{layer}.{part}.bias"]
        for part in ("query", "key", "value")
    ]
    joined = fused[f"{layer}.qkv.weight"] @ x_D + fused[f"{layer}.qkv.bias"]
    np.testing.assert_allclose(joined, np.concatenate(parts), rtol=1e-6)
    assert f"{layer}.query.weight" not in fused
    assert fused.keys() - weights.keys() == {f"{layer}.qkv.weight", f"{layer}.qkv.bias"}


@given(
    arrays.arrays(np.float32, (3, 8), elements=st.floats(-1e3, 1e3, width=32)),
    st.sampled_from([127, 63]),
)
def test_rounding_errs_by_half_a_step(weight: np.ndarray, largest: int) -> None:
    rounded, scale = graph.quantized(weight, largest)
    assert rounded.dtype == np.int8
    assert np.abs(rounded.astype(int)).max() <= largest
    error = np.abs(rounded.astype(np.float64) * scale - weight)
    assert (error <= scale * 0.5001).all()


def test_the_task_is_that_of_the_class(tiny_config: MakeConfig) -> None:
    for architectures, task in (
        (None, "feature-extraction"),
        (("AlbertForPreTraining",), "feature-extraction"),
        (("AlbertForMaskedLM",), "fill-mask"),
        (("AlbertForQuestionAnswering",), "question-answering"),
    ):
        assert graph.task_of(tiny_config(architectures=architectures)) == task


@pytest.mark.parametrize("task", graph.TASKS)
def test_every_task_has_outputs_and_parts_of_the_table(task: str, tiny_config: MakeConfig) -> None:
    assert graph.output_shapes(tiny_config(), task)
    assert set(graph.TASKS[task]) <= {row.part for row in names.PARAMETERS}
