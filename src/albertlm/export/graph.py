"""ALBERT as a graph, written once over the operations that each format provides.

The shared layer is the body of a loop, so a graph holds it once however often it is applied.

B texts or rows of texts, T positions, E embedding, D hidden, H heads, O outputs, I inputs,
S best starts of answers (and best ends for each).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from albertlm.checkpoints import names
from albertlm.config import AlbertConfig

Node: TypeAlias = Any
"""A value in a graph of some format."""

Weights: TypeAlias = Mapping[str, NDArray[np.float32]]
"""Trained parameters by their names in `checkpoints.names`."""

TASKS = {
    "feature-extraction": (),
    "fill-mask": ("mlm",),
    "sentence-order": ("pooler", "sop"),
    "text-classification": ("pooler", "classifier"),
    "token-classification": ("classifier",),
    "question-answering": ("qa",),
    "question-answering-v2": ("squad_v2",),
}
"""What a whole model may compute, and the parts that must be trained for it."""

TASK_OF = {
    "AlbertForMaskedLM": "fill-mask",
    "AlbertForSentenceOrder": "sentence-order",
    "AlbertForSequenceClassification": "text-classification",
    "AlbertForMultipleChoice": "text-classification",
    "AlbertForTokenClassification": "token-classification",
    "AlbertForQuestionAnswering": "question-answering",
    "AlbertForSquadV2": "question-answering-v2",
}
"""The tasks of the classes in `config.architectures`; `feature-extraction` is that of others."""


MASKED = np.float32(-1e30)
"""What is added to the scores of places that are not attended to; finite also in bfloat16."""

POSITIONS = ("start_positions", "end_positions")
"""The outputs that are integers; all others are float32."""


class Operations(Protocol):
    """The operations of a format. Names are those of parameters, without `.weight` or `.bias`."""

    def has(self, name: str) -> bool:
        """Whether there are trained parameters of this name."""
        ...

    def linear(self, name: str, x: Node) -> Node:
        """Multiply rows by a weight, (O, I), and add a bias."""
        ...

    def layer_norm(self, name: str, x: Node) -> Node: ...

    def activation(self, kind: str, x: Node) -> Node:
        """One of the values of `config.ACTIVATIONS`."""
        ...

    def add(self, x: Node, y: Node) -> Node: ...

    def attend(self, qkv_BT3D: Node, mask: Node) -> Node:
        """Multi-head attention, (B, T, D); the mask is added to the scores, (B, 1, 1 or T, T)."""
        ...

    def repeat(self, times: Node, x: Node, mask: Node, body: Callable[[Node, Node], Node]) -> Node:
        """Replace `x` by `body(x, mask)` for a number of times, an integer or a scalar node."""
        ...

    def lookup(self, name: str, ids_BT: Node) -> Node:
        """The rows of a table, (B, T, E)."""
        ...

    def positions(self, name: str, ids_BT: Node) -> Node:
        """The first T rows of a table, (T, E)."""
        ...

    def mask(self, attention_mask_BT: Node) -> Node:
        """What `attend` adds to the scores for a mask of 1 for tokens and 0 for padding."""
        ...

    def first(self, x_BTD: Node) -> Node:
        """The states of the first position, (B, D)."""
        ...

    def vocabulary(self, x_BTE: Node) -> Node:
        """The product with all word embeddings and the bias of the predictions, (B, T, V)."""
        ...

    def column(self, number: int, x_BTO: Node) -> Node:
        """One of the last axis, such as the outputs: (B, T)."""
        ...

    def outside(self, attention_BT: Node, segments_BT: Node) -> Node:
        """What is added to the logits of places for answers, (B, T).

        That is `MASKED` outside of the second text, whose last token is [SEP].
        """
        ...

    def softmax(self, x: Node) -> Node: ...

    def log_softmax(self, x: Node) -> Node: ...

    def best(self, x: Node) -> tuple[Node, Node]:
        """The `BEAM` largest of the last axis, or all if there are fewer, and their positions."""
        ...

    def average(self, weights_BT: Node, x_BTD: Node) -> Node:
        """The sum of states by weights, (B, D)."""
        ...

    def at(self, x_BTD: Node, positions_BS: Node) -> Node:
        """The states of some positions, (B, S, D)."""
        ...

    def every_pair(self, x_BSD: Node, y_BTD: Node) -> Node:
        """The sums of all pairs of states, (B, S, T, D)."""
        ...

    def unsqueeze(self, x_BT: Node) -> Node:
        """With a second axis of size 1, (B, 1, T)."""
        ...


def with_fused_attention(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """The weights with query, key and value of each layer joined: one product instead of three."""
    fused = dict(weights)
    for name in weights:
        if name.endswith(".attention.query.weight"):
            attention = name.removesuffix(".query.weight")
            for kind in ("weight", "bias"):
                parts = [
                    fused.pop(f"{attention}.{part}.{kind}") for part in ("query", "key", "value")
                ]
                fused[f"{attention}.qkv.{kind}"] = np.concatenate(parts)
    return fused


def with_parted_answers(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """The weights with those for pairs of states in the head for SQuAD 2.0 as one for each state.

    The product with a pair is the sum of two products, and that with a token is then computed once
    and not for each start.
    """
    parted = dict(weights)
    for name, (first, second) in _PAIRS.items():
        if f"{name}.weight" in parted:
            of_first, of_second = np.split(parted.pop(f"{name}.weight"), 2, axis=1)
            bias = parted.pop(f"{name}.bias")
            parted |= {f"{first}.weight": of_first, f"{first}.bias": bias}
            parted |= {f"{second}.weight": of_second, f"{second}.bias": np.zeros_like(bias)}
            parted.setdefault("answer_class.dense_1.bias", np.zeros(1, np.float32))
    return parted


_PAIRS = {
    "end_logits.dense_0": ("end_logits.of_token", "end_logits.of_start"),
    "answer_class.dense_0": ("answer_class.of_start", "answer_class.of_cls"),
}
"""The layers whose input is a pair of states, and the names of their parts."""


def segments(config: AlbertConfig) -> list[list[str]]:
    """The names of layers that are applied in turn, in order: one list for each loop.

    A group of several inner layers is followed by a loop for each of them but the last, which
    runs if the depth ends within the group.
    """
    result = []
    for group in _groups(config):
        layers = [
            names.LAYER.format(group=group, inner=inner) for inner in range(config.inner_group_num)
        ]
        result += [layers, *([layer] for layer in layers[:-1])]
    return result


def repetitions(config: AlbertConfig, depth: int) -> list[int]:
    """How often each of `segments` is repeated for a number of applications of layers."""
    whole, rest = divmod(depth, config.inner_group_num)
    times = Counter(config.group_of(number) for number in range(whole))
    last = config.group_of(whole) if rest else None
    return [
        count
        for group in _groups(config)
        for count in (
            times[group],
            *(int(group == last and inner < rest) for inner in range(config.inner_group_num - 1)),
        )
    ]


def _groups(config: AlbertConfig) -> list[int]:
    """The groups that are applied, in order; with more groups than layers, some are not."""
    return list(dict.fromkeys(map(config.group_of, range(config.num_hidden_layers))))


def embeddings(operations: Operations, ids_BT: Node, segments_BT: Node) -> Node:
    """The normalised embeddings of texts, (B, T, E)."""
    x_BTE = operations.add(
        operations.lookup("embeddings.word_embeddings", ids_BT),
        operations.lookup("embeddings.token_type_embeddings", segments_BT),
    )
    x_BTE = operations.add(x_BTE, operations.positions("embeddings.position_embeddings", ids_BT))
    return operations.layer_norm("embeddings.LayerNorm", x_BTE)


def encoder(
    operations: Operations,
    config: AlbertConfig,
    x: Node,
    mask: Node,
    times: Sequence[Node],
    *,
    resumes: bool = False,
) -> Node:
    """The hidden states, (B, T, D), for the number of repetitions of each of `segments`.

    Args:
        operations: those of the format.
        config: the architecture.
        x: embeddings, (B, T, E), or, if it `resumes`, hidden states.
        mask: what `Operations.attend` adds to the scores.
        times: the repetitions.
        resumes: apply the layers to hidden states, without the projection of embeddings.
    """
    x_BTD = x if resumes else operations.linear("encoder.embedding_hidden_mapping_in", x)
    for count, layers in zip(times, segments(config), strict=True):

        def body(x_BTD: Node, mask: Node, layers: Sequence[str] = layers) -> Node:
            for layer in layers:
                x_BTD = _layer(operations, config, layer, x_BTD, mask)
            return x_BTD

        if not isinstance(count, int) or count > 0:
            x_BTD = operations.repeat(count, x_BTD, mask, body)
    return x_BTD


def task_of(config: AlbertConfig) -> str:
    """The task that a model was trained for; one of `TASKS`."""
    (architecture,) = (config.architectures or ("",))[:1]
    return TASK_OF.get(architecture, "feature-extraction")


def whole(
    operations: Operations,
    config: AlbertConfig,
    task: str,
    depth: int,
    inputs_BT: tuple[Node, Node, Node],
) -> dict[str, Node]:
    """The outputs of a model with a head, by the names that transformers gives them.

    Args:
        operations: those of the format.
        config: the architecture.
        task: one of `TASKS`.
        depth: the number of applications of layers.
        inputs_BT: ids, attention mask and segments.
    """
    ids_BT, attention_BT, segments_BT = inputs_BT
    x_BTE = embeddings(operations, ids_BT, segments_BT)
    mask = operations.mask(attention_BT)
    x_BTD = encoder(operations, config, x_BTE, mask, repetitions(config, depth))

    def pooled() -> Node:
        return operations.activation("tanh", operations.linear("pooler", operations.first(x_BTD)))

    match task:
        case "fill-mask":
            x_BTE = operations.linear("predictions.dense", x_BTD)
            x_BTE = operations.activation(config.activation, x_BTE)
            x_BTE = operations.layer_norm("predictions.LayerNorm", x_BTE)
            return {"logits": operations.vocabulary(x_BTE)}
        case "sentence-order" | "text-classification":
            head = "classifier" if task == "text-classification" else "sop_classifier.classifier"
            return {"logits": operations.linear(head, pooled())}
        case "token-classification":
            return {"logits": operations.linear("classifier", x_BTD)}
        case "question-answering":
            x_BT2 = operations.linear("qa_outputs", x_BTD)
            names_ = ("start_logits", "end_logits")
            return {name: operations.column(i, x_BT2) for i, name in enumerate(names_)}
        case "question-answering-v2":
            return _answers(operations, x_BTD, operations.outside(attention_BT, segments_BT))
    outputs = {"last_hidden_state": x_BTD}
    return outputs | ({"pooler_output": pooled()} if operations.has("pooler") else {})


def _answers(operations: Operations, x_BTD: Node, outside_BT: Node) -> dict[str, Node]:
    """The outputs of Google's head for SQuAD 2.0, as in `models.torch.squad`."""

    def logits(name: str, x: Node) -> Node:
        return operations.column(0, operations.linear(name, x))

    start_BT = operations.add(logits("start_logits.dense", x_BTD), outside_BT)
    mean_BD = operations.average(operations.softmax(start_BT), x_BTD)
    hidden_BD = operations.add(
        operations.linear("answer_class.of_start", mean_BD),
        operations.linear("answer_class.of_cls", operations.first(x_BTD)),
    )
    hidden_BD = operations.activation("tanh", hidden_BD)
    start_log_probs, starts_BS = operations.best(operations.log_softmax(start_BT))
    hidden_BSTD = operations.every_pair(
        operations.linear("end_logits.of_start", operations.at(x_BTD, starts_BS)),
        operations.linear("end_logits.of_token", x_BTD),
    )
    hidden_BSTD = operations.layer_norm(
        "end_logits.LayerNorm", operations.activation("tanh", hidden_BSTD)
    )
    end_BST = operations.add(
        logits("end_logits.dense_1", hidden_BSTD), operations.unsqueeze(outside_BT)
    )
    end_log_probs, ends_BSS = operations.best(operations.log_softmax(end_BST))
    return {
        "start_log_probs": start_log_probs,
        "start_positions": starts_BS,
        "end_log_probs": end_log_probs,
        "end_positions": ends_BSS,
        "unanswerable_logits": logits("answer_class.dense_1", hidden_BD),
    }


def output_shapes(config: AlbertConfig, task: str) -> dict[str, list[int | str]]:
    """The shape of each output that `whole` may have for a task."""
    tokens: list[int | str] = ["batch", "tokens"]
    starts: list[int | str] = ["batch", "starts"]
    shapes: dict[str, dict[str, list[int | str]]] = {
        "feature-extraction": {
            "last_hidden_state": [*tokens, config.hidden_size],
            "pooler_output": ["batch", config.hidden_size],
        },
        "fill-mask": {"logits": [*tokens, config.vocab_size]},
        "sentence-order": {"logits": ["batch", 2]},
        "text-classification": {"logits": ["batch", config.num_labels]},
        "token-classification": {"logits": [*tokens, config.num_labels]},
        "question-answering": {"start_logits": tokens, "end_logits": tokens},
        "question-answering-v2": {
            "start_log_probs": starts,
            "start_positions": starts,
            "end_log_probs": [*starts, "ends"],
            "end_positions": [*starts, "ends"],
            "unanswerable_logits": ["batch"],
        },
    }
    return shapes[task]


def _layer(
    operations: Operations, config: AlbertConfig, name: str, x_BTD: Node, mask: Node
) -> Node:
    context_BTD = operations.attend(operations.linear(f"{name}.attention.qkv", x_BTD), mask)
    attended_BTD = operations.linear(f"{name}.attention.dense", context_BTD)
    x_BTD = operations.layer_norm(
        f"{name}.attention.LayerNorm", operations.add(x_BTD, attended_BTD)
    )
    inner_BTF = operations.activation(config.activation, operations.linear(f"{name}.ffn", x_BTD))
    return operations.layer_norm(
        f"{name}.full_layer_layer_norm",
        operations.add(x_BTD, operations.linear(f"{name}.ffn_output", inner_BTF)),
    )


def quantized(
    weight_OI: NDArray[np.float32], largest: int = 127
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A weight in 8 bits and the scale of each of its rows: weight = rounded * scale.

    Args:
        weight_OI: the weight.
        largest: the largest absolute value of the integers.

    Returns:
        (O, I) integers and (O, 1) scales.
    """
    scale_O1 = np.abs(weight_OI).max(1, keepdims=True) / np.float32(largest)
    scale_O1 = np.maximum(scale_O1, np.finfo(np.float32).tiny)
    return np.rint(weight_OI / scale_O1).astype(np.int8), scale_O1
