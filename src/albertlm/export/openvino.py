"""The operations of OpenVINO, and graphs for it.

B texts or rows of texts, T positions, N tokens to return, E embedding, D hidden, H heads, K head
size.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import openvino
from openvino import opset13 as ops

from albertlm.config import BEAM, AlbertConfig
from albertlm.export import graph
from albertlm.export.graph import Node, Weights

OpenVinoStorage = Literal["float32", "int8"]
"""How a graph holds the weights of the encoder's products and the word embeddings.

OpenVINO itself converts float32 when it compiles.
"""


GROUP = 128
"""Inputs that share a scale when activations are quantised, in exported models in int8."""


class OpenVinoOperations:
    """`graph.Operations` of OpenVINO. Each parameter is one constant, however often it is used.

    Args:
        config: the architecture.
        weights: the parameters, with fused attention.
        storage: how to hold the weights of products.
    """

    def __init__(self, config: AlbertConfig, weights: Weights, storage: OpenVinoStorage) -> None:
        self._config = config
        self._weights = weights
        self._storage = storage
        self._constants: dict[str, Node] = {}

    def has(self, name: str) -> bool:
        return f"{name}.weight" in self._weights

    def linear(self, name: str, x: Node) -> Node:
        # as (O, I), all applications share one packed copy
        of_encoder = name.startswith("encoder.")
        weight = (self._product_weight if of_encoder else self._constant)(f"{name}.weight")
        product = ops.matmul(x, weight, False, True)
        return ops.add(product, self._constant(f"{name}.bias"))

    def layer_norm(self, name: str, x: Node) -> Node:
        axis, epsilon = np.array([-1]), self._config.layer_norm_eps
        normal = ops.mvn(x, axis, True, epsilon, "inside_sqrt")
        scaled = ops.multiply(normal, self._constant(f"{name}.weight"))
        return ops.add(scaled, self._constant(f"{name}.bias"))

    def activation(self, kind: str, x: Node) -> Node:
        match kind:
            case "gelu":
                return ops.gelu(x, "erf")
            case "gelu_new":
                return ops.gelu(x, "tanh")
            case "quick_gelu":
                return ops.multiply(x, ops.sigmoid(ops.multiply(x, np.float32(1.702))))
            case "silu":
                return ops.swish(x)
            case "relu":
                return ops.relu(x)
        return ops.tanh(x)

    def add(self, x: Node, y: Node) -> Node:
        return ops.add(x, y)

    def attend(self, qkv_BT3D: Node, mask: Node) -> Node:
        heads, size = self._config.num_attention_heads, self._config.attention_head_size
        parts = ops.reshape(qkv_BT3D, np.array([0, 0, 3, heads, size]), True)
        split = ops.split(ops.transpose(parts, np.array([2, 0, 3, 1, 4])), np.int64(0), 3)
        q, k, v = (ops.squeeze(each, np.array([0])) for each in split.outputs())
        context_BHTK = ops.scaled_dot_product_attention(q, k, v, mask)
        context_BTHK = ops.transpose(context_BHTK, np.array([0, 2, 1, 3]))
        return ops.reshape(context_BTHK, np.array([0, 0, heads * size]), True)

    def repeat(self, times: Node, x: Node, mask: Node, body: Callable[[Node, Node], Node]) -> Node:
        before = ops.parameter([-1, -1, self._config.hidden_size], np.float32)
        seen = ops.parameter([-1, 1, -1, -1], np.float32)
        after = body(before, seen)
        always = ops.constant(np.array(True))
        count = ops.constant(np.int64(times)) if isinstance(times, int) else times
        loop = ops.loop(count, ops.constant(np.array(True)))
        loop.set_function(openvino.Model([after, always], [before, seen]))
        loop.set_special_body_ports([-1, 1])
        loop.set_merged_input(before, x.output(0), after.output(0))
        loop.set_invariant_input(seen, mask.output(0))
        loop.get_iter_value(after.output(0), -1)
        return loop

    def lookup(self, name: str, ids_BT: Node) -> Node:
        return ops.gather(self._product_weight(f"{name}.weight"), ids_BT, np.int64(0))

    def positions(self, name: str, ids_BT: Node) -> Node:
        length = ops.gather(ops.shape_of(ids_BT), np.array([1]), np.int64(0))
        table = self._constant(f"{name}.weight")
        return ops.slice(table, np.array([0]), length, np.array([1]), np.array([0]))

    def mask(self, attention_mask_BT: Node) -> Node:
        tokens = ops.unsqueeze(ops.convert(attention_mask_BT, "f32"), np.array([1, 2]))
        missing = ops.subtract(np.float32(1), tokens)
        return ops.multiply(missing, graph.MASKED)

    def first(self, x_BTD: Node) -> Node:
        return ops.gather(x_BTD, np.int64(0), np.int64(1))

    def vocabulary(self, x_BTE: Node) -> Node:
        table = self._product_weight("embeddings.word_embeddings.weight")
        logits_BTV = ops.matmul(x_BTE, table, False, True)
        return ops.add(logits_BTV, self._constant("predictions.bias"))

    def column(self, number: int, x_BTO: Node) -> Node:
        return ops.gather(x_BTO, np.int64(number), np.int64(-1))

    def outside(self, attention_BT: Node, segments_BT: Node) -> Node:
        second_BT = ops.multiply(attention_BT, segments_BT)
        one, last = np.array([1]), np.array([2**31 - 1])
        after_BT = ops.slice(second_BT, one, last, one, one)
        after_BT = ops.pad(after_BT, np.array([0, 0]), np.array([0, 1]), "constant", np.int64(0))
        inside_BT = ops.convert(ops.multiply(second_BT, after_BT), "f32")
        return ops.multiply(ops.subtract(np.float32(1), inside_BT), graph.MASKED)

    def softmax(self, x: Node) -> Node:
        return ops.softmax(x, -1)

    def log_softmax(self, x: Node) -> Node:
        return ops.log_softmax(x, -1)

    def best(self, x: Node) -> tuple[Node, Node]:
        size = ops.gather(ops.shape_of(x), np.int64(-1), np.int64(0))
        count = ops.minimum(size, np.int64(BEAM))
        values, positions = ops.topk(x, count, -1, "max", "value", "i64").outputs()
        return values, positions

    def average(self, weights_BT: Node, x_BTD: Node) -> Node:
        sum_B1D = ops.matmul(self.unsqueeze(weights_BT), x_BTD, False, False)
        return ops.squeeze(sum_B1D, np.array([1]))

    def at(self, x_BTD: Node, positions_BS: Node) -> Node:
        return ops.gather(x_BTD, positions_BS, np.int64(1), 1)

    def every_pair(self, x_BSD: Node, y_BTD: Node) -> Node:
        return ops.add(ops.unsqueeze(x_BSD, np.array([2])), self.unsqueeze(y_BTD))

    def unsqueeze(self, x_BT: Node) -> Node:
        return ops.unsqueeze(x_BT, np.array([1]))

    def _constant(self, name: str) -> Node:
        if name not in self._constants:
            # if possible not copied, so that pages of a mapped file can be given back
            weight = np.ascontiguousarray(self._weights[name])
            self._constants[name] = ops.constant(weight, shared_memory=weight.flags.writeable)
        return self._constants[name]

    def _product_weight(self, name: str) -> Node:
        if self._storage == "float32":
            return self._constant(name)
        if name not in self._constants:
            rounded, scale = graph.quantized(self._weights[name])
            self._constants[name] = ops.multiply(ops.convert(ops.constant(rounded), "f32"), scale)
        return self._constants[name]


def encoder(
    config: AlbertConfig, weights: Weights, storage: OpenVinoStorage, *, resumes: bool = False
) -> openvino.Model:
    """The graph of an engine, from embeddings to the hidden states of some places.

    Inputs: `inputs` (B, T, E), or hidden states (B, T, D) if it `resumes`, `mask` (B, 1, 1 or T,
    T), added to the scores, `repetitions` of `graph.segments`, and `places` (N,), from 0 to
    B * T - 1.
    Output: (N, D).
    """
    operations = OpenVinoOperations(config, graph.with_fused_attention(weights), storage)
    width = config.hidden_size if resumes else config.embedding_size
    x = ops.parameter([-1, -1, width], np.float32, "inputs")
    mask = ops.parameter([-1, 1, -1, -1], np.float32, "mask")
    count = len(graph.segments(config))
    repetitions = ops.parameter([count], np.int64, "repetitions")
    places = ops.parameter([-1], np.int64, "places")
    times = [ops.gather(repetitions, np.int64(number), np.int64(0)) for number in range(count)]
    x_BTD = graph.encoder(operations, config, x, mask, times, resumes=resumes)
    flat = ops.reshape(x_BTD, np.array([-1, config.hidden_size]), False)
    states_ND = ops.gather(flat, places, np.int64(0))
    return openvino.Model([states_ND], [x, mask, repetitions, places], "albert")


def whole(
    config: AlbertConfig, weights: Weights, storage: OpenVinoStorage, task: str, depth: int
) -> openvino.Model:
    """The graph of a model with the head of a task, from ids to its outputs.

    Inputs, all (B, T): `input_ids`, `attention_mask` and `token_type_ids`. Outputs are those of
    `graph.whole`.
    """
    prepared = graph.with_parted_answers(graph.with_fused_attention(weights))
    operations = OpenVinoOperations(config, prepared, storage)
    names = ("input_ids", "attention_mask", "token_type_ids")
    ids, attention, segments = (ops.parameter([-1, -1], np.int64, name) for name in names)
    outputs = graph.whole(operations, config, task, depth, (ids, attention, segments))
    results = {name: ops.result(node) for name, node in outputs.items()}
    for name, result in results.items():
        result.output(0).get_tensor().set_names({name})
    for name, node in zip(names, (ids, attention, segments), strict=True):
        node.output(0).get_tensor().set_names({name})
    model = openvino.Model(list(results.values()), [ids, attention, segments], "albert")
    if storage == "int8":
        group = ["runtime_options", "DYNAMIC_QUANTIZATION_GROUP_SIZE"]
        model.set_rt_info(str(GROUP), group)
    return model


def save(model: openvino.Model, path: Path, note: str) -> None:
    """Write a model in half precision to an `.xml` and a `.bin`, with a note in its metadata."""
    model.set_rt_info(note, ["albertlm"])
    openvino.save_model(model, path, compress_to_fp16=True)
