"""Token shards to batches: every example once an epoch, in an order that the seed decides.

B batch, T positions, P masked positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from albertlm.pretraining import randomness
from albertlm.pretraining.coverage import Total
from albertlm.pretraining.masking import IGNORED, MaskingConfig, mask_tokens
from albertlm.pretraining.segments import (
    SPECIAL_TOKENS,
    Objective,
    Segments,
    check_objective,
    cut_examples,
)
from albertlm.pretraining.shards import TokenPart
from albertlm.pretraining.spans import MAX_LENGTH, spread

TOKENS_AT_ONCE = 1 << 17
"""So many are laid out and masked together; the cost of a step of NumPy is shared by them."""


@dataclass(frozen=True)
class Position:
    """Where in the stream of examples.

    Fields:
        epoch: number of the pass over the corpus.
        example: number within the epoch of the next example to be read.
    """

    epoch: int = 0
    example: int = 0


@dataclass(frozen=True)
class Batch:
    """What one step reads.

    Fields:
        input_ids, token_type_ids, attention_mask: (B, T).
        masked_positions, labels: (B, P), padded with 0 and -100.
        sentence_order_label: (B,) 0 in order or next, 1 swapped or random, -100 none.
        epochs: (B,) the pass over the corpus that an example belongs to.
        examples: (B,) a number that no other example of its epoch has.
    """

    input_ids: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    masked_positions: NDArray[np.int64]
    labels: NDArray[np.int64]
    sentence_order_label: NDArray[np.int64]
    epochs: NDArray[np.int64]
    examples: NDArray[np.int64]

    def take(self, rows: slice) -> Batch:
        """Some of the rows, padded to the longest of them."""
        used = slice(int(self.attention_mask[rows].sum(1).max()))
        predicted = slice(int((self.labels[rows] != IGNORED).sum(1).max()))
        return Batch(
            input_ids=self.input_ids[rows, used].copy(),
            token_type_ids=self.token_type_ids[rows, used].copy(),
            attention_mask=self.attention_mask[rows, used].copy(),
            masked_positions=self.masked_positions[rows, predicted].copy(),
            labels=self.labels[rows, predicted].copy(),
            sentence_order_label=self.sentence_order_label[rows],
            epochs=self.epochs[rows],
            examples=self.examples[rows],
        )


@dataclass(frozen=True)
class Window:
    """Consecutive examples of an epoch, and the tokens that they are ranges of.

    Fields:
        tokens: those of the examples and, between them, others.
        segments: the examples, in the epoch's order.
        position: of the first of them.
        ends_epoch: whether no example of the epoch follows.
    """

    tokens: NDArray[Any]
    segments: Segments
    position: Position
    ends_epoch: bool

    def __len__(self) -> int:
        return len(self.segments)

    def __getitem__(self, rows: slice) -> Window:
        start, stop, _ = rows.indices(len(self))
        return Window(
            self.tokens,
            self.segments[rows],
            Position(self.position.epoch, self.position.example + start),
            self.ends_epoch and stop == len(self),
        )

    @property
    def after(self) -> Position:
        """The position behind the examples."""
        epoch, example = self.position.epoch, self.position.example + len(self)
        return Position(epoch + 1) if self.ends_epoch else Position(epoch, example)

    def text(self) -> NDArray[Any]:
        """The tokens of each example's first segment and of its second, one after the other."""
        ranges = np.stack([self.segments.first, self.segments.second], axis=1).reshape(-1, 2)
        return self.tokens[spread(ranges[:, 0], np.diff(ranges)[:, 0])]


class PretrainingData:
    """The examples of a corpus at one sequence length.

    An epoch goes through the shards in an order of its own, some at a time: a window of shards is
    brought into memory, its chunks are shuffled, and batches run on from window to window. So
    memory does not grow with the corpus, and a corpus of one window is shuffled as a whole. All of
    it is a function of the arguments here and of the position: any batch can be made again, by any
    process.

    Args:
        part: the tokens.
        length: tokens of an example at most, special tokens counted.
        masking: how tokens are masked.
        seed: of the run.
        objective: what the sentence label tells (`segments.cut_examples`).
        short_probability: share of examples that aim at a random shorter length.
        window_tokens: a window holds the fewest shards that have so many tokens.

    Raises:
        ValueError: there is no such objective, `length` is too small, or the corpus has no example.
    """

    def __init__(
        self,
        part: TokenPart,
        *,
        length: int,
        masking: MaskingConfig,
        seed: int,
        objective: Objective = "sop",
        short_probability: float = 0.1,
        window_tokens: int = 1 << 26,
    ) -> None:
        check_objective(objective)
        if not SPECIAL_TOKENS + 2 <= length <= MAX_LENGTH:
            raise ValueError(
                f"length={length} is not allowed; it must be {SPECIAL_TOKENS + 2} or more, for two "
                f"segments, and at most {MAX_LENGTH}"
            )
        if not len(part):
            raise ValueError(
                f"{part.folder} has no example; run `albertlm tokens` on documents with text"
            )
        self.part = part
        self.length = length
        self.masking = masking
        self.seed = seed
        self.objective = objective
        self.short_probability = short_probability
        self.window_tokens = window_tokens
        sentences = part.counts("sentences")
        self._first_sentences = np.cumsum(sentences) - sentences

    def stream(
        self,
        position: Position,
        batch_size: int,
        *,
        rank: int = 0,
        ranks: int = 1,
        worker: int = 0,
        workers: int = 1,
    ) -> Iterator[tuple[Batch, Position]]:
        """The batches from a position on, without end, each with the position behind it.

        They run on from epoch to epoch: one may hold the last examples of one and the first of the
        next.

        Args:
            position: where to begin.
            batch_size: examples of a batch, of all ranks together.
            rank: which consecutive share of each batch is made,
            ranks: of how many. The shares one after the other are the batch of a single rank; each
                is padded to its own longest row.
            worker: which batches are made, the others are stepped over:
            workers: every so-manieth.

        Raises:
            ValueError: a number is out of range, or a shard is damaged.
        """
        if not 0 <= rank < ranks <= batch_size:
            raise ValueError(
                f"rank={rank} of ranks={ranks} cannot share batch_size={batch_size}; ranks count "
                "from 0, and each needs an example of every batch"
            )
        share = slice(batch_size * rank // ranks, batch_size * (rank + 1) // ranks)
        size = share.stop - share.start
        cuts = islice(_cut(self._windows_from(position), batch_size), worker, None, workers)
        while True:
            group = list(islice(cuts, max(1, TOKENS_AT_ONCE // (size * self.length))))
            rows = [window for rows, _ in group for window in _share(rows, share)]
            together = self._batch(rows)
            for number, (_, after) in enumerate(group):
                yield together.take(slice(number * size, (number + 1) * size)), after

    def batches(
        self, epoch: int, batch_size: int, first: int = 0, *, with_last: bool = False
    ) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on.

        The last one is left out if it is not full, unless `with_last` asks for it.
        """
        for rows, _ in _cut(self.windows(epoch, first * batch_size), batch_size):
            if with_last or sum(map(len, rows)) == batch_size:
                yield self._batch(rows)

    def examples(self, epoch: int) -> int:
        """How many examples the epoch has; all shards are cut to know it."""
        return self.expected(epoch).examples

    def expected(self, epoch: int, examples: int | None = None) -> Total:
        """What has been seen when the epoch, or so many examples of it, were read.

        All shards are cut to know it.
        """
        total = Total()
        for shards in self._shards(epoch):
            numbers = self._segments(epoch, shards).numbers
            left = None if examples is None else examples - total.examples
            total += Total.of(numbers[:left])
        return total

    def windows(self, epoch: int, skip: int = 0) -> Iterator[Window]:
        """The examples of an epoch in order, but for the first `skip`, a window at a time."""
        groups, before = self._shards(epoch), 0
        for number, shards in enumerate(groups, start=1):
            segments = self._segments(epoch, shards)
            left = max(0, skip - before)
            if left < len(segments):
                tokens = [np.asarray(self.part[shard].tokens) for shard in shards]
                joined = tokens[0] if len(tokens) == 1 else np.concatenate(tokens)
                position = Position(epoch, before)
                yield Window(joined, segments, position, number == len(groups))[left:]
            before += len(segments)
        if skip > before:
            raise ValueError(f"epoch {epoch} has {before} examples, so none is number {skip}")

    def _windows_from(self, position: Position) -> Iterator[Window]:
        yield from self.windows(position.epoch, position.example)
        for epoch in count(position.epoch + 1):
            yield from self.windows(epoch)

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
        sizes = self.part.counts("tokens")[shards]
        parts = [
            cut_examples(
                self.part[number],
                self.length,
                seed=self.seed,
                epoch=epoch,
                objective=self.objective,
                short_probability=self.short_probability,
                first_sentence=int(self._first_sentences[number]),
            ).shifted(shift)
            for number, shift in zip(shards, np.cumsum(sizes) - sizes, strict=True)
        ]
        joined = Segments.join(parts)
        places = randomness.uniform(randomness.key(self.seed, epoch, "order"), joined.numbers)
        return joined[np.argsort(places, kind="stable")]

    def _batch(self, rows: Sequence[Window]) -> Batch:
        """The examples of some windows, laid out and masked."""
        tokenizer = self.part.tokenizer
        segments = Segments.join([window.segments for window in rows])
        epochs = np.repeat([window.position.epoch for window in rows], list(map(len, rows)))
        ids = self._layout(np.concatenate([window.text() for window in rows]), segments)
        masks = mask_tokens(
            ids.input_ids,
            ids.is_text,
            ids.is_text & (self.part.word_starts[ids.input_ids] | ids.begins_segment),
            segments.numbers,
            config=self.masking,
            vocab_size=tokenizer.vocab_size,
            mask_id=tokenizer.mask_token_id,
            pad_id=tokenizer.pad_token_id,
            special_ids=np.sort(tokenizer.all_special_ids),
            seed=self.seed,
            epoch=epochs,
        )
        return Batch(
            input_ids=masks.input_ids,
            token_type_ids=ids.token_type_ids,
            attention_mask=ids.attention_mask,
            masked_positions=masks.positions,
            labels=masks.labels,
            sentence_order_label=segments.labels,
            epochs=epochs,
            examples=segments.numbers,
        )

    def _layout(self, text: NDArray[Any], segments: Segments) -> _Layout:
        """[CLS] A [SEP] B [SEP], or [CLS] A [SEP] where there is no B."""
        tokenizer = self.part.tokenizer
        first_B, second_B = (np.diff(x) for x in (segments.first, segments.second))
        has_second = second_B > 0
        total_B = first_B + second_B + SPECIAL_TOKENS - ~has_second
        columns = np.arange(int(total_B.max()))
        is_used = columns < total_B
        in_second = (columns > first_B + 1) & is_used
        is_end = (columns == first_B + 1) | (columns == total_B - 1)
        is_text = is_used & ~is_end
        is_text[:, 0] = False
        ids = np.full(is_text.shape, tokenizer.pad_token_id, np.int64)
        ids[:, 0] = tokenizer.cls_token_id
        ids[is_end] = tokenizer.sep_token_id
        ids[is_text] = text
        return _Layout(
            input_ids=ids,
            token_type_ids=in_second.astype(np.int64),
            attention_mask=is_used.astype(np.int64),
            is_text=is_text,
            begins_segment=(columns == 1) | (columns == first_B + 2),
        )


@dataclass(frozen=True)
class _Layout:
    input_ids: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    is_text: NDArray[np.bool_]
    begins_segment: NDArray[np.bool_]


def _cut(windows: Iterable[Window], batch_size: int) -> Iterator[tuple[list[Window], Position]]:
    """What each batch is made of, and the position behind it; the last may be smaller."""
    rows: list[Window] = []
    missing = batch_size
    for window in windows:
        for start in (0, *range(missing, len(window), batch_size)):
            part = window[start : start + missing]
            rows.append(part)
            missing -= len(part)
            if not missing:
                yield rows, part.after
                rows, missing = [], batch_size
    if rows:
        yield rows, rows[-1].after


def _share(rows: Sequence[Window], share: slice) -> list[Window]:
    """Some of the rows, counted over all windows."""
    start, stop = share.start, share.stop
    parts = []
    for window in rows:
        parts.append(window[max(0, start) : max(0, stop)])
        start, stop = start - len(window), stop - len(window)
    return parts
