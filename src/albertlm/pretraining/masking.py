"""Which tokens are hidden and by what (card, "Preprocessing"; paper equation 1).

B batch, T positions, P masked positions, M masked tokens of all rows.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from albertlm.pretraining import randomness
from albertlm.pretraining.spans import Words, choose_runs, choose_tokens, run_tokens

IGNORED = -100


@dataclass(frozen=True, kw_only=True)
class MaskingConfig:
    """How tokens are chosen and replaced.

    Fields:
        probability: share of an example's tokens that are predicted: 77 of 512. The three special
            ones count here, though they are never chosen.
        max_predictions: tokens of an example that are predicted at most; None for no limit. Google
            ran 20.
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
                f"max_predictions={self.max_predictions} is not allowed; it must be 1 or more, or "
                "None for no limit"
            )
        if self.max_ngram < 0:
            raise ValueError(f"max_ngram={self.max_ngram} is not allowed; it must be 0 or more")
        if min(self.mask_share, self.random_share, 1 - self.mask_share - self.random_share) < -1e-9:
            raise ValueError(
                f"mask_share={self.mask_share} and random_share={self.random_share} are not "
                "allowed; they must be 0 or more and sum to at most 1"
            )

    def budgets(self, tokens_B: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many tokens are predicted at most in examples of so many."""
        budget_B = np.rint(self.probability * tokens_B).astype(np.int64)
        clipped: NDArray[np.int64] = np.clip(budget_B, 1, self.max_predictions)
        return clipped


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
        special_ids: and are none of these, in ascending order, nor the original token.
        seed: of the run.
        epoch: number of the pass over the corpus, one or (B,).
    """
    epoch_B = np.broadcast_to(epoch, examples.shape)
    budget_B = config.budgets(np.count_nonzero(input_ids != pad_id, axis=1))

    def random(count: int) -> NDArray[np.uint64]:
        key_B = randomness.key(seed, epoch_B, "mask")
        return randomness.bits(key_B[:, None], examples[:, None], np.arange(count))

    if config.max_ngram:
        words = Words.find(maskable, word_starts, config.max_ngram)
        random_BW = random(int(words.counts_B.max(initial=0)))
        chosen = run_tokens(words, choose_runs(random_BW, words, budget_B, config.max_ngram))
    else:
        chosen = choose_tokens(random(maskable.shape[1]), maskable, budget_B)
    rows, places = np.divmod(chosen, input_ids.shape[1])
    original = input_ids[rows, places]

    kind = randomness.uniform(randomness.key(seed, epoch_B, "kind")[rows], examples[rows], places)
    draw = randomness.uniform(randomness.key(seed, epoch_B, "token")[rows], examples[rows], places)
    other = _other_tokens(draw, original, vocab_size, special_ids)
    replacement = np.where(kind < config.mask_share + config.random_share, other, original)
    replacement = np.where(kind < config.mask_share, mask_id, replacement)
    masked = input_ids.copy()
    masked[rows, places] = replacement

    count_B = np.bincount(rows, minlength=len(input_ids))
    slots = np.arange(len(rows)) - np.repeat(np.cumsum(count_B) - count_B, count_B)
    positions = np.zeros((len(input_ids), int(count_B.max(initial=0))), np.int64)
    labels = np.full_like(positions, IGNORED)
    positions[rows, slots] = places
    labels[rows, slots] = original
    return Masks(masked, positions, labels)


def _other_tokens(
    uniform_M: NDArray[np.float64],
    original_M: NDArray[np.int64],
    vocab_size: int,
    special_ids: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(M,) any of the vocabulary but the special ones and the original, each as likely.

    A number is drawn among those that are left, and steps over each that is left out.
    """
    place_M = original_M - np.searchsorted(special_ids, original_M)  # among the plain ones
    is_plain_M = ~np.isin(original_M, special_ids)
    other_M = (uniform_M * (vocab_size - len(special_ids) - is_plain_M)).astype(np.int64)
    other_M += is_plain_M & (other_M >= place_M)
    for special in special_ids:
        other_M += other_M >= special
    return other_M


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
