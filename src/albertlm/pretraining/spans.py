"""Which tokens of an example are predicted: single tokens, or runs of whole words.

B batch, T positions, W words of all rows, V visits, n words of a run. A token's flat number is its
row times T plus its column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_LENGTH = 1 << 16
"""Positions of a row at most: a place in it is kept in so many bits of a random number."""
_BITS, _PLACE, _LAST = np.uint64(16), np.uint64(MAX_LENGTH - 1), np.uint64((1 << 64) - 1)


@dataclass(frozen=True)
class Words:
    """The words of a batch, row after row.

    Fields:
        counts_B: of each row.
        starts_W, ends_W: flat numbers of a word's first token, and of the one behind it.
        reach_W: words of the longest run that starts with a word, itself counted. Within a run no
            token lies between words, so that none crosses a special token.
    """

    counts_B: NDArray[np.int64]
    starts_W: NDArray[np.int64]
    ends_W: NDArray[np.int64]
    reach_W: NDArray[np.int64]

    @classmethod
    def find(
        cls, maskable: NDArray[np.bool_], word_starts: NDArray[np.bool_], max_ngram: int
    ) -> Words:
        """The words of maskable tokens, (B, T) each; runs have up to `max_ngram` of them."""
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
    """The flat numbers of `budget_B` maskable tokens of each row, in order: any is as likely."""
    length = maskable.shape[1]
    order_BT = _order(random_BT, maskable)[:, : budget_B.max()] & _PLACE
    kept = np.arange(order_BT.shape[1]) < np.minimum(budget_B, maskable.sum(1))[:, None]
    rows = np.arange(len(maskable))[:, None] * length
    chosen: NDArray[np.int64] = np.sort((rows + order_BT.astype(np.int64))[kept])
    return chosen


def choose_runs(
    random_BW: NDArray[np.uint64], words: Words, budget_B: NDArray[np.int64], max_ngram: int
) -> NDArray[np.int64]:
    """Runs of whole words until each row's budget of tokens is spent.

    The words of a row are visited in random order, all rows in step. A run of a random length
    starts with each; one that overruns the budget is shortened, and dropped where not one word
    fits or where a word is taken already.

    Args:
        random_BW: 64 random bits for each word of each row, in order: for its place, its length.
        words: of the rows.
        budget_B: tokens that may be taken.
        max_ngram: words of a run at most.

    Returns:
        (W,) words of the run that starts with a word, or 0.

    Source: `create_masked_lm_predictions` of the released code.
    """
    counts_B, n = words.counts_B, np.arange(max_ngram)[:, None]
    order_BW = _order(random_BW, np.arange(random_BW.shape[1]) < counts_B[:, None])
    first_B = np.cumsum(counts_B) - counts_B
    # Visits come first, so that what one of them reads lies together.
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
    """The flat numbers of the tokens of all runs, in order."""
    first = np.flatnonzero(runs_W)
    starts = words.starts_W[first]
    return spread(starts, words.ends_W[first + runs_W[first] - 1] - starts)


def draw_ngram_lengths(uniform: NDArray[np.float64], max_ngram: int) -> NDArray[np.int64]:
    """Words in a run, from numbers in [0, 1): p(n) proportional to 1/n (paper equation 1)."""
    weights = 1 / np.arange(1, max_ngram + 1)
    lengths = np.ones(uniform.shape, np.int64)
    for threshold in np.cumsum(weights / weights.sum())[:-1]:
        lengths += uniform >= threshold
    return lengths


def spread(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers of all ranges, one range after the other."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))


def _order(random: NDArray[np.uint64], allowed: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Each row's random bits from the lowest up, with the place in the row as the last 16 bits.

    So one sort of plain integers, which is many times faster than `argsort`, does both. What is
    not allowed comes last.
    """
    places = np.arange(random.shape[1], dtype=np.uint64)
    return np.sort(np.where(allowed, random & ~_PLACE | places, _LAST), axis=1)


def _fraction(order: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Numbers in [0, 1) from bits that decide nothing else."""
    return (order >> _BITS & _PLACE) / MAX_LENGTH
