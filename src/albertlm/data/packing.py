"""Pack texts of different lengths into rows of equal width, so that little is computed for padding.

I texts, R rows, W width of a row, N tokens of all texts.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from albertlm.settings import check

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


def pack(lengths: Sequence[int], rows: int) -> Packing:
    """Distribute texts over rows of equal fullness, as wide as the fullest of them.

    Each text goes to the row with most room, from the longest text to the shortest. The fullest row
    then has at most `longest * (1 - 1 / rows)` tokens more than the mean (Graham 1969, Bounds on
    multiprocessing timing anomalies).

    Args:
        lengths: the number of tokens of each text.
        rows: the number of rows, at most that of the texts.

    Raises:
        ValueError: a text is empty, or there are more rows than texts.
    """
    _check_lengths(lengths)
    check(1 <= rows <= len(lengths), f"from 1 to the number of texts, {len(lengths)}", rows=rows)
    fullness = [(0, row) for row in range(rows)]
    rows_I, offsets_I = np.zeros((2, len(lengths)), np.int64)
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        used, row = fullness[0]
        rows_I[number], offsets_I[number] = row, used
        heapq.heapreplace(fullness, (used + lengths[number], row))
    width, _ = max(fullness)
    return Packing(np.array(lengths, np.int64), rows_I * width + offsets_I, rows, width)


def pad(lengths: Sequence[int]) -> Packing:
    """Give each text a row of its own, as wide as the longest text.

    Raises:
        ValueError: a text is empty.
    """
    _check_lengths(lengths)
    width = max(lengths, default=0)
    lengths_I = np.array(lengths, np.int64)
    return Packing(lengths_I, np.arange(len(lengths)) * width, len(lengths), width)


def _check_lengths(lengths: Sequence[int]) -> None:
    shortest = min(lengths, default=1)
    check(shortest >= 1, "1 or more", length=shortest)
