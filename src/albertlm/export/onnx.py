"""The operations of ONNX, and graphs for ONNX Runtime.

B texts or rows of texts, T positions, N tokens to return, E embedding, D hidden, H heads, K head
size, O outputs, I inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from albertlm.config import BEAM, AlbertConfig
from albertlm.export import graph
from albertlm.export.graph import Node, Weights

OPSET = 20
"""The first with Gelu; all runtimes of browsers and of OpenVINO have it."""

OnnxStorage = Literal["float32", "float16", "int8", "int7"]
"""How a graph holds its weights.

float16 is converted to float32 when a runtime loads the graph. In int8 and int7, the weights of the
encoder's products and the word embeddings have 8 bits, activations are quantised to uint8 with a
scale for each token, and heads are float16. Without VNNI, processors add two products of uint8 and
int8 in 16 bits, which saturates. In int7, where the weights of products have 7 bits, it cannot.
"""

LARGEST = {"int8": 127, "int7": 63}
"""The largest integer of a quantised weight."""


class OnnxOperations:
    """`graph.Operations` of ONNX. Each parameter is one initializer, however often it is used.

    Args:
        config: the architecture.
        weights: the parameters, with fused attention.
        storage: how to hold the weights.
    """

    def __init__(self, config: AlbertConfig, weights: Weights, storage: OnnxStorage) -> None:
        self._config = config
        self._weights = weights
        self._storage = storage
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._once: dict[str, Node] = {}
        self._conversions: list[onnx.NodeProto] = []
        self._nodes: list[onnx.NodeProto] = []
        self._count = 0

    def model(
        self,
        inputs: Mapping[str, tuple[int, Sequence[Any]]],
        outputs: Mapping[str, Node],
        shapes: Mapping[str, Sequence[Any]],
    ) -> onnx.ModelProto:
        """The model of all operations so far.

        Args:
            inputs: the type and shape of each input by name.
            outputs: the node of each output by name.
            shapes: the shape of each output by name.
        """
        for name, node in outputs.items():
            self._nodes.append(helper.make_node("Identity", [node], [name]))
        made = helper.make_graph(
            [*self._conversions, *self._nodes],
            "albert",
            [helper.make_tensor_value_info(name, *of) for name, of in inputs.items()],
            [
                helper.make_tensor_value_info(
                    name,
                    TensorProto.INT64 if name in graph.POSITIONS else TensorProto.FLOAT,
                    shapes[name],
                )
                for name in outputs
            ],
            list(self._initializers.values()),
        )
        return helper.make_model(
            made,
            producer_name="albertlm",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=9,  # that of opset 20, which older runtimes open
        )

    def has(self, name: str) -> bool:
        return f"{name}.weight" in self._weights

    def linear(self, name: str, x: Node) -> Node:
        if self._storage in LARGEST and name.startswith("encoder."):
            product = self._quantized_product(f"{name}.weight", x)
        else:
            product = self.node("MatMul", x, self._transposed(self._parameter(f"{name}.weight")))
        return self.node("Add", product, self._parameter(f"{name}.bias"))

    def layer_norm(self, name: str, x: Node) -> Node:
        scale, bias = self._parameter(f"{name}.weight"), self._parameter(f"{name}.bias")
        epsilon = self._config.layer_norm_eps
        return self.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)

    def activation(self, kind: str, x: Node) -> Node:
        match kind:
            case "gelu":
                return self.node("Gelu", x)
            case "gelu_new":
                return self.node("Gelu", x, approximate="tanh")
            case "quick_gelu" | "silu":
                scaled = x if kind == "silu" else self.node("Mul", x, self._number(1.702))
                return self.node("Mul", x, self.node("Sigmoid", scaled))
        return self.node("Relu" if kind == "relu" else "Tanh", x)

    def add(self, x: Node, y: Node) -> Node:
        return self.node("Add", x, y)

    def attend(self, qkv_BT3D: Node, mask: Node) -> Node:
        heads, size = self._config.num_attention_heads, self._config.attention_head_size
        parts = self.node("Reshape", qkv_BT3D, self.integers(0, 0, 3, heads, size))
        parts = self.node("Transpose", parts, perm=[2, 0, 3, 1, 4])
        q, k, v = (self.node("Gather", parts, self.integer(number)) for number in range(3))
        q = self.node("Mul", q, self._number(size**-0.5))
        scores = self.node("MatMul", q, self.node("Transpose", k, perm=[0, 1, 3, 2]))
        weights = self.node("Softmax", self.node("Add", scores, mask), axis=-1)
        context_BHTK = self.node("MatMul", weights, v)
        context_BTHK = self.node("Transpose", context_BHTK, perm=[0, 2, 1, 3])
        return self.node("Reshape", context_BTHK, self.integers(0, 0, heads * size))

    def repeat(self, times: Node, x: Node, mask: Node, body: Callable[[Node, Node], Node]) -> Node:
        outer, self._nodes = self._nodes, []
        number, going, before = (self._name() for _ in range(3))
        after = body(before, mask)
        still = self.node("Identity", going)
        shape = [None, None, self._config.hidden_size]
        inner = helper.make_graph(
            self._nodes,
            self._name(),
            [
                helper.make_tensor_value_info(number, TensorProto.INT64, []),
                helper.make_tensor_value_info(going, TensorProto.BOOL, []),
                helper.make_tensor_value_info(before, TensorProto.FLOAT, shape),
            ],
            [
                helper.make_tensor_value_info(still, TensorProto.BOOL, []),
                helper.make_tensor_value_info(after, TensorProto.FLOAT, shape),
            ],
        )
        self._nodes = outer
        count = self.integer(times) if isinstance(times, int) else times
        return self.node("Loop", count, "", x, body=inner)

    def lookup(self, name: str, ids_BT: Node) -> Node:
        if not self._is_quantized(f"{name}.weight"):
            return self.node("Gather", self._parameter(f"{name}.weight"), ids_BT)
        rounded, scale_V1 = self._quantized(f"{name}.weight")
        rows = self.node("Cast", self.node("Gather", rounded, ids_BT), to=TensorProto.FLOAT)
        return self.node("Mul", rows, self.node("Gather", scale_V1, ids_BT))

    def positions(self, name: str, ids_BT: Node) -> Node:
        shape = self.node("Shape", ids_BT, start=1)
        table = self._parameter(f"{name}.weight")
        return self.node("Slice", table, self.integers(0), shape, self.integers(0))

    def mask(self, attention_mask_BT: Node) -> Node:
        tokens = self.node("Cast", attention_mask_BT, to=TensorProto.FLOAT)
        missing = self.node("Sub", self._number(1), tokens)
        added = self.node("Mul", missing, self._number(float(graph.MASKED)))
        return self.node("Unsqueeze", added, self.integers(1, 2))

    def first(self, x_BTD: Node) -> Node:
        return self.node("Gather", x_BTD, self.integer(0), axis=1)

    def vocabulary(self, x_BTE: Node) -> Node:
        # activations are not quantised: the table has 8 bits in int7, too
        table = self._parameter("embeddings.word_embeddings.weight")
        logits_BTV = self.node("MatMul", x_BTE, self._transposed(table))
        return self.node("Add", logits_BTV, self._parameter("predictions.bias"))

    def column(self, number: int, x_BTO: Node) -> Node:
        return self.node("Gather", x_BTO, self.integer(number), axis=-1)

    def outside(self, attention_BT: Node, segments_BT: Node) -> Node:
        second_BT = self.node("Mul", attention_BT, segments_BT)
        after_BT = self.node(
            "Slice", second_BT, self.integers(1), self.integers(2**31 - 1), self.integers(1)
        )
        after_BT = self.node("Pad", after_BT, self.integers(0, 0, 0, 1))
        inside_BT = self.node("Mul", second_BT, after_BT)
        inside_BT = self.node("Cast", inside_BT, to=TensorProto.FLOAT)
        missing_BT = self.node("Sub", self._number(1), inside_BT)
        return self.node("Mul", missing_BT, self._number(float(graph.MASKED)))

    def softmax(self, x: Node) -> Node:
        return self.node("Softmax", x, axis=-1)

    def log_softmax(self, x: Node) -> Node:
        return self.node("LogSoftmax", x, axis=-1)

    def best(self, x: Node) -> tuple[Node, Node]:
        count = self.node("Min", self.node("Shape", x, start=-1), self.integers(BEAM))
        values, positions = self._name(), self._name()
        self._nodes.append(helper.make_node("TopK", [x, count], [values, positions]))
        return values, positions

    def average(self, weights_BT: Node, x_BTD: Node) -> Node:
        sum_B1D = self.node("MatMul", self.unsqueeze(weights_BT), x_BTD)
        return self.node("Squeeze", sum_B1D, self.integers(1))

    def at(self, x_BTD: Node, positions_BS: Node) -> Node:
        places = self.node("Unsqueeze", positions_BS, self.integers(2))
        return self.node("GatherND", x_BTD, places, batch_dims=1)

    def every_pair(self, x_BSD: Node, y_BTD: Node) -> Node:
        x_BS1D = self.node("Unsqueeze", x_BSD, self.integers(2))
        return self.node("Add", x_BS1D, self.unsqueeze(y_BTD))

    def unsqueeze(self, x_BT: Node) -> Node:
        return self.node("Unsqueeze", x_BT, self.integers(1))

    def node(self, operation: str, *inputs: Node, **attributes: Any) -> Node:
        """Append an operation with one output, and return that."""
        output = self._name()
        self._nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def _quantized_product(self, name: str, x: Node) -> Node:
        """The product with a weight in 8 bits; the scale of a token is its largest value / 127."""
        rounded, scale_O1 = self._quantized(name)
        largest = self.node("ReduceMax", self.node("Abs", x), self.integers(-1))
        tiny = self._number(float(np.finfo(np.float32).tiny))
        scale = self.node("Max", self.node("Div", largest, self._number(127)), tiny)
        steps = self.node("Add", self.node("Round", self.node("Div", x, scale)), self._number(128))
        zero = self._constant("zero of uint8", np.array(128, np.uint8))
        product = self.node(
            "MatMulInteger",
            self.node("Cast", steps, to=TensorProto.UINT8),
            self._transposed(rounded),
            zero,
        )
        product = self.node("Cast", product, to=TensorProto.FLOAT)
        scale_O = self._before_all(f"{scale_O1} flat", "Reshape", scale_O1, self.integers(-1))
        return self.node("Mul", self.node("Mul", product, scale), scale_O)

    def _is_quantized(self, name: str) -> bool:
        """Whether a table is; all weights of products are, if the storage is in 7 or 8 bits."""
        return self._storage in LARGEST and name == "embeddings.word_embeddings.weight"

    def _quantized(self, name: str) -> tuple[Node, Node]:
        """A weight in 8 bits, (O, I), and the scales of its rows, (O, 1)."""
        if f"{name} scale" not in self._initializers:
            rounded, scale_O1 = graph.quantized(
                self._weights[name], 127 if self._is_quantized(name) else LARGEST[self._storage]
            )
            self._constant(f"{name} rounded", rounded)
            self._constant(f"{name} scale", scale_O1)
        return f"{name} rounded", f"{name} scale"

    def _parameter(self, name: str) -> Node:
        """A parameter as float32."""
        if self._is_quantized(name):
            rounded, scale_O1 = self._quantized(name)
            steps = self._before_all(f"{name} steps", "Cast", rounded, to=TensorProto.FLOAT)
            return self._before_all(f"{name} 32", "Mul", steps, scale_O1)
        is_of_head = not name.startswith(("embeddings.", "encoder."))
        if self._storage != "float16" and not (self._storage in LARGEST and is_of_head):
            return self._constant(name, self._weights[name])
        half = self._constant(f"{name} 16", self._weights[name].astype(np.float16))
        return self._before_all(f"{name} 32", "Cast", half, to=TensorProto.FLOAT)

    def _transposed(self, weight_OI: Node) -> Node:
        return self._before_all(f"{weight_OI} transposed", "Transpose", weight_OI, perm=[1, 0])

    def _before_all(self, output: str, operation: str, *inputs: Node, **attributes: Any) -> Node:
        """An operation on constants, outside of the loop; runtimes compute it when they load it."""
        if output not in self._once:
            node = helper.make_node(operation, inputs, [output], **attributes)
            self._once[output] = output
            self._conversions.append(node)
        return output

    def _constant(self, name: str, value: NDArray[Any]) -> Node:
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(value, name)
        return name

    def _number(self, value: float) -> Node:
        return self._constant(f"{value:g}", np.array(value, np.float32))

    def integer(self, value: int) -> Node:
        return self._constant(f"integer {value}", np.array(value, np.int64))

    def integers(self, *values: int) -> Node:
        return self._constant(f"integers {values}", np.array(values, np.int64))

    def _name(self) -> Node:
        self._count += 1
        return f"x{self._count}"


def encoder(
    config: AlbertConfig, weights: Weights, storage: OnnxStorage, *, resumes: bool = False
) -> onnx.ModelProto:
    """The graph of an engine, from embeddings to the hidden states of some places.

    Inputs: `inputs` (B, T, E), or hidden states (B, T, D) if it `resumes`, `mask` (B, 1, 1 or T,
    T), added to the scores, `repetitions` of `graph.segments`, and `places` (N,), from 0 to
    B * T - 1.
    Output: `states` (N, D).
    """
    operations = OnnxOperations(config, graph.with_fused_attention(weights), storage)
    count = len(graph.segments(config))
    width = config.hidden_size if resumes else config.embedding_size
    inputs: dict[str, tuple[int, Sequence[Any]]] = {
        "inputs": (TensorProto.FLOAT, [None, None, width]),
        "mask": (TensorProto.FLOAT, [None, 1, None, None]),
        "repetitions": (TensorProto.INT64, [count]),
        "places": (TensorProto.INT64, [None]),
    }
    times = [
        operations.node("Gather", "repetitions", operations.integer(number))
        for number in range(count)
    ]
    x_BTD = graph.encoder(operations, config, "inputs", "mask", times, resumes=resumes)
    rows = operations.node("Reshape", x_BTD, operations.integers(-1, config.hidden_size))
    states = operations.node("Gather", rows, "places")
    return operations.model(inputs, {"states": states}, {"states": [None, config.hidden_size]})


def whole(
    config: AlbertConfig, weights: Weights, storage: OnnxStorage, task: str, depth: int
) -> onnx.ModelProto:
    """The graph of a model with the head of a task, from ids to its outputs.

    Inputs, all (B, T) and all required: `input_ids`, `attention_mask` and `token_type_ids`.
    Outputs are those of `graph.whole`.
    """
    prepared = graph.with_parted_answers(graph.with_fused_attention(weights))
    operations = OnnxOperations(config, prepared, storage)
    names = ("input_ids", "attention_mask", "token_type_ids")
    outputs = graph.whole(operations, config, task, depth, names)
    inputs = {name: (TensorProto.INT64, ["batch", "tokens"]) for name in names}
    return operations.model(inputs, outputs, graph.output_shapes(config, task))


def save(model: onnx.ModelProto, path: Path, note: str) -> None:
    """Write a model to a file, with a note in its metadata."""
    entry = model.metadata_props.add()
    entry.key, entry.value = "albertlm", note
    path.write_bytes(model.SerializeToString())
