"""The contestants of `inference.py`: engines of albertlm, and what other programs make of ALBERT.

`openvino unrolled` is the graph that exporters make, a layer with weights of its own for each
application, in bfloat16. `transformers` computes in bfloat16 without compilation. ONNX Runtime has
an unrolled graph whose layers share initializers, in float32 and in int8 (`quant_pre_process`, then
`quantize_dynamic` with scales for each channel), and `quantize_dynamic` on a graph with a loop
(`EnableSubgraph`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from albertlm.inference import processor
from albertlm.inference.engines import engine_class
from albertlm.inference.engines.base import TokenizedText, read_trained

if TYPE_CHECKING:
    import onnx

    from albertlm.export.graph import Node

HALF = "bfloat16" if processor.has_bfloat16() else "float32"

OURS = (f"openvino {HALF}", "openvino int8", "onnx float32", "onnx int8")
UNROLLED, TRANSFORMERS = "openvino unrolled", "transformers"
RUNTIME = "onnxruntime unrolled", "onnxruntime unrolled int8", "onnxruntime loop int8"
ALL = (*OURS, UNROLLED, TRANSFORMERS, *RUNTIME)

States = Callable[[Sequence[TokenizedText]], object]

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def contestant(name: str, folder: Path) -> States:
    """Load a model into a contestant, one of `ALL` or an engine and its precision."""
    if name == UNROLLED:
        return _openvino_unrolled(folder)
    if name == TRANSFORMERS:
        return _transformers(folder)
    if name in RUNTIME:
        return _onnxruntime(folder, unrolled="unrolled" in name, int8="int8" in name)
    engine, dtype = name.split()
    states: States = engine_class(engine).from_folder(folder, dtype=dtype).states
    return states


def padded(texts: Sequence[TokenizedText]) -> dict[str, NDArray[np.int64]]:
    """The inputs of a batch, padded to its longest text."""
    lengths = np.array([len(text.input_ids) for text in texts])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.zeros(mask.shape, np.int64)
    ids[mask] = np.concatenate([text.input_ids for text in texts])
    return dict(zip(INPUTS, (ids, mask.astype(np.int64), np.zeros_like(ids)), strict=True))


def _openvino_unrolled(folder: Path) -> States:
    import openvino

    from albertlm.export import graph
    from albertlm.export.openvino import OpenVinoOperations

    class Unrolled(OpenVinoOperations):
        def repeat(
            self, times: Node, x: Node, mask: Node, body: Callable[[Node, Node], Node]
        ) -> Node:
            for _ in range(times):
                self._constants.clear()  # so that the next layer has its own
                x = body(x, mask)
            return x

        def _constant(self, name: str) -> Node:
            # copied, as exporters do, since OpenVINO packs what is in one place once
            if name not in self._constants:
                self._constants[name] = openvino.opset13.constant(self._weights[name])
            return self._constants[name]

    config, weights = read_trained(folder)
    operations = Unrolled(config, graph.with_fused_attention(weights), "float32")
    ids, mask, segments = (openvino.opset13.parameter([-1, -1], np.int64, each) for each in INPUTS)
    outputs = graph.whole(
        operations, config, "feature-extraction", config.num_hidden_layers, (ids, mask, segments)
    )
    model = openvino.Model([outputs["last_hidden_state"]], [ids, mask, segments], "unrolled")
    hint = {"float32": "f32", "bfloat16": "bf16"}[HALF]
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": hint})
    return lambda texts: compiled(list(padded(texts).values()))


def _transformers(folder: Path) -> States:
    import torch
    import transformers

    model = transformers.AlbertModel.from_pretrained(folder, dtype=getattr(torch, HALF))
    model.train(False)

    def states(texts: Sequence[TokenizedText]) -> object:
        inputs = {name: torch.from_numpy(each) for name, each in padded(texts).items()}
        with torch.inference_mode():
            return model(**inputs).last_hidden_state

    return states


def _onnxruntime(folder: Path, *, unrolled: bool, int8: bool) -> States:
    import onnxruntime
    from onnxruntime.quantization import quant_pre_process, quantize_dynamic

    with tempfile.TemporaryDirectory() as temporary:
        path, prepared, quantized = (Path(temporary, f"{name}.onnx") for name in "abc")
        path.write_bytes(_onnx(folder, unrolled=unrolled).SerializeToString())
        if int8:
            quant_pre_process(path, prepared, skip_symbolic_shape=True)
            options = {} if unrolled else {"EnableSubgraph": True}
            quantize_dynamic(prepared, quantized, per_channel=True, extra_options=options)
            path = quantized
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda texts: session.run(["last_hidden_state"], padded(texts))


def _onnx(folder: Path, *, unrolled: bool) -> onnx.ModelProto:
    from onnx import TensorProto

    from albertlm.export import graph
    from albertlm.export.onnx import OnnxOperations

    class Unrolled(OnnxOperations):
        def repeat(
            self, times: Node, x: Node, mask: Node, body: Callable[[Node, Node], Node]
        ) -> Node:
            for _ in range(times):
                x = body(x, mask)
            return x

    config, weights = read_trained(folder)
    kind = Unrolled if unrolled else OnnxOperations
    operations = kind(config, graph.with_fused_attention(weights), "float32")
    task = "feature-extraction"
    outputs = graph.whole(operations, config, task, config.num_hidden_layers, INPUTS)
    inputs = {name: (TensorProto.INT64, ["batch", "tokens"]) for name in INPUTS}
    return operations.model(inputs, outputs, graph.output_shapes(config, task))
