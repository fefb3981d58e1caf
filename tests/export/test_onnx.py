"""Graphs of ONNX: valid, with each weight once, also for OpenVINO, and right without VNNI."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from onnx import numpy_helper

from albertlm import AlbertConfig
from albertlm.checkpoints import names
from albertlm.export import graph
from albertlm.export.onnx import LARGEST, OPSET, OnnxStorage, encoder, save, whole
from albertlm.inference import processor

STORAGES: tuple[OnnxStorage, ...] = ("float32", "float16", "int8", "int7")
PARTS = ("embeddings", "projection", "layer", "pooler", "mlm")
INPUTS = {
    "input_ids": np.array([[2, 17, 4, 66, 3]]),
    "attention_mask": np.ones((1, 5), np.int64),
    "token_type_ids": np.zeros((1, 5), np.int64),
}


def weights_of(config: AlbertConfig) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        name: random.normal(float(name.endswith("orm.weight")), 0.1, shape).astype(np.float32)
        for name, shape in names.shapes(config, PARTS).items()
    }


@pytest.mark.parametrize("stored", STORAGES)
@pytest.mark.parametrize("kind", ["gelu", "gelu_new", "relu", "silu", "quick_gelu", "tanh"])
def test_graphs_are_valid(
    kind: str, stored: OnnxStorage, tiny_config: Callable[..., AlbertConfig]
) -> None:
    config = tiny_config(hidden_act=kind)
    for model in (
        whole(config, weights_of(config), stored, "fill-mask", 3),
        encoder(config, weights_of(config), stored),
    ):
        onnx.checker.check_model(model, full_check=True)
        assert [(each.domain, each.version) for each in model.opset_import] == [("", OPSET)]


def test_each_weight_is_stored_once(tiny_config: Callable[..., AlbertConfig]) -> None:
    config = tiny_config(num_hidden_layers=12)
    weights = weights_of(config)
    model = whole(config, weights, "float16", "fill-mask", 12)
    (loop,) = [node for node in model.graph.node if node.op_type == "Loop"]
    (body,) = [each.g for each in loop.attribute if each.name == "body"]
    assert not body.initializer
    stored = sum(int(np.prod(each.dims)) for each in model.graph.initializer)
    pooler = 32 * 32 + 32
    assert 0 <= stored - (sum(map(np.size, weights.values())) - pooler) < 100


def test_openvino_reads_it(tiny_config: Callable[..., AlbertConfig], tmp_path: Path) -> None:
    config = tiny_config()
    path = tmp_path / "model.onnx"
    save(whole(config, weights_of(config), "float16", "feature-extraction", 3), path, "a note")
    assert onnx.load(path).metadata_props[0].value == "a note"
    (expected, _) = onnxruntime.InferenceSession(path).run(None, INPUTS)
    properties = {"INFERENCE_PRECISION_HINT": "f32"}
    found = openvino.Core().compile_model(path, "CPU", properties)(INPUTS)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_sums_of_two_products_fit_into_16_bits(tiny_config: Callable[..., AlbertConfig]) -> None:
    """Processors without VNNI add two products of uint8 and int8 in 16 bits, with saturation."""
    config = tiny_config()
    model = whole(config, weights_of(config), "int7", "feature-extraction", 3)
    (loop,) = [node for node in model.graph.node if node.op_type == "Loop"]
    products = [node for node in loop.attribute[0].g.node if node.op_type == "MatMulInteger"]
    assert len(products) == 4
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    transposed = {node.output[0]: node.input[0] for node in model.graph.node}
    for node in products:
        weight = stored[transposed[node.input[1]]].astype(int)
        assert 255 * 2 * np.abs(weight).max() <= np.iinfo(np.int16).max


@pytest.mark.parametrize("stored", ["int7", "int8"])
def test_products_in_8_bits_are_those_of_integers(
    stored: OnnxStorage, tiny_config: Callable[..., AlbertConfig]
) -> None:
    """One layer without attention, whose scores are all equal, in 7 or 8 bits against float64."""
    if stored == "int8" and not processor.has_vnni():
        pytest.skip("products of 8 bits saturate on this processor, which is what int7 is for")
    config = tiny_config(num_hidden_layers=1)
    weights = weights_of(config)
    feed: dict[str, Any] = {
        "inputs": np.random.default_rng(1).normal(size=(2, 6, 16)).astype(np.float32),
        "mask": np.zeros((2, 1, 1, 6), np.float32),
        "repetitions": np.array([0]),
        "places": np.arange(12),
    }
    session = onnxruntime.InferenceSession(encoder(config, weights, stored).SerializeToString())
    (found,) = session.run(None, feed)
    x = feed["inputs"].reshape(12, 16).astype(np.float64)
    steps = np.abs(x).max(1, keepdims=True) / 127
    name = "encoder.embedding_hidden_mapping_in"
    rounded, scale = graph.quantized(weights[f"{name}.weight"], LARGEST[stored])
    exact = np.rint(x / steps) @ rounded.T.astype(np.float64) * steps * scale.T
    np.testing.assert_allclose(found, exact + weights[f"{name}.bias"], atol=1e-5)
