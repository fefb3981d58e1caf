"""What both ways from plain text to pieces have in common."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

SPACE = "▁"
"""How a piece writes a space; a piece that begins with it begins a word."""

Ids = npt.NDArray[np.int32]
"""(T,) token ids."""

Spans = npt.NDArray[np.int64]
"""(T, 2) the first character of each token and the one after the last, in the original text."""


class Joined(NamedTuple):
    """The ids of texts one after the other, and how many (B,) each text has."""

    ids: Ids
    lengths: npt.NDArray[np.int64]

    @classmethod
    def from_rows(cls, rows: Sequence[Ids]) -> Joined:
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return cls(np.concatenate(rows) if rows else np.zeros(0, np.int32), lengths)

    def rows(self) -> list[Ids]:
        """The ids of each text."""
        ends = np.cumsum(self.lengths).tolist()
        return [self.ids[start:end] for start, end in pairwise([0, *ends])]


class Segmenter(Protocol):
    """Plain text to ids, without special tokens: Google's way or the hub's."""

    def encode(self, texts: Sequence[str]) -> Joined:
        """The ids of some texts."""

    def encode_part(self, text: str, *, begins_word: bool) -> Ids:
        """The ids of a text that may stand right behind a special token, as in `[MASK].`."""

    def spans(self, text: str, ids: Ids, *, begins_word: bool) -> Spans:
        """The characters of each token; `ids` are what one of the other two made of the text."""
