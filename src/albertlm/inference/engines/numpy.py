"""ALBERT in NumPy, which needs only the core install and starts without importing PyTorch.

N tokens of all texts, T tokens of one, B texts, E embedding, D hidden, F intermediate, H heads,
K head size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Self

import numpy as np

from albertlm.checkpoints import names
from albertlm.config import AlbertConfig
from albertlm.inference.arithmetic import (
    ACTIVATIONS,
    Floats,
    Parameters,
    embeddings,
    layer_norm,
    linear,
    softmax_,
)
from albertlm.inference.engines.base import (
    TokenizedText,
    check_cpu,
    check_depth,
    check_resumable,
    read_trained,
    resolve_dtype,
)

FEED_FORWARD_ROWS = 256
"""Rows that the feed-forward block computes at once, so that the intermediate fits in cache."""


class NumpyEngine:
    """An `Engine` in float32 on the CPU. Texts are concatenated without padding."""

    def __init__(self, config: AlbertConfig, parameters: Parameters) -> None:
        self.config = config
        self.parameters = parameters
        self._activation = ACTIVATIONS[config.activation]

    @classmethod
    def from_folder(cls, folder: Path, *, device: str | None = None, dtype: str = "auto") -> Self:
        check_cpu("numpy", device)
        resolve_dtype("numpy", dtype)
        return cls(*read_trained(folder))

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        lengths = [len(text.input_ids) for text in texts]
        ends = np.cumsum(lengths).tolist()
        x_NE = embeddings(
            self.parameters,
            np.concatenate([text.input_ids for text in texts]),
            np.concatenate([text.token_type_ids for text in texts]),
            np.concatenate([np.arange(length) for length in lengths]),
            self.config.layer_norm_eps,
        )
        x_ND = self._linear("encoder.embedding_hidden_mapping_in", x_NE)
        for layer in self._layers()[: check_depth(self.config, depth)]:
            x_ND = self._apply(layer, x_ND, ends)
        states = np.split(x_ND, ends[:-1])
        if positions is None:
            return states
        return [x_TD[list(at)] for x_TD, at in zip(states, positions, strict=True)]

    def resume(self, states: Sequence[Floats], applications: int) -> list[Floats]:
        check_resumable(self.config)
        ends = np.cumsum([len(x_TD) for x_TD in states]).tolist()
        x_ND = np.concatenate(states)
        for _ in range(applications):
            x_ND = self._apply(self._layers()[0], x_ND, ends)
        return np.split(x_ND, ends[:-1])

    def _apply(self, layer: str, x_ND: Floats, ends: list[int]) -> Floats:
        x_ND = self._attend(f"{layer}.attention", x_ND, ends)
        return self._feed_forward(layer, x_ND)

    def _layers(self) -> list[str]:
        """The names of the layers in order of application."""
        return [
            names.LAYER.format(group=self.config.group_of(number), inner=inner)
            for number in range(self.config.num_hidden_layers)
            for inner in range(self.config.inner_group_num)
        ]

    def _attend(self, name: str, x_ND: Floats, ends: list[int]) -> Floats:
        heads = self.config.num_attention_heads
        q_HNK, k_HNK, v_HNK = (
            self._linear(f"{name}.{part}", x_ND).reshape(len(x_ND), heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        q_HNK *= 1 / math.sqrt(self.config.attention_head_size)
        context_ND = np.empty_like(x_ND)
        start = 0
        for length, texts in groupby(b - a for a, b in pairwise([0, *ends])):
            # neighbours of the same length, such as masked copies of a text, attend at once
            rows = slice(start, start + length * sum(1 for _ in texts))
            q_HBTK, k_HBTK, v_HBTK = (
                each[:, rows].reshape(heads, -1, length, each.shape[-1])
                for each in (q_HNK, k_HNK, v_HNK)
            )
            weights_HBTT = softmax_(q_HBTK @ k_HBTK.swapaxes(2, 3))
            context_HBTK = weights_HBTT @ v_HBTK
            context_ND[rows] = np.moveaxis(context_HBTK, 0, 2).reshape(rows.stop - start, -1)
            start = rows.stop
        return self._norm(f"{name}.LayerNorm", x_ND + self._linear(f"{name}.dense", context_ND))

    def _feed_forward(self, layer: str, x_ND: Floats) -> Floats:
        y_ND = np.empty_like(x_ND)
        for start in range(0, len(x_ND), FEED_FORWARD_ROWS):
            rows = np.s_[start : start + FEED_FORWARD_ROWS]
            inner_F = self._activation(self._linear(f"{layer}.ffn", x_ND[rows]))
            y_ND[rows] = self._linear(f"{layer}.ffn_output", inner_F)
        return self._norm(f"{layer}.full_layer_layer_norm", x_ND + y_ND)

    def _linear(self, name: str, x: Floats) -> Floats:
        return linear(self.parameters, name, x)

    def _norm(self, name: str, x: Floats) -> Floats:
        return layer_norm(self.parameters, name, x, self.config.layer_norm_eps)
