"""Make batches from token shards: every example once per epoch, in a seeded order.

B batch, T positions, P masked positions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from albertlm.config import IGNORED
from albertlm.data import randomness
from albertlm.data.batches import Batch, Position
from albertlm.data.coverage import Total
from albertlm.data.masking import MaskingConfig, mask_tokens
from albertlm.data.segments import (
    OBJECTIVES,
    SPECIAL_TOKENS,
    Objective,
    Segments,
    cut_examples,
)
from albertlm.data.spans import MAX_LENGTH, spread
from albertlm.data.token_shards import TokenPart
from albertlm.settings import check, check_choice

TOKENS_AT_ONCE = 1 << 17
"""Tokens that are laid out and masked at once, to amortise the overhead of NumPy calls."""


@dataclass(frozen=True)
class Window:
    """Consecutive examples of an epoch, as ranges of an array of tokens.

    Fields:
        tokens: the array, which may contain other tokens too.
        segments: the examples, in the order of the epoch.
        position: the position of the first example.
        ends_epoch: whether the last example is the last of the epoch.
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
        """The position after the examples."""
        epoch, example = self.position.epoch, self.position.example + len(self)
        return Position(epoch + 1) if self.ends_epoch else Position(epoch, example)

    def text(self) -> NDArray[Any]:
        """The concatenated tokens of each example's first and second segment."""
        ranges = np.stack([self.segments.first, self.segments.second], axis=1).reshape(-1, 2)
        return self.tokens[spread(ranges[:, 0], np.diff(ranges)[:, 0])]


class PretrainingData:
    """The examples of a corpus at one sequence length.

    Each epoch reads the shards in a different order, one window of shards at a time: the shards of
    a window are loaded into memory and their examples are shuffled. Batches may span windows. So
    memory does not grow with the corpus, and a corpus that fits into one window is shuffled as a
    whole. Batches depend only on the arguments and the position: any process can make any of them
    again.

    Args:
        part: the tokens.
        length: the maximum number of tokens of an example, including special tokens.
        masking: how tokens are masked.
        seed: the seed of the run.
        objective: the meaning of the sentence label (see `segments.cut_examples`).
        short_probability: the share of examples with a random shorter target length.
        window_tokens: a window is filled with shards until it has at least this many tokens.

    Raises:
        ValueError: the objective is unknown, `length` is out of range, or the corpus has no
            examples.
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
        check_choice(OBJECTIVES, objective=objective)
        check(
            SPECIAL_TOKENS + 2 <= length <= MAX_LENGTH,
            f"{SPECIAL_TOKENS + 2} or more, for two segments, and at most {MAX_LENGTH}",
            length=length,
        )
        if not len(part):
            raise ValueError(
                f"{part.folder} has no examples; run `albertlm tokens` on documents with text"
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
        """Yield batches without end, each with the position after it.

        A batch may contain the last examples of one epoch and the first of the next.

        Args:
            position: where to start.
            batch_size: the number of examples of a batch, over all ranks.
            rank: the number of the consecutive share of each batch to make.
            ranks: the number of shares. Concatenated, they are the batch of a single rank; each is
                padded to its own longest row.
            worker: the number of the first batch to make.
            workers: make only every `workers`-th batch, and skip the others.

        Raises:
            ValueError: a number is out of range, or a shard is damaged.
        """
        share = share_of(batch_size, rank, ranks)
        size = share.stop - share.start
        reader = self.reader(position)
        cuts = ((reader.take(batch_size), reader.position) for _ in count())
        mine = islice(cuts, worker, None, workers)
        while True:
            group = list(islice(mine, self.at_once(size)))
            rows = [window for rows, _ in group for window in share_windows(rows, share)]
            together = self.batch(rows)
            for number, (_, after) in enumerate(group):
                yield together.take(slice(number * size, (number + 1) * size)), after

    def batches(
        self, epoch: int, batch_size: int, first: int = 0, *, with_last: bool = False
    ) -> Iterator[Batch]:
        """Yield the batches of an epoch, starting with number `first`.

        An incomplete last batch is left out unless `with_last` is set.
        """
        reader = ExampleReader(self.windows(epoch, first * batch_size), Position(epoch))
        while rows := reader.take(batch_size):
            if with_last or sum(map(len, rows)) == batch_size:
                yield self.batch(rows)

    def reader(self, position: Position) -> ExampleReader:
        """Reads examples from a position on, without end."""

        def windows() -> Iterator[Window]:
            yield from self.windows(position.epoch, position.example)
            for epoch in count(position.epoch + 1):
                yield from self.windows(epoch)

        return ExampleReader(windows(), position)

    def at_once(self, size: int) -> int:
        """The number of batches of a size to make at once."""
        return max(1, TOKENS_AT_ONCE // (size * self.length))

    def examples(self, epoch: int) -> int:
        """The number of examples of an epoch; this cuts all shards."""
        return self.expected(epoch).examples

    def expected(self, epoch: int, examples: int | None = None) -> Total:
        """The total of an epoch, or of its first `examples` examples; this cuts their shards."""
        total = Total()
        for shards in self._shards(epoch):
            left = math.inf if examples is None else examples - total.examples
            if left <= 0:
                break
            segments = self._cut(epoch, shards)
            if left < len(segments):
                segments = self._shuffled(epoch, segments)[: int(left)]
            total += Total.of(segments.numbers)
        return total

    def windows(self, epoch: int, skip: int = 0) -> Iterator[Window]:
        """Yield the examples of an epoch in order, without the first `skip`, a window at a time."""
        groups, before = self._shards(epoch), 0
        for number, shards in enumerate(groups, start=1):
            segments = self._shuffled(epoch, self._cut(epoch, shards))
            left = max(0, skip - before)
            if left < len(segments):
                tokens = [np.asarray(self.part[shard].tokens) for shard in shards]
                joined = tokens[0] if len(tokens) == 1 else np.concatenate(tokens)
                position = Position(epoch, before)
                yield Window(joined, segments, position, number == len(groups))[left:]
            before += len(segments)
        if skip > before:
            raise ValueError(f"epoch {epoch} has {before} examples, so it has no number {skip}")

    def _shards(self, epoch: int) -> list[NDArray[np.int64]]:
        """The numbers of the shards of each window."""
        key = randomness.key(self.seed, epoch, "shards")
        order = np.argsort(randomness.uniform(key, np.arange(len(self.part))), kind="stable")
        sizes = self.part.counts("tokens")[order]
        # a loop, since each window ends with the shard that fills it
        windows, filled = [0], 0
        for place, size in enumerate(sizes.tolist()):
            filled += size
            if filled >= self.window_tokens:
                windows.append(place + 1)
                filled = 0
        return [each for each in np.split(order, windows[1:]) if len(each)]

    def _cut(self, epoch: int, shards: NDArray[np.int64]) -> Segments:
        """The examples of a window in order, as ranges of the joined tokens of its shards."""
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
        return Segments.join(parts)

    def _shuffled(self, epoch: int, segments: Segments) -> Segments:
        places = randomness.uniform(randomness.key(self.seed, epoch, "order"), segments.numbers)
        return segments[np.argsort(places, kind="stable")]

    def batch(self, rows: Sequence[Window]) -> Batch:
        """The batch of the examples of some windows."""
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
        replaced = np.take_along_axis(masks.input_ids, masks.positions, axis=1)
        return Batch(
            input_ids=masks.input_ids,
            token_type_ids=ids.token_type_ids,
            attention_mask=ids.attention_mask,
            masked_positions=masks.positions,
            labels=masks.labels,
            is_mask=(replaced == tokenizer.mask_token_id) & (masks.labels != IGNORED),
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


class ExampleReader:
    """Takes consecutive examples of windows.

    Args:
        windows: the windows.
        position: the position of the first example.

    Attributes:
        position: the position behind the examples that were taken.
    """

    def __init__(self, windows: Iterator[Window], position: Position) -> None:
        self.position = position
        self._windows = windows
        self._rest: Window | None = None

    def take(self, count: int) -> list[Window]:
        """The next examples, fewer at the end."""
        rows: list[Window] = []
        while count and (window := self._rest or next(self._windows, None)):
            part, self._rest = window[:count], window[count:]
            rows.append(part)
            count -= len(part)
            self.position = part.after
        return rows


def share_of(batch_size: int, rank: int, ranks: int) -> slice:
    """The rows of a batch that a rank makes.

    Raises:
        ValueError: a number is out of range.
    """
    if not 0 <= rank < ranks <= batch_size:
        raise ValueError(
            f"rank={rank} of ranks={ranks} cannot share batch_size={batch_size}; ranks count from "
            "0, and each needs an example of every batch"
        )
    return slice(batch_size * rank // ranks, batch_size * (rank + 1) // ranks)


def share_windows(rows: Sequence[Window], share: slice) -> list[Window]:
    """A slice of the rows of consecutive windows."""
    start, stop = share.start, share.stop
    parts = []
    for window in rows:
        parts.append(window[max(0, start) : max(0, stop)])
        start, stop = start - len(window), stop - len(window)
    return parts
