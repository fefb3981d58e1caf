"""What both ways from plain text to pieces have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

SPACE = "▁"
"""How a piece writes a space; a piece that begins with it begins a word."""

Ids = npt.NDArray[np.int32]
Span = tuple[int, int]


class Segmenter(Protocol):
    """Plain text to ids, without special tokens: Google's way or the hub's."""

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text."""

    def encode_part(self, text: str, *, begins_word: bool) -> list[int]:
        """The ids of a text that may stand right behind a special token, as in `[MASK].`."""

    def encode_with_spans(self, text: str, *, begins_word: bool) -> tuple[list[int], list[Span]]:
        """The ids of one text and each piece's characters in it, as `(start, end)`."""
