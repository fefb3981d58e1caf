"""What engines with a graph compute from texts: rows, their masks, and the places to return.

B rows, T places of a row, N tokens to return, E embedding, D hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from albertlm.config import AlbertConfig
from albertlm.data import packing
from albertlm.data.packing import Packing
from albertlm.export import graph
from albertlm.inference.arithmetic import Floats, Parameters, embeddings
from albertlm.inference.engines.base import TokenizedText, check_depth

WORTHWHILE = 0.95
"""Texts share rows if these take at most this share of the time of texts with padding."""

NUMBERS = 64
"""About how many numbers of rows are considered in a large batch; in a small one, all."""


class PackedBatch(NamedTuple):
    """The inputs of `export.openvino.encoder` and `export.onnx.encoder`, in their order.

    Fields:
        inputs: the normalised embeddings, (B, T, E), or hidden states, (B, T, D), to resume from.
        mask: (B, 1, 1 or T, T), added to the scores of attention.
        repetitions: of each of `graph.segments`.
        places: (N,) the places whose states are returned, from 0 to B * T - 1.
    """

    inputs: Floats
    mask: Floats
    repetitions: NDArray[np.int64]
    places: NDArray[np.int64]


def packed_batch(
    config: AlbertConfig,
    parameters: Parameters,
    texts: Sequence[TokenizedText],
    positions: Sequence[Sequence[int]] | None,
    depth: int | None,
) -> PackedBatch:
    """Pack texts into rows, and look up their embeddings.

    Args:
        config: the architecture.
        parameters: those of the embeddings, at least.
        texts: at least one text.
        positions: the positions of each text to return; all by default.
        depth: the number of applications of layers; all of the model by default.

    Raises:
        ValueError: the model has fewer applications than `depth`.
    """
    repetitions = graph.repetitions(config, check_depth(config, depth))
    packed = _packing([len(text.input_ids) for text in texts], config.hidden_size)
    x_NE = embeddings(
        parameters,
        np.concatenate([text.input_ids for text in texts]),
        np.concatenate([text.token_type_ids for text in texts]),
        packed.positions,
        config.layer_norm_eps,
    )
    mask = np.where(packed.mask(), np.float32(0), graph.MASKED)[:, None]
    places = packed.places
    if positions is not None:
        pairs = zip(packed.starts_I.tolist(), positions, strict=True)
        places = np.array([start + at for start, of_text in pairs for at in of_text], np.int64)
    return PackedBatch(packed.pack(x_NE), mask, np.array(repetitions), places)


def packed_states(config: AlbertConfig, states: Sequence[Floats], applications: int) -> PackedBatch:
    """Pack hidden states into rows, to apply the layers of the only segment to them."""
    packed = _packing([len(x_TD) for x_TD in states], config.hidden_size)
    mask = np.where(packed.mask(), np.float32(0), graph.MASKED)[:, None]
    repetitions = np.array(graph.repetitions(config, applications))
    return PackedBatch(packed.pack(np.concatenate(states)), mask, repetitions, packed.places)


def split_states(
    x_ND: Floats,
    texts: Sequence[TokenizedText],
    positions: Sequence[Sequence[int]] | None,
) -> list[Floats]:
    """The states of each text, from those of all texts."""
    return split(x_ND, [len(each) for each in (positions or [text.input_ids for text in texts])])


def split(x_ND: Floats, counts: Sequence[int]) -> list[Floats]:
    """The rows of an array in parts of some sizes."""
    return np.split(x_ND, np.cumsum(counts)[:-1])


def _packing(lengths: Sequence[int], hidden_size: int) -> Packing:
    """The fastest way to place texts in rows, of padding and many numbers of shared rows."""
    best = packing.pad(lengths)
    least = WORTHWHILE * _cost(best.rows, best.width, hidden_size)
    longest, total = best.width, sum(lengths)
    step = max(1, len(lengths) // NUMBERS)
    full = [
        (_cost(rows, max(longest, total / rows), hidden_size), rows)
        for rows in range(1, len(lengths), step)
    ]
    for cost_if_full, rows in sorted(full):
        if cost_if_full >= least:
            break
        packed = packing.pack(lengths, rows)
        cost = _cost(packed.rows, packed.width, hidden_size)
        if cost < least:
            best, least = packed, cost
    return best


def _cost(rows: int, width: float, hidden_size: int) -> float:
    """What a layer takes for rows, up to a factor: its products, and attention within each row."""
    return rows * width * (1 + width / (4 * hidden_size))
