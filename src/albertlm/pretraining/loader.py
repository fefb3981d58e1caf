"""Token shards to batches: every example once an epoch, in an order that the seed decides.

B batch, T positions, P masked positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from albertlm.pretraining import randomness
from albertlm.pretraining.masking import MaskingConfig, begins_word, mask_tokens
from albertlm.pretraining.segments import SPECIAL_TOKENS, Segments, cut_chunks, pair_segments
from albertlm.pretraining.shards import TokenShard
from albertlm.tokenization.tokenizer import AlbertTokenizer


@dataclass(frozen=True)
class Batch:
    """What one step reads.

    Fields:
        input_ids, token_type_ids, attention_mask: (B, T).
        masked_positions, labels: (B, P), padded with 0 and -100.
        sentence_order_label: (B,) 0 in order, 1 swapped, -100 none.
    """

    input_ids: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    masked_positions: NDArray[np.int64]
    labels: NDArray[np.int64]
    sentence_order_label: NDArray[np.int64]


class PretrainingData:
    """The examples of a shard at one sequence length; `batch` is a pure function of its arguments.

    Args:
        shard: the tokens.
        tokenizer: whose vocabulary the shard was made with.
        length: tokens of an example at most, special tokens counted.
        masking: how tokens are masked.
        seed: of the run.
        short_probability: share of examples that aim at a random shorter length.

    Raises:
        ValueError: the vocabulary differs, or `length` is too small.
    """

    def __init__(
        self,
        shard: TokenShard,
        tokenizer: AlbertTokenizer,
        *,
        length: int,
        masking: MaskingConfig,
        seed: int,
        short_probability: float = 0.1,
    ) -> None:
        shard.check_vocabulary(tokenizer)
        self.shard = shard
        self.tokenizer = tokenizer
        self.length = length
        self.masking = masking
        self.seed = seed
        self.short_probability = short_probability
        self.word_starts = begins_word(tokenizer.get_vocab())
        self.segments = lru_cache(maxsize=1)(self._segments)

    def _segments(self, epoch: int) -> Segments:
        chunks = cut_chunks(self.shard, self.length, self.seed, epoch, self.short_probability)
        key = randomness.key(self.seed, epoch, "order")
        shuffled = chunks[np.argsort(randomness.uniform(key, chunks[:, 0]), kind="stable")]
        return pair_segments(self.shard, shuffled, self.length, self.seed, epoch)

    def batches(self, epoch: int, batch_size: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on; the last one is left out if not full."""
        for number in range(first, len(self.segments(epoch)) // batch_size):
            yield self.batch(epoch, number * batch_size + np.arange(batch_size))

    def batch(self, epoch: int, examples: NDArray[np.int64]) -> Batch:
        """The examples of the given numbers (B,), of 0 … `len(self.segments(epoch)) - 1`."""
        segments = self.segments(epoch)
        ids = self._token_ids(segments.first[examples], segments.second[examples])
        masks = mask_tokens(
            ids.input_ids,
            ids.is_text,
            ids.is_text & (self.word_starts[ids.input_ids] | ids.begins_segment),
            examples,
            config=self.masking,
            vocab_size=self.tokenizer.vocab_size,
            mask_id=self.tokenizer.mask_token_id,
            pad_id=self.tokenizer.pad_token_id,
            special_ids=np.asarray(self.tokenizer.all_special_ids),
            seed=self.seed,
            epoch=epoch,
        )
        return Batch(
            input_ids=masks.input_ids,
            token_type_ids=ids.token_type_ids,
            attention_mask=ids.attention_mask,
            masked_positions=masks.positions,
            labels=masks.labels,
            sentence_order_label=segments.order[examples],
        )

    def _token_ids(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> _TokenIds:
        """Lay out [CLS] A [SEP] B [SEP], or [CLS] A [SEP] where there is no B."""
        first_B, second_B = (np.diff(x, axis=1) for x in (first, second))
        has_second = second_B > 0
        total_B = first_B + second_B + SPECIAL_TOKENS - ~has_second
        columns = np.arange(int(total_B.max()))
        in_first = (columns > 0) & (columns <= first_B)
        in_second = has_second & (columns > first_B + 1) & (columns < total_B - 1)
        source = np.where(
            in_first,
            first[:, :1] + columns - 1,
            np.where(in_second, second[:, :1] + columns - first_B - 2, 0),
        )
        is_text = in_first | in_second
        is_used = columns < total_B
        ids = np.where(is_text, self.shard.tokens[source], self.tokenizer.pad_token_id)
        ids = np.where(is_used & ~is_text, self.tokenizer.sep_token_id, ids).astype(np.int64)
        ids[:, 0] = self.tokenizer.cls_token_id
        return _TokenIds(
            input_ids=ids,
            token_type_ids=((columns > first_B + 1) & is_used).astype(np.int64),
            attention_mask=is_used.astype(np.int64),
            is_text=is_text,
            begins_segment=(columns == 1) | (columns == first_B + 2),
        )


@dataclass(frozen=True)
class _TokenIds:
    input_ids: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    is_text: NDArray[np.bool_]
    begins_segment: NDArray[np.bool_]
