"""Batches of labelled examples with similar lengths: each example once per epoch, in seeded order.

B examples, R rows of tokens (one or, if an example has several choices, several for each example),
T positions, K labels of an example.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from albertlm.config import IGNORED
from albertlm.data import randomness
from albertlm.data.batches import Position
from albertlm.data.coverage import Total
from albertlm.settings import check, check_at_least

SORTED_BATCHES = 64
"""Batches whose examples are sorted by length together, so that they need little padding."""


class TokenRow(NamedTuple):
    """A row of tokens: (T,) ids, and (T,) the segment of each token."""

    input_ids: NDArray[np.int32]
    token_type_ids: NDArray[np.int32]

    @classmethod
    def of(cls, input_ids: Sequence[int], token_type_ids: Sequence[int]) -> Self:
        return cls(np.array(input_ids, np.int32), np.array(token_type_ids, np.int32))


@dataclass(frozen=True)
class Feature:
    """An example as a model reads it.

    Fields:
        rows: one row of tokens, or one for each choice.
        labels: (K,) what is learned; the losses say what it means.
        left_out: the number of tokens of the texts that no row contains.
    """

    rows: tuple[TokenRow, ...]
    labels: NDArray[Any]
    left_out: int = 0

    @property
    def length(self) -> int:
        """The number of tokens of the longest row."""
        return max(len(row.input_ids) for row in self.rows)


@dataclass(frozen=True)
class LabelledBatch:
    """A batch of labelled examples.

    Fields:
        input_ids, token_type_ids, attention_mask: (R, T).
        rows: (B,) the number of rows of each example.
        labels: (B, K), padded with -100.
        epochs: (B,) the epoch that each example belongs to.
        examples: (B,) a number that identifies each example.
    """

    input_ids: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    rows: NDArray[np.int64]
    labels: NDArray[Any]
    epochs: NDArray[np.int64]
    examples: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: slice) -> LabelledBatch:
        """The batch of some of the examples, padded to the longest of their rows."""
        start, stop, _ = rows.indices(len(self))
        first, end = int(self.rows[:start].sum()), int(self.rows[:stop].sum())
        used = slice(int(self.attention_mask[first:end].sum(1).max()))
        return LabelledBatch(
            input_ids=self.input_ids[first:end, used].copy(),
            token_type_ids=self.token_type_ids[first:end, used].copy(),
            attention_mask=self.attention_mask[first:end, used].copy(),
            rows=self.rows[rows],
            labels=self.labels[rows],
            epochs=self.epochs[rows],
            examples=self.examples[rows],
        )


class LabelledData:
    """Examples in memory, in batches of similar lengths.

    A batch is a function of the seed, the epoch and its place in the epoch. The examples of an
    epoch are shuffled, those of 64 batches are sorted by length together, and the batches are
    shuffled. All batches of an epoch have `batch_size` examples, or one or a few less, so that none
    is much smaller than the others.

    Args:
        features: the examples; their numbers are their places.
        batch_size: the largest number of examples in a batch, over all ranks.
        seed: the seed of the run.
        pad_id: the token that fills rows.

    Raises:
        ValueError: there are no examples, or the batch size is below 1.
    """

    def __init__(
        self, features: Sequence[Feature], batch_size: int, *, seed: int, pad_id: int
    ) -> None:
        check_at_least(1, batch_size=batch_size, examples=len(features))
        self.features = features
        self.seed, self.pad_id = seed, pad_id
        self.batches = -(-len(features) // batch_size)
        self._lengths = np.array([feature.length for feature in features])

    @cached_property
    def checksum(self) -> str:
        """The SHA-256 of all tokens and labels."""
        found = hashlib.sha256()
        for feature in self.features:
            for array in (*(each for row in feature.rows for each in row), feature.labels):
                found.update(str(array.shape).encode() + array.tobytes())
        return found.hexdigest()

    @property
    def smallest(self) -> int:
        """The number of examples in the smallest batch."""
        return len(self.features) // self.batches

    def order(self, epoch: int) -> list[NDArray[np.int64]]:
        """The numbers of the examples in each batch of an epoch."""
        size = len(self.features)
        places = randomness.uniform(randomness.key(self.seed, epoch, "order"), np.arange(size))
        shuffled = np.argsort(places, kind="stable")
        ends = np.arange(self.batches + 1) * size // self.batches
        sorted_by_length = [
            pool[np.argsort(self._lengths[pool], kind="stable")]
            for pool in np.split(shuffled, ends[SORTED_BATCHES:-1:SORTED_BATCHES])
        ]
        batches = np.split(np.concatenate(sorted_by_length), ends[1:-1])
        key = randomness.key(self.seed, epoch, "batches")
        turns = np.argsort(randomness.uniform(key, np.arange(self.batches)), kind="stable")
        return [batches[turn] for turn in turns]

    def stream(
        self, position: Position, *, rank: int = 0, ranks: int = 1
    ) -> Iterator[tuple[LabelledBatch, Position]]:
        """Yield batches without end, each with the position after it.

        Args:
            position: where to start: the beginning of a batch.
            rank: the number of the share of each batch to make.
            ranks: the number of shares; at most `smallest`.

        Raises:
            ValueError: no batch of the epoch begins at the position, or there are too many ranks.
        """
        check(
            ranks <= self.smallest, f"at most the {self.smallest} examples of a batch", ranks=ranks
        )
        skip = position.example
        for epoch in count(position.epoch):
            done = 0
            batches = self.order(epoch)
            for number, numbers in enumerate(batches, start=1):
                done += len(numbers)
                if done <= skip:
                    continue
                check(done - len(numbers) >= skip, "the beginning of a batch", position=position)
                last = number == len(batches)
                share = slice(len(numbers) * rank // ranks, len(numbers) * (rank + 1) // ranks)
                after = Position(epoch + 1) if last else Position(epoch, done)
                yield self.batch(numbers[share], epoch), after
            skip = 0

    def batch(self, numbers: NDArray[np.int64], epoch: int = 0) -> LabelledBatch:
        """The batch of some of the examples."""
        features = [self.features[number] for number in numbers]
        rows = [row for feature in features for row in feature.rows]
        lengths = np.array([len(row.input_ids) for row in rows])
        is_used = np.arange(lengths.max()) < lengths[:, None]
        ids, segments = (np.zeros(is_used.shape, np.int64) for _ in range(2))
        ids[~is_used] = self.pad_id
        ids[is_used] = np.concatenate([row.input_ids for row in rows])
        segments[is_used] = np.concatenate([row.token_type_ids for row in rows])
        labels = np.full(
            (len(features), max(len(feature.labels) for feature in features)),
            IGNORED,
            features[0].labels.dtype,
        )
        for of_row, feature in zip(labels, features, strict=True):
            of_row[: len(feature.labels)] = feature.labels
        return LabelledBatch(
            input_ids=ids,
            token_type_ids=segments,
            attention_mask=is_used.astype(np.int64),
            rows=np.array([len(feature.rows) for feature in features]),
            labels=labels,
            epochs=np.full(len(features), epoch),
            examples=np.asarray(numbers),
        )

    def expected(self, epoch: int, examples: int) -> Total:
        """The total of the first examples of an epoch, for a comparison with those seen."""
        return Total.of(np.concatenate(self.order(epoch))[:examples])


class LabelledStream:
    """`LabelledData.stream` as the loop reads it: batches are made as they are needed.

    Attributes:
        waited: always 0, since nothing is waited for.
    """

    def __init__(
        self, data: LabelledData, position: Position, *, rank: int = 0, ranks: int = 1
    ) -> None:
        self.waited = 0.0
        self._batches = data.stream(position, rank=rank, ranks=ranks)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[LabelledBatch, Position]:
        return next(self._batches)
