"""The interface of both segmenters, and the types that they use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from albertlm.tokenization.normalization import Aligned, Spans

SPACE = "▁"
"""The character for a space in a piece; a piece that begins with it begins a word."""

Ids = npt.NDArray[np.int32]
"""(T,) token ids."""


class Joined(NamedTuple):
    """The ids of several texts in one array, and the number of ids of each text (B,)."""

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
    """Converts plain text to ids, without special tokens."""

    @property
    def align(self) -> Callable[[str], Aligned]:
        """Normalises a text, and says where each character comes from."""

    def encode(self, texts: Sequence[str]) -> Joined:
        """The ids of several texts."""

    def locate(self, texts: Sequence[str], joined: Joined) -> list[Spans]:
        """The spans of each text's tokens; `joined` is what `encode` returned for the texts."""

    def encode_part(self, text: str, *, begins_word: bool) -> Ids:
        """The ids of a text that may directly follow a special token, as in `[MASK].`."""

    def spans(self, text: str, ids: Ids, *, begins_word: bool) -> Spans:
        """The span of each token; `ids` is what `encode_part` returned for the text."""
