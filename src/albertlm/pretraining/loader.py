"""Token shards to batches: every example once an epoch, in an order that the seed decides.

B batch, T positions, P masked positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from albertlm.pretraining import randomness
from albertlm.pretraining.masking import MaskingConfig, mask_tokens
from albertlm.pretraining.segments import SPECIAL_TOKENS, Segments, cut_chunks, pair_segments
from albertlm.pretraining.shards import TokenPart


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


@dataclass(frozen=True)
class Window:
    """Some examples, and the tokens that they are ranges of."""

    tokens: NDArray[Any]
    segments: Segments

    def __len__(self) -> int:
        return len(self.segments)

    @classmethod
    def empty(cls) -> Self:
        ranges = np.zeros((0, 2), np.int64)
        return cls(np.zeros(0, np.uint16), Segments(ranges, ranges, ranges[:, 0]))

    @classmethod
    def join(cls, windows: Sequence[Window]) -> Self:
        """The examples of one after the other."""
        sizes = np.array([len(window.tokens) for window in windows])
        shifts = np.cumsum(sizes) - sizes
        pairs = zip(windows, shifts, strict=True)
        return cls(
            np.concatenate([window.tokens for window in windows]),
            Segments.join([window.segments.shifted(shift) for window, shift in pairs]),
        )

    def take(self, rows: slice) -> Window:
        """Some of the examples, with a copy of their own tokens only."""
        segments = self.segments[rows]
        starts = np.minimum(segments.first[:, 0], segments.second[:, 0])
        ends = np.maximum(segments.first[:, 1], segments.second[:, 1])
        sizes = ends - starts
        ranges = zip(starts.tolist(), ends.tolist(), strict=True)
        return Window(
            np.concatenate([self.tokens[:0], *(self.tokens[start:end] for start, end in ranges)]),
            segments.shifted(np.cumsum(sizes) - sizes - starts),
        )


class PretrainingData:
    """The examples of a corpus at one sequence length.

    An epoch goes through the shards in an order of its own, some at a time: a window of shards is
    brought into memory, its chunks are shuffled, and batches run on from window to window. So
    memory does not grow with the corpus, and a corpus of one window is shuffled as a whole. All of
    it is a function of the arguments here and of the epoch: any batch can be made again.

    Args:
        part: the tokens.
        length: tokens of an example at most, special tokens counted.
        masking: how tokens are masked.
        seed: of the run.
        short_probability: share of examples that aim at a random shorter length.
        window_tokens: a window holds the fewest shards that have so many tokens.

    Raises:
        ValueError: `length` is too small.
    """

    def __init__(
        self,
        part: TokenPart,
        *,
        length: int,
        masking: MaskingConfig,
        seed: int,
        short_probability: float = 0.1,
        window_tokens: int = 1 << 26,
    ) -> None:
        self.part = part
        self.length = length
        self.masking = masking
        self.seed = seed
        self.short_probability = short_probability
        self.window_tokens = window_tokens
        sentences = part.counts("sentences")
        self._first_sentences = np.cumsum(sentences) - sentences
        self._examples: dict[int, int] = {}

    def batches(
        self, epoch: int, batch_size: int, first: int = 0, *, with_last: bool = False
    ) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on.

        The last one is left out if it is not full, unless `with_last` asks for it.
        """
        number = first * batch_size
        rest = Window.empty()
        for window in self.windows(epoch, number):
            end = batch_size - len(rest)
            rest = Window.join([rest, window.take(slice(0, end))])
            while len(rest) == batch_size:
                yield self._batch(epoch, number, rest)
                number += batch_size
                rest = window.take(slice(end, end + batch_size))
                end += batch_size
        if with_last and len(rest):
            yield self._batch(epoch, number, rest)

    def examples(self, epoch: int) -> int:
        """How many examples the epoch has; all shards are cut to know it, unless it is known."""
        if epoch not in self._examples:
            sizes = (len(self._segments(epoch, shards)) for shards in self._shards(epoch))
            self._examples[epoch] = sum(sizes)
        return self._examples[epoch]

    def windows(self, epoch: int, skip: int = 0) -> Iterator[Window]:
        """The examples of an epoch in order, but for the first `skip`, a window at a time."""
        for shards in self._shards(epoch):
            segments = self._segments(epoch, shards)
            if skip < len(segments):
                tokens = [np.asarray(self.part[shard].tokens) for shard in shards]
                joined = tokens[0] if len(tokens) == 1 else np.concatenate(tokens)
                yield Window(joined, segments[slice(skip, None)])
            skip = max(0, skip - len(segments))

    def _shards(self, epoch: int) -> list[NDArray[np.int64]]:
        """The numbers of the shards of each window."""
        key = randomness.key(self.seed, epoch, "shards")
        order = np.argsort(randomness.uniform(key, np.arange(len(self.part))), kind="stable")
        sizes = self.part.counts("tokens")[order]
        # Greedy, so a loop: a window ends with the shard that fills it.
        windows, filled = [0], 0
        for place, size in enumerate(sizes.tolist()):
            filled += size
            if filled >= self.window_tokens:
                windows.append(place + 1)
                filled = 0
        return [each for each in np.split(order, windows[1:]) if len(each)]

    def _segments(self, epoch: int, shards: NDArray[np.int64]) -> Segments:
        """The shuffled examples of a window, as ranges of the joined tokens of its shards."""
        key = randomness.key(self.seed, epoch, "order")
        parts, places = [], []
        sizes = self.part.counts("tokens")[shards]
        for number, shift in zip(shards, np.cumsum(sizes) - sizes, strict=True):
            shard, first = self.part[number], int(self._first_sentences[number])
            position = self.length, self.seed, epoch
            chunks = cut_chunks(shard, *position, self.short_probability, first_sentence=first)
            pairs = pair_segments(shard, chunks, *position, first_sentence=first)
            parts.append(pairs.shifted(shift))
            places.append(randomness.uniform(key, first + chunks[:, 0]))
        return Segments.join(parts)[np.argsort(np.concatenate(places), kind="stable")]

    def _batch(self, epoch: int, number: int, window: Window) -> Batch:
        """The examples of a window, of which the first has the given number in the epoch."""
        tokenizer = self.part.tokenizer
        ids = self._token_ids(window)
        masks = mask_tokens(
            ids.input_ids,
            ids.is_text,
            ids.is_text & (self.part.word_starts[ids.input_ids] | ids.begins_segment),
            number + np.arange(len(window)),
            config=self.masking,
            vocab_size=tokenizer.vocab_size,
            mask_id=tokenizer.mask_token_id,
            pad_id=tokenizer.pad_token_id,
            special_ids=np.asarray(tokenizer.all_special_ids),
            seed=self.seed,
            epoch=epoch,
        )
        return Batch(
            input_ids=masks.input_ids,
            token_type_ids=ids.token_type_ids,
            attention_mask=ids.attention_mask,
            masked_positions=masks.positions,
            labels=masks.labels,
            sentence_order_label=window.segments.order,
        )

    def _token_ids(self, window: Window) -> _TokenIds:
        """Lay out [CLS] A [SEP] B [SEP], or [CLS] A [SEP] where there is no B."""
        tokenizer, first, second = (
            self.part.tokenizer,
            window.segments.first,
            window.segments.second,
        )
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
        ids = np.where(is_text, window.tokens[source], tokenizer.pad_token_id)
        ids = np.where(is_used & ~is_text, tokenizer.sep_token_id, ids).astype(np.int64)
        ids[:, 0] = tokenizer.cls_token_id
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
