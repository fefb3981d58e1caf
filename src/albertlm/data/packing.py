"""Pack texts of different lengths into rows of equal width, so that little is computed for padding.

I texts, R rows, W width of a row, N tokens of all texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from albertlm.settings import check

WINDOW = 1024
"""Texts that are packed together; the time for one window grows with the square of this number."""

_Ints = NDArray[np.int64]

_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True)
class Packing:
    """The places of texts in rows. A row holds one or several texts and padding behind them.

    Fields:
        lengths_I: the number of tokens of each text.
        starts_I: the place of each text's first token, counted over all rows: R * W places.
        rows: the number of rows.
        width: the number of places in a row.
    """

    lengths_I: _Ints
    starts_I: _Ints
    rows: int
    width: int

    @property
    def places(self) -> _Ints:
        """(N,) the place of each token; `x.reshape(R * W, …)[places]` unpacks rows."""
        return np.repeat(self.starts_I, self.lengths_I) + self.positions

    @property
    def positions(self) -> _Ints:
        """(N,) the position of each token in its own text."""
        firsts_I = np.cumsum(self.lengths_I) - self.lengths_I
        return np.arange(self.lengths_I.sum()) - np.repeat(firsts_I, self.lengths_I)

    @property
    def texts(self) -> _Ints:
        """(R, W) the number of the text at each place, from 1 on; 0 is padding."""
        numbers_I = np.arange(1, len(self.lengths_I) + 1)
        return self.pack(np.repeat(numbers_I, self.lengths_I))

    @property
    def holds_one_text_a_row(self) -> bool:
        return self.rows == len(self.lengths_I)

    def pack(self, values_N: NDArray[_Value]) -> NDArray[_Value]:
        """Values of all tokens, (N, …), in rows, (R, W, …), with zeros at padding."""
        packed = np.zeros((self.rows * self.width, *values_N.shape[1:]), values_N.dtype)
        packed[self.places] = values_N
        return packed.reshape(self.rows, self.width, *values_N.shape[1:])

    def mask(self) -> NDArray[np.bool_]:
        """Which places each place attends to, (R, W, W): those of its own text.

        Padding attends to the padding of its row, so that no place attends to nothing. With one
        text in each row, all places of a row attend to the same ones, and the mask is (R, 1, W).
        """
        seen = self.texts[:, None, :]
        mask: NDArray[np.bool_] = seen > 0
        if not self.holds_one_text_a_row:
            mask = seen == self.texts[:, :, None]
        return mask


def pack(lengths: Sequence[int], width: int, *, window: int = WINDOW) -> Packing:
    """Distribute texts to rows, first-fit and from the longest to the shortest of a window.

    Args:
        lengths: the number of tokens of each text, at least 1.
        width: the number of places in a row.
        window: the number of consecutive texts that may share rows.

    Raises:
        ValueError: a text is empty or longer than a row.
    """
    lengths_I = np.array(lengths, np.int64)
    for length in lengths:
        check(1 <= length <= width, f"from 1 to the {width} places of a row", length=length)
    starts_I = np.zeros(len(lengths), np.int64)
    used: list[int] = []
    for begin in range(0, len(lengths), window):
        first_row = len(used)
        within = lengths_I[begin : begin + window]
        for number in (begin + np.argsort(-within, kind="stable")).tolist():
            fitting = (
                row for row in range(first_row, len(used)) if used[row] + lengths[number] <= width
            )
            row = next(fitting, len(used))
            if row == len(used):
                used.append(0)
            starts_I[number] = row * width + used[row]
            used[row] += lengths[number]
    return Packing(lengths_I, starts_I, len(used), width)


def pad(lengths: Sequence[int]) -> Packing:
    """Give each text a row of its own, as wide as the longest text.

    Raises:
        ValueError: a text is empty.
    """
    check(min(lengths, default=1) >= 1, "1 or more", length=min(lengths, default=1))
    width = max(lengths, default=0)
    lengths_I = np.array(lengths, np.int64)
    return Packing(lengths_I, np.arange(len(lengths)) * width, len(lengths), width)
