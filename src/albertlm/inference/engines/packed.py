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

ROW = 128
"""Places of a row of several texts, or more if a text is longer; attention is cheap up to here."""

WORTHWHILE = 0.95
"""Texts share rows if the places are at most this share of those with padding."""


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
    packed = _packing([len(text.input_ids) for text in texts])
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
    packed = _packing([len(x_TD) for x_TD in states])
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


def _packing(lengths: Sequence[int]) -> Packing:
    padded = packing.pad(lengths)
    width = max(padded.width, min(ROW, sum(lengths)))
    packed = packing.pack(lengths, width)
    saves = packed.rows * packed.width <= WORTHWHILE * padded.rows * padded.width
    return packed if saves else padded
