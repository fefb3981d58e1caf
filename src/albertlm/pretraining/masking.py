"""Which tokens are hidden and by what (card, "Preprocessing"; paper equation 1).

B batch, T positions, P masked positions, W words.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from albertlm.pretraining import randomness

IGNORED = -100


@dataclass(frozen=True, kw_only=True)
class MaskingConfig:
    """How tokens are chosen and replaced.

    Fields:
        probability: share of an example's tokens that are predicted: 77 of 512. The three special
            ones count here, though they are never chosen.
        max_predictions: at most so many of an example; None for no such bound.
        max_ngram: longest run of words that is masked together; 0 masks single tokens.
        mask_share, random_share: of the chosen tokens, replaced by [MASK] and by another token;
            the rest stays. Drawn for each token.
    """

    probability: float = 0.15
    max_predictions: int | None = None
    max_ngram: int = 3
    mask_share: float = 0.8
    random_share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.probability < 1:
            raise ValueError(f"probability={self.probability} is not allowed; it must be in (0, 1)")
        if self.max_predictions is not None and self.max_predictions < 1:
            raise ValueError(
                f"max_predictions={self.max_predictions} is not allowed; it must be 1 or more"
            )
        if self.max_ngram < 0:
            raise ValueError(f"max_ngram={self.max_ngram} is not allowed; it must be 0 or more")
        if min(self.mask_share, self.random_share, 1 - self.mask_share - self.random_share) < -1e-9:
            raise ValueError(
                f"mask_share={self.mask_share} and random_share={self.random_share} are not "
                "allowed; they must be 0 or more and sum to at most 1"
            )


@dataclass(frozen=True)
class Masks:
    """The result for a batch.

    Fields:
        input_ids: (B, T) with the replacements.
        positions: (B, P) of the chosen tokens, in order; padded with 0.
        labels: (B, P) their original ids; -100 at padding.
    """

    input_ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    labels: NDArray[np.int64]


def mask_tokens(
    input_ids: NDArray[np.int64],
    maskable: NDArray[np.bool_],
    word_starts: NDArray[np.bool_],
    examples: NDArray[np.int64],
    *,
    config: MaskingConfig,
    vocab_size: int,
    mask_id: int,
    pad_id: int,
    special_ids: NDArray[np.int64],
    seed: int,
    epoch: ArrayLike,
) -> Masks:
    """Choose and replace tokens.

    Args:
        input_ids: (B, T).
        maskable: (B, T) False at special tokens and padding.
        word_starts: (B, T) True at the first token of a word and of a segment.
        examples: (B,) a number of each example, which with seed and epoch decides all.
        config: shares and lengths.
        vocab_size: replacements are drawn below it,
        mask_id: the id of [MASK],
        pad_id: the id of padding,
        special_ids: and are none of these, nor the original token.
        seed: of the run.
        epoch: number of the pass over the corpus, one or (B,).
    """
    epoch_B = np.broadcast_to(epoch, examples.shape)
    tokens_B = np.count_nonzero(input_ids != pad_id, axis=1)
    budget_B = np.maximum(1, np.rint(config.probability * tokens_B)).astype(np.int64)
    columns = np.arange(input_ids.shape[1])
    example, keys = examples[:, None], epoch_B[:, None]
    priority = randomness.uniform(randomness.key(seed, keys, "mask"), example, columns)
    if config.max_ngram:
        lengths = randomness.uniform(randomness.key(seed, keys, "n"), example, columns)
        ngrams = draw_ngram_lengths(lengths, config.max_ngram)
        chosen = _choose_ngrams(priority, ngrams, maskable, word_starts, budget_B)
    else:
        chosen = _choose_tokens(priority, maskable, budget_B)
    rows, places = np.nonzero(chosen)
    original = input_ids[rows, places]
    example, keys = examples[rows], epoch_B[rows]
    kind = randomness.uniform(randomness.key(seed, keys, "replacement kind"), example, places)
    key = randomness.key(seed, keys, "replacement token")
    # Draw among the ids that are left, and step over each excluded id at or below the draw.
    excluded = np.broadcast_to(special_ids, (len(rows), len(special_ids)))
    excluded = np.sort(np.concatenate([excluded, original[:, None]], axis=1), axis=1)
    other = randomness.integers(key, vocab_size - excluded.shape[1], example, places)
    for exclusion in excluded.T:
        other += other >= exclusion
    replacement = np.where(kind < config.mask_share + config.random_share, other, original)
    replacement = np.where(kind < config.mask_share, mask_id, replacement)
    masked = input_ids.copy()
    masked[rows, places] = replacement

    count_B = chosen.sum(1)
    slots = np.arange(len(rows)) - np.repeat(np.cumsum(count_B) - count_B, count_B)
    positions = np.zeros((len(input_ids), int(count_B.max(initial=0))), np.int64)
    labels = np.full_like(positions, IGNORED)
    positions[rows, slots] = places
    labels[rows, slots] = original
    return Masks(masked, positions, labels)


def begins_word(pieces: Iterable[str]) -> NDArray[np.bool_]:
    """(V,) whether a piece begins a word of its own, for masks of whole words.

    It begins with `▁` or `<`, is a punctuation mark, or holds anything but English letters and
    punctuation. So a full stop is not masked with the word before it, and foreign or numeric
    pieces stand alone. Source: `_is_start_piece_sp` of the released code.
    """
    plain = set(string.ascii_letters + _PUNCTUATION)
    return np.array(
        [
            piece[:1] in ("▁", "<") or piece in _PUNCTUATION or not plain.issuperset(piece)
            for piece in pieces
        ]
    )


_PUNCTUATION = string.punctuation + "€£"


def draw_ngram_lengths(uniform: NDArray[np.float64], max_ngram: int) -> NDArray[np.int64]:
    """Words in a run, from numbers in [0, 1): p(n) proportional to 1/n (paper equation 1)."""
    weights = 1 / np.arange(1, max_ngram + 1)
    return 1 + np.searchsorted(np.cumsum(weights / weights.sum())[:-1], uniform, side="right")


def _choose_tokens(
    priority: NDArray[np.float64], maskable: NDArray[np.bool_], budget_B: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """The `budget_B` tokens of each row that drew the lowest numbers."""
    rank = np.argsort(np.argsort(np.where(maskable, priority, 2.0), axis=1), axis=1)
    return (rank < budget_B[:, None]) & maskable


def _choose_ngrams(
    priority: NDArray[np.float64],
    ngrams: NDArray[np.int64],
    maskable: NDArray[np.bool_],
    word_starts: NDArray[np.bool_],
    budget_B: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Runs of whole words, `ngrams` (B, T) of them where a run starts, until the budget is spent.

    The words of all rows are visited in step, each row's in its own random order. A run that would
    cover a chosen token is dropped; one that overruns the budget is shortened, then dropped.
    """
    columns, max_ngram = np.arange(maskable.shape[1]), int(ngrams.max(initial=1))
    starts = word_starts & maskable
    order_BW = np.argsort(np.where(starts, priority, 2.0), axis=1, kind="stable")
    ends_BTn = _run_ends(maskable, starts, max_ngram)
    chosen = np.zeros_like(maskable)
    left_B, rows = budget_B.copy(), np.arange(len(maskable))
    for w in range(int(starts.sum(1).max(initial=0))):
        start_R = order_BW[rows, w]
        active = starts[rows, start_R] & (left_B[rows] > 0)
        rows, start_R = rows[active], start_R[active]
        if not len(rows):
            break
        sizes_Rn = ends_BTn[rows, start_R] - start_R[:, None]
        fits = (sizes_Rn <= left_B[rows, None]) & (
            np.arange(max_ngram) < ngrams[rows, start_R][:, None]
        )
        size_R = np.where(fits, sizes_Rn, 0).max(1)
        span = (columns >= start_R[:, None]) & (columns < (start_R + size_R)[:, None])
        free = ~(span & chosen[rows]).any(1)
        chosen[rows[free]] |= span[free]
        left_B[rows[free]] -= size_R[free]
    return chosen


def _run_ends(
    maskable: NDArray[np.bool_], starts: NDArray[np.bool_], max_ngram: int
) -> NDArray[np.int64]:
    """(B, T, max_ngram): where the run of 1, 2, … words that starts at a position ends.

    A run never crosses a special token: it ends there whatever its length.
    """
    length = maskable.shape[1]
    columns = np.arange(length)
    stop = np.where(maskable, length, columns)  # the next token that may not be masked
    stop = np.minimum.accumulate(stop[:, ::-1], axis=1)[:, ::-1]
    boundary = np.where(starts, columns, length)
    following = np.full_like(boundary, length)  # the next word start after a position
    following[:, :-1] = np.minimum.accumulate(boundary[:, ::-1], axis=1)[:, ::-1][:, 1:]
    ends = [np.minimum(following, stop)]
    padded = np.concatenate([following, np.full((len(following), 1), length)], axis=1)
    for _ in range(1, max_ngram):
        following = np.take_along_axis(padded, np.minimum(following, length), axis=1)
        ends.append(np.minimum(following, stop))
    return np.stack(ends, axis=2)
