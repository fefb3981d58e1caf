"""From token ids to the model's inputs: truncation, rows, padding, and what a call returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from albertlm import extras

Padding = Literal["longest", "max_length", "do_not_pad"]
Truncation = Literal["longest_first", "only_first", "only_second", "do_not_truncate"]
Side = Literal["left", "right"]
TokenRange = tuple[int, int]
"""Start and end (exclusive) of a range of tokens of a text."""

Columns = dict[str, list[Any]]
"""Lists of rows, by name; each row is a list with one value per token."""


class Pads(NamedTuple):
    """How rows are padded.

    Fields:
        strategy: to the longest row, to `max_length`, or not at all.
        max_length: the number of tokens for the strategy `max_length`.
        multiple_of: the length is rounded up to a multiple of this.
        side: where the padding goes.
    """

    strategy: Padding
    max_length: int
    multiple_of: int | None
    side: Side


def windows(
    strategy: Truncation, room: int, stride: int, sizes: Sequence[int]
) -> list[tuple[TokenRange, ...]]:
    """The windows into one or two texts that together contain all tokens.

    The first window is the truncated text; transformers calls the others overflowing tokens.

    Args:
        strategy: which text is truncated.
        room: the number of tokens that fit into a row, not counting added ones.
        stride: the number of tokens that consecutive windows share.
        sizes: the number of tokens of the text, or of the text and its pair.

    Raises:
        ValueError: truncating that text is not enough, or `stride` is too large.
    """
    if strategy == "do_not_truncate" or sum(sizes) <= room:
        return [tuple([(0, size) for size in sizes])]
    rooms = (room,) if len(sizes) == 1 else _share(strategy, room, *sizes)
    return list(
        product(*(_cut(size, each, stride) for size, each in zip(sizes, rooms, strict=True)))
    )


def _share(strategy: Truncation, room: int, first: int, second: int) -> tuple[int, int]:
    """The number of tokens that each text of a pair may keep."""
    if strategy == "only_first":
        return _what_is_left(strategy, room, second), second
    if strategy == "only_second":
        return first, _what_is_left(strategy, room, first)
    # the longer text is truncated until both have the same length
    half = room // 2
    if min(first, second) > half:
        return (half, room - half) if first <= second else (room - half, half)
    return (first, room - first) if first < second else (room - second, second)


def _what_is_left(strategy: Truncation, room: int, taken: int) -> int:
    if taken >= room:
        raise ValueError(
            f"truncation={strategy!r} cannot make this pair fit: the other text has {taken} "
            f"tokens, and only {room} fit; raise max_length, or use 'longest_first'"
        )
    return room - taken


def _cut(size: int, room: int, stride: int) -> list[TokenRange]:
    if size <= room:
        return [(0, size)]
    if stride >= room:
        raise ValueError(
            f"stride={stride} is not less than the {room} tokens of a window; "
            "lower stride, or raise max_length"
        )
    starts = range(0, size - stride, room - stride)
    return [(start, min(start + room, size)) for start in starts]


def pad_columns(
    columns: Columns,
    padding_values: Mapping[str, Any],
    pads: Pads,
) -> None:
    """Pad the rows, in place.

    Args:
        columns: the rows of `input_ids` and of everything else that has one value per token.
        padding_values: the value to pad with, by name.
        pads: how far, and on which side.
    """
    lengths = [len(row) for row in columns["input_ids"]]
    if pads.strategy == "do_not_pad" or not lengths:
        return
    length = pads.max_length if pads.strategy == "max_length" else max(lengths)
    if pads.multiple_of:
        length += -length % pads.multiple_of
    for name, rows in columns.items():
        # labels may be one per text
        if name in padding_values and all(isinstance(row, list) for row in rows):
            padding = [padding_values[name]]
            if pads.side == "right":
                columns[name] = [row + padding * (length - len(row)) for row in rows]
            else:
                columns[name] = [padding * (length - len(row)) + row for row in rows]


TensorKind = Literal["pt", "np", "tf"]


def to_tensors(columns: Mapping[str, Any], kind: TensorKind) -> dict[str, Any]:
    """The columns as tensors of torch or TensorFlow, or NumPy arrays.

    Integers are int64 or, as in transformers, int32 in TensorFlow; fractions are float32.

    Raises:
        ModuleNotFoundError: TensorFlow is asked for and not installed.
        ValueError: the rows have different lengths.
    """
    lengths = {len(row) for row in columns["input_ids"]}
    if len(lengths) > 1:
        raise ValueError(
            f"rows of {min(lengths)} to {max(lengths)} tokens cannot form a tensor; "
            "set padding=True, and truncation=True if some are too long"
        )
    arrays = {name: _array(name, rows) for name, rows in columns.items()}
    if kind == "np":
        return arrays
    if kind == "tf":
        return _of_tensorflow(arrays)
    import torch

    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _of_tensorflow(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"return_tensors='tf' cannot be used: {extras.hint('tensorflow')}", name=error.name
        ) from None
    return {
        name: tf.constant(array, tf.float32 if array.dtype.kind == "f" else tf.int32)
        for name, array in arrays.items()
    }


def _array(name: str, rows: Any) -> npt.NDArray[Any]:
    try:
        array = np.array(rows)
        return array.astype(np.float32 if array.dtype.kind == "f" and array.size else np.int64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} cannot form a tensor: its rows have different lengths or are no numbers; "
            "take it out before"
        ) from None
