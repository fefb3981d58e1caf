"""Graphs of OpenVINO: each weight is one constant, and the body of the loop holds the layer."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openvino
import pytest

from albertlm import AlbertConfig
from albertlm.checkpoints import names
from albertlm.export.openvino import GROUP, OpenVinoStorage, encoder, save, whole

PARTS = ("embeddings", "projection", "layer", "mlm")


def weights_of(config: AlbertConfig) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        name: random.normal(float(name.endswith("orm.weight")), 0.1, shape).astype(np.float32)
        for name, shape in names.shapes(config, PARTS).items()
    }


def operations(model: openvino.Model) -> Iterator[openvino.Node]:
    """The operations of a graph and of the bodies of its loops."""
    for node in model.get_ops():
        yield node
        if node.get_type_name() == "Loop":
            yield from operations(node.get_function())


@pytest.mark.parametrize("layers", [1, 12])
def test_each_weight_is_one_constant(layers: int, tiny_config: Callable[..., AlbertConfig]) -> None:
    config = tiny_config(num_hidden_layers=layers)
    weights = weights_of(config)
    model = whole(config, weights, "float32", "fill-mask", layers)
    found = list(operations(model))
    assert sum(node.get_type_name() == "Loop" for node in found) == 1
    constants = (node for node in found if node.get_type_name() == "Constant")
    sizes = [int(np.prod(node.get_output_shape(0))) for node in constants]
    assert 0 <= sum(sizes) - sum(map(np.size, weights.values())) < 200


@pytest.mark.parametrize("stored", ["float32", "int8"])
@pytest.mark.parametrize("kind", ["gelu", "gelu_new", "relu", "silu", "quick_gelu", "tanh"])
def test_a_saved_graph_computes_the_same(
    kind: str, stored: OpenVinoStorage, tiny_config: Callable[..., AlbertConfig], tmp_path: Path
) -> None:
    config = tiny_config(hidden_act=kind)
    halves = {name: each.astype("e").astype("f") for name, each in weights_of(config).items()}
    model = encoder(config, halves, stored)
    save(model, tmp_path / "model.xml", "a note")
    feed = [
        np.random.default_rng(1).normal(size=(2, 6, 16)).astype(np.float32),
        np.zeros((2, 1, 1, 6), np.float32),
        np.array([3]),
        np.arange(12),
    ]
    read = openvino.Core().read_model(tmp_path / "model.xml")
    assert read.get_rt_info("albertlm").astype(str) == "a note"
    properties = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
    found, expected = (
        openvino.Core().compile_model(each, "CPU", properties)(feed)[0] for each in (read, model)
    )
    # scales and the factor of quick_gelu are also saved in half precision
    np.testing.assert_allclose(found, expected, atol=1e-3 if stored == "float32" else 0.02)


def test_an_export_in_int8_says_how_activations_are_quantised(
    tiny_config: Callable[..., AlbertConfig], tmp_path: Path
) -> None:
    config = tiny_config()
    save(whole(config, weights_of(config), "int8", "fill-mask", 3), tmp_path / "m.xml", "")
    model = openvino.Core().compile_model(tmp_path / "m.xml", "CPU")
    assert int(model.get_property("DYNAMIC_QUANTIZATION_GROUP_SIZE")) == GROUP
