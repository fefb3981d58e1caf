"""Mask or replace tokens (model card, "Preprocessing"; paper equation 1).

B batch, T positions, P masked positions, M masked tokens of all rows.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from albertlm.config import IGNORED
from albertlm.data import randomness
from albertlm.data.spans import Words, choose_runs, choose_tokens, run_tokens
from albertlm.settings import check, check_at_least
from albertlm.tokenization import wordpiece


@dataclass(frozen=True, kw_only=True)
class MaskingConfig:
    """How tokens are chosen and replaced.

    Fields:
        probability: the share of an example's tokens that are predicted: 77 of 512. The three
            special tokens are counted, though they are never chosen.
        max_predictions: the maximum number of predicted tokens of an example; None for no limit.
            Google's runs used 20.
        max_ngram: the maximum number of words that are masked together; 0 masks single tokens.
        mask_share, random_share: the shares of the chosen tokens that are replaced by [MASK] and by
            a random other token; the rest is unchanged. The choice is made for each token.
    """

    probability: float = 0.15
    max_predictions: int | None = None
    max_ngram: int = 3
    mask_share: float = 0.8
    random_share: float = 0.1

    def __post_init__(self) -> None:
        check(0 < self.probability < 1, "between 0 and 1", probability=self.probability)
        check_at_least(1, max_predictions=self.max_predictions)
        check_at_least(0, max_ngram=self.max_ngram)
        unchanged = 1 - self.mask_share - self.random_share
        check(
            min(self.mask_share, self.random_share, unchanged) >= -1e-9,
            "0 or more and sum to at most 1",
            mask_share=self.mask_share,
            random_share=self.random_share,
        )

    def budgets(self, tokens_B: NDArray[np.int64]) -> NDArray[np.int64]:
        """The maximum numbers of predictions in examples of `tokens_B` tokens."""
        budget_B = np.rint(self.probability * tokens_B).astype(np.int64)
        clipped: NDArray[np.int64] = np.clip(budget_B, 1, self.max_predictions)
        return clipped


@dataclass(frozen=True)
class Masks:
    """The masks of a batch.

    Fields:
        input_ids: (B, T) the ids with the replacements.
        positions: (B, P) the positions of the chosen tokens in ascending order, padded with 0.
        labels: (B, P) the original ids of the chosen tokens, padded with -100.
    """

    input_ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    labels: NDArray[np.int64]

    @property
    def chosen(self) -> NDArray[np.bool_]:
        """(B, P) Whether a place holds a chosen token, not padding."""
        chosen_BP: NDArray[np.bool_] = self.labels != IGNORED
        return chosen_BP


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
        input_ids: (B, T) the ids of the tokens.
        maskable: (B, T) False at special tokens and padding.
        word_starts: (B, T) True at the first token of each word and segment.
        examples: (B,) the number of each example; with `seed` and `epoch` it determines all draws.
        config: which tokens to choose, and how to replace them.
        vocab_size: the size of the vocabulary that random tokens are drawn from.
        mask_id: the id of [MASK].
        pad_id: the id of padding.
        special_ids: ids that are never drawn, in ascending order.
        seed: the seed of the run.
        epoch: the number of the pass over the corpus, one for all or (B,).
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
    """(M,) ids drawn uniformly from the vocabulary without the special ids and the original.

    A number is drawn among the remaining ids and increased once for each excluded id up to it.
    """
    place_M = original_M - np.searchsorted(special_ids, original_M)  # among non-special ids
    is_plain_M = ~np.isin(original_M, special_ids)
    other_M = (uniform_M * (vocab_size - len(special_ids) - is_plain_M)).astype(np.int64)
    other_M += is_plain_M & (other_M >= place_M)
    for special in special_ids:
        other_M += other_M >= special
    return other_M


def begins_word(pieces: Iterable[str]) -> NDArray[np.bool_]:
    """(V,) whether each piece begins a word, for whole-word masking.

    A piece begins a word if it starts with `▁` or `<`, is a punctuation mark, or contains anything
    other than English letters and punctuation. So a full stop is not masked with the word before
    it, and foreign or numeric pieces are words of their own. Of WordPiece's pieces, all begin a
    word except those that start with `##`.

    Source: `_is_start_piece_sp` and `_is_start_piece_bert` of the released code.
    """
    pieces = list(pieces)
    if not any("▁" in piece for piece in pieces) and any(map(wordpiece.continues, pieces)):
        return np.array([not wordpiece.continues(piece) for piece in pieces])
    plain = set(string.ascii_letters + _PUNCTUATION)
    return np.array(
        [
            piece[:1] in ("▁", "<") or piece in _PUNCTUATION or not plain.issuperset(piece)
            for piece in pieces
        ]
    )


_PUNCTUATION = string.punctuation + "€£"
