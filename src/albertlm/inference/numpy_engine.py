"""ALBERT in NumPy: needs nothing but the core install, and starts without the import of PyTorch.

N tokens of all texts, T tokens of one, P masks of a text, B texts, E embedding, D hidden,
F intermediate, H heads, K head size, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np

from albertlm import costs
from albertlm.checkpoints import huggingface, names
from albertlm.config import AlbertConfig
from albertlm.inference.engine import Floats, TokenizedText

BLOCK_ROWS = 256
"""Rows that go through the feed-forward block together, so that the intermediate stays in cache."""


class NumpyEngine:
    """An `Engine` in float32 on the processor. Texts are never padded: rows stand end to end."""

    def __init__(
        self, config: AlbertConfig, tensors: Mapping[str, Floats], trained: Collection[str]
    ) -> None:
        self.config = config
        self.trained = trained
        self._tensors = tensors
        self._activation = _ACTIVATIONS[config.hidden_act]

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """The engine of a model folder, whose every tensor is accounted for.

        Raises:
            OSError: the folder holds no configuration or no weights.
            ValueError: a file is damaged, or a tensor is unknown, missing or of the wrong shape.
        """
        config = AlbertConfig.from_json_file(folder / "config.json")
        tensors = huggingface.read(folder)
        found = {name: tensor.shape for name, tensor in tensors.items()}
        # a file holds what groups have in common once for each of them
        wanted = costs.parameter_shapes(replace(config, shared_across_groups=None))
        report = names.match(found, wanted)
        return cls(config, tensors, report.loaded)

    def hidden_states(self, texts: Sequence[TokenizedText]) -> list[Floats]:
        x_ND, ends = self._encode(texts)
        return np.split(x_ND, ends[:-1])

    def pooled(self, texts: Sequence[TokenizedText]) -> Floats:
        cls_BD = np.stack([x_TD[0] for x_TD in self.hidden_states(texts)])
        return np.tanh(self._linear("pooler", cls_BD))

    def mask_logits(
        self, texts: Sequence[TokenizedText], positions: Sequence[list[int]]
    ) -> list[Floats]:
        states = self.hidden_states(texts)
        return [self._predict(x_TD[at]) for x_TD, at in zip(states, positions, strict=True)]

    def order_logits(self, texts: Sequence[TokenizedText]) -> Floats:
        return self._linear("sop_classifier.classifier", self.pooled(texts))

    def _predict(self, x_PD: Floats) -> Floats:
        x_PE = self._activation(self._linear("predictions.dense", x_PD))
        x_PE = self._norm("predictions.LayerNorm", x_PE)
        embeddings_VE = self._tensors["embeddings.word_embeddings.weight"]
        return x_PE @ embeddings_VE.T + self._tensors["predictions.bias"]

    def _encode(self, texts: Sequence[TokenizedText]) -> tuple[Floats, list[int]]:
        """The last layer's rows of all texts, and where each text ends among them."""
        ends = np.cumsum([len(text.input_ids) for text in texts]).tolist()
        x_ND = self._linear("encoder.embedding_hidden_mapping_in", self._embed(texts))
        for number in range(self.config.num_hidden_layers):
            group = self.config.group_of(number)
            for inner in range(self.config.inner_group_num):
                layer = f"encoder.albert_layer_groups.{group}.albert_layers.{inner}"
                x_ND = self._attend(f"{layer}.attention", x_ND, ends)
                x_ND = self._feed_forward(layer, x_ND)
        return x_ND, ends

    def _embed(self, texts: Sequence[TokenizedText]) -> Floats:
        word, segment, position = (
            self._tensors[f"embeddings.{table}_embeddings.weight"]
            for table in ("word", "token_type", "position")
        )
        x_NE = word[np.concatenate([text.input_ids for text in texts])]
        x_NE += segment[np.concatenate([text.token_type_ids for text in texts])]
        x_NE += position[np.concatenate([range(len(text.input_ids)) for text in texts])]
        return self._norm("embeddings.LayerNorm", x_NE)

    def _attend(self, name: str, x_ND: Floats, ends: list[int]) -> Floats:
        heads = self.config.num_attention_heads
        q_HNK, k_HNK, v_HNK = (
            self._linear(f"{name}.{part}", x_ND).reshape(len(x_ND), heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        q_HNK *= 1 / math.sqrt(self.config.attention_head_size)
        context_ND = np.empty_like(x_ND)
        for start, end in pairwise([0, *ends]):
            text = np.s_[:, start:end]
            weights_HTT = _softmax(q_HNK[text] @ k_HNK[text].swapaxes(1, 2))
            context_HTK = weights_HTT @ v_HNK[text]
            context_ND[start:end] = context_HTK.swapaxes(0, 1).reshape(end - start, -1)
        return self._norm(f"{name}.LayerNorm", x_ND + self._linear(f"{name}.dense", context_ND))

    def _feed_forward(self, layer: str, x_ND: Floats) -> Floats:
        y_ND = np.empty_like(x_ND)
        for start in range(0, len(x_ND), BLOCK_ROWS):
            rows = np.s_[start : start + BLOCK_ROWS]
            inner_F = self._activation(self._linear(f"{layer}.ffn", x_ND[rows]))
            y_ND[rows] = self._linear(f"{layer}.ffn_output", inner_F)
        return self._norm(f"{layer}.full_layer_layer_norm", x_ND + y_ND)

    def _linear(self, name: str, x: Floats) -> Floats:
        y: Floats = x @ self._tensors[f"{name}.weight"].T
        y += self._tensors[f"{name}.bias"]
        return y

    def _norm(self, name: str, x: Floats) -> Floats:
        x = x - x.mean(-1, keepdims=True)
        variance = np.square(x).mean(-1, keepdims=True)
        x /= np.sqrt(variance + self.config.layer_norm_eps)
        x *= self._tensors[f"{name}.weight"]
        x += self._tensors[f"{name}.bias"]
        return x


def _softmax(x: Floats) -> Floats:
    x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(-1, keepdims=True)
    return x


def _gelu_erf(x: Floats) -> Floats:
    return x * (0.5 + 0.5 * _erf(x * math.sqrt(0.5)))


def _gelu_tanh(x: Floats) -> Floats:
    inner = np.square(x)
    inner *= 0.044715 * math.sqrt(2 / math.pi)
    inner += math.sqrt(2 / math.pi)
    inner *= x
    np.tanh(inner, out=inner)
    inner += 1
    inner *= x
    inner *= 0.5
    return inner


def _erf(x: Floats) -> Floats:
    """The error function to 1.5e-7, which is float32's precision (Abramowitz and Stegun 7.1.26)."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    return np.copysign(1 - series * np.exp(-np.square(x)), x)


def _relu(x: Floats) -> Floats:
    return np.maximum(x, 0)


_ACTIVATIONS = {"gelu": _gelu_erf, "gelu_new": _gelu_tanh, "relu": _relu}
