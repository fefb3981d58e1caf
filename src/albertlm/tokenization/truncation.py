"""Which tokens of a text, or of a pair, a row holds when not all of them fit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Literal

Truncation = Literal["longest_first", "only_first", "only_second", "do_not_truncate"]
Window = tuple[int, int]
"""The first token and the one after the last, in the whole text."""


def windows(
    strategy: Truncation, room: int, stride: int, sizes: Sequence[int]
) -> list[tuple[Window, ...]]:
    """The windows into one text or two that together hold all tokens.

    The first is the truncated text; the others are what transformers calls overflowing tokens.

    Args:
        strategy: which text gives way.
        room: tokens that fit into a row, the added ones not counted.
        stride: tokens that a window has in common with the one before.
        sizes: tokens of the text, or of the text and the text pair.

    Raises:
        ValueError: the text that shall give way is too short for it, or `stride` is too large.
    """
    if strategy == "do_not_truncate" or sum(sizes) <= room:
        return [tuple((0, size) for size in sizes)]
    rooms = (room,) if len(sizes) == 1 else _share(strategy, room, *sizes)
    return list(
        product(*(_cut(size, each, stride) for size, each in zip(sizes, rooms, strict=True)))
    )


def _share(strategy: Truncation, room: int, first: int, second: int) -> tuple[int, int]:
    """The room of each text of a pair."""
    if strategy == "only_first":
        return _what_is_left(strategy, room, second), second
    if strategy == "only_second":
        return first, _what_is_left(strategy, room, first)
    # the longer one gives way until both are equally long
    half = room // 2
    if min(first, second) > half:
        return (half, room - half) if first <= second else (room - half, half)
    return (first, room - first) if first < second else (room - second, second)


def _what_is_left(strategy: Truncation, room: int, taken: int) -> int:
    if taken >= room:
        raise ValueError(
            f"truncation={strategy!r} cannot make a pair fit whose other text has {taken} tokens, "
            f"where {room} fit; raise max_length, or use 'longest_first'"
        )
    return room - taken


def _cut(size: int, room: int, stride: int) -> list[Window]:
    if size <= room:
        return [(0, size)]
    if stride >= room:
        raise ValueError(
            f"stride={stride} is not less than the {room} tokens of a window; "
            "lower stride, or raise max_length"
        )
    starts = range(0, size - stride, room - stride)
    return [(start, min(start + room, size)) for start in starts]
