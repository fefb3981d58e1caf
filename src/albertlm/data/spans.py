"""Choose the tokens of an example to predict: single tokens, or runs of whole words.

B batch, T positions, W words of all rows, V visits, n words of a run. The flat index of a token is
its row times T plus its column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_LENGTH = 1 << 16
"""The maximum number of positions of a row, since a position is stored in 16 bits."""
_BITS, _PLACE, _LAST = np.uint64(16), np.uint64(MAX_LENGTH - 1), np.uint64((1 << 64) - 1)


@dataclass(frozen=True)
class Words:
    """The words of a batch, row by row.

    Fields:
        counts_B: the number of words of each row.
        starts_W, ends_W: the flat index of each word's first token, and of the token after it.
        reach_W: the number of words of the longest run that starts with each word. There are no
            other tokens between the words of a run, so none crosses a special token.
    """

    counts_B: NDArray[np.int64]
    starts_W: NDArray[np.int64]
    ends_W: NDArray[np.int64]
    reach_W: NDArray[np.int64]

    @classmethod
    def find(
        cls, maskable: NDArray[np.bool_], word_starts: NDArray[np.bool_], max_ngram: int
    ) -> Words:
        """The words of the maskable tokens; both masks are (B, T)."""
        is_start = maskable & word_starts
        is_bound = is_start | ~maskable
        is_bound[:, 0] = True
        bounds = np.flatnonzero(is_bound)
        is_word = is_start.ravel()[bounds]
        starts_W = bounds[is_word]
        ends_W = np.append(bounds[1:], maskable.size)[is_word]
        goes_on = (starts_W[1:] == ends_W[:-1]) & (starts_W[1:] % maskable.shape[1] > 0)
        reach_W = np.ones_like(starts_W)
        for _ in range(1, max_ngram):
            reach_W[:-1] = 1 + goes_on * reach_W[1:]
        return cls(is_start.sum(1), starts_W, ends_W, reach_W)


def choose_tokens(
    random_BT: NDArray[np.uint64], maskable: NDArray[np.bool_], budget_B: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The flat indices of `budget_B` maskable tokens of each row, chosen uniformly, in order."""
    length = maskable.shape[1]
    order_BT = _order(random_BT, maskable)[:, : budget_B.max()] & _PLACE
    kept = np.arange(order_BT.shape[1]) < np.minimum(budget_B, maskable.sum(1))[:, None]
    rows = np.arange(len(maskable))[:, None] * length
    chosen: NDArray[np.int64] = np.sort((rows + order_BT.astype(np.int64))[kept])
    return chosen


def choose_runs(
    random_BW: NDArray[np.uint64], words: Words, budget_B: NDArray[np.int64], max_ngram: int
) -> NDArray[np.int64]:
    """Choose runs of whole words until the budget of each row is spent.

    The words of each row are visited in random order, all rows in parallel. A run of random length
    starts at each visited word. It is shortened if it exceeds the budget, and dropped if not even
    one word fits or one of its words is already taken.

    Args:
        random_BW: 64 random bits for each word of each row, for the order and for the length.
        words: the words of the batch.
        budget_B: the maximum number of tokens to choose in each row.
        max_ngram: the maximum number of words of a run.

    Returns:
        (W,) the number of words of the run that starts with each word, or 0.

    Source: `create_masked_lm_predictions` of the released code.
    """
    counts_B, n = words.counts_B, np.arange(max_ngram)[:, None]
    order_BW = _order(random_BW, np.arange(random_BW.shape[1]) < counts_B[:, None])
    first_B = np.cumsum(counts_B) - counts_B
    # visits are the first axis, so that the values of one visit are contiguous
    word_VB = first_B + (order_BW & _PLACE).astype(np.int64).T
    drawn_VB = draw_ngram_lengths(_fraction(order_BW), max_ngram).T
    sizes_W = np.append(words.ends_W - words.starts_W, np.zeros(max_ngram, np.int64))
    taken_W = np.zeros(len(sizes_W), bool)
    runs_W = np.zeros_like(words.starts_W)
    left_B, rows = budget_B.copy(), np.arange(len(budget_B))
    for visit in range(int(counts_B.max(initial=0))):
        rows = rows[(left_B[rows] > 0) & (visit < counts_B[rows])]
        if not len(rows):
            break
        word_R = word_VB[visit, rows]
        length_R = np.minimum(drawn_VB[visit, rows], words.reach_W[word_R])
        words_nR = word_R + n
        sizes_nR = np.cumsum(sizes_W[words_nR], axis=0)
        fits_nR = (n < length_R) & (sizes_nR <= left_B[rows])
        fits_nR &= ~(fits_nR & taken_W[words_nR]).any(0)
        taken_W[words_nR[fits_nR]] = True
        runs_W[word_R] = fits_nR.sum(0)
        left_B[rows] -= (sizes_nR * fits_nR).max(0)
    return runs_W


def run_tokens(words: Words, runs_W: NDArray[np.int64]) -> NDArray[np.int64]:
    """The flat indices of the tokens of all runs, in order."""
    first = np.flatnonzero(runs_W)
    starts = words.starts_W[first]
    return spread(starts, words.ends_W[first + runs_W[first] - 1] - starts)


def draw_ngram_lengths(uniform: NDArray[np.float64], max_ngram: int) -> NDArray[np.int64]:
    """The numbers of words of runs: p(n) is proportional to 1/n (paper equation 1)."""
    weights = 1 / np.arange(1, max_ngram + 1)
    lengths = np.ones(uniform.shape, np.int64)
    for threshold in np.cumsum(weights / weights.sum())[:-1]:
        lengths += uniform >= threshold
    return lengths


def spread(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The concatenated integers of all ranges."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))


def _order(random: NDArray[np.uint64], allowed: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """The random bits of each row, sorted, with the position in the row as the last 16 bits.

    Sorting these integers is many times faster than `argsort`. Positions that are not allowed come
    last.
    """
    places = np.arange(random.shape[1], dtype=np.uint64)
    return np.sort(np.where(allowed, random & ~_PLACE | places, _LAST), axis=1)


def _fraction(order: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Numbers in [0, 1) from the bits above the position."""
    return (order >> _BITS & _PLACE) / MAX_LENGTH
