"""Batches of examples, and positions in a stream of them.

B batch, T positions, P masked positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from albertlm.config import IGNORED


@dataclass(frozen=True)
class Position:
    """A position in the stream of examples.

    Fields:
        epoch: the number of the pass over the corpus.
        example: the number, within the epoch, of the next example to be read.
        parts: in a mixture of corpora, the position in each of them by name; those that are missing
            are at their start. `epoch` is then 0, and `example` counts the examples of all.
    """

    epoch: int = 0
    example: int = 0
    parts: Mapping[str, Position] = field(default_factory=dict, hash=False)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The position that `dataclasses.asdict` converted."""
        parts = {name: cls.from_dict(each) for name, each in values.get("parts", {}).items()}
        return cls(**{**values, "parts": parts})

    def next_epoch(self) -> Position:
        """The start of the first epoch, of each corpus, of which nothing was read."""
        if self.parts:
            parts = {name: each.next_epoch() for name, each in self.parts.items()}
            return Position(0, self.example, parts)
        return Position(self.epoch + (self.example > 0))


@dataclass(frozen=True)
class Batch:
    """A batch of examples.

    Fields:
        input_ids, token_type_ids, attention_mask: (B, T).
        masked_positions, labels: (B, P), padded with 0 and -100.
        is_mask: (B, P) whether the token was replaced by [MASK]; False for padding.
        sentence_order_label: (B,) 0 for in order or next, 1 for swapped or random, -100 for none.
        epochs: (B,) the epoch that each example belongs to. In a mixture of N corpora, epoch E of
            the corpus with the number C has the number N * E + C.
        examples: (B,) a number that identifies each example within its epoch.
    """

    input_ids: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    masked_positions: NDArray[np.int64]
    labels: NDArray[np.int64]
    is_mask: NDArray[np.bool_]
    sentence_order_label: NDArray[np.int64]
    epochs: NDArray[np.int64]
    examples: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.input_ids)

    def take(self, rows: slice | NDArray[np.int64]) -> Batch:
        """The batch of some of the rows, padded to the longest of them."""
        used = slice(int(self.attention_mask[rows].sum(1).max()))
        predicted = slice(int((self.labels[rows] != IGNORED).sum(1).max()))
        return Batch(
            input_ids=self.input_ids[rows, used].copy(),
            token_type_ids=self.token_type_ids[rows, used].copy(),
            attention_mask=self.attention_mask[rows, used].copy(),
            masked_positions=self.masked_positions[rows, predicted].copy(),
            labels=self.labels[rows, predicted].copy(),
            is_mask=self.is_mask[rows, predicted].copy(),
            sentence_order_label=self.sentence_order_label[rows],
            epochs=self.epochs[rows],
            examples=self.examples[rows],
        )

    @classmethod
    def join(cls, parts: Sequence[Batch], pad_id: int) -> Batch:
        """The rows of several batches, padded to the longest."""
        padding = {"input_ids": pad_id, "labels": IGNORED}

        def joined(name: str) -> NDArray[Any]:
            arrays = [getattr(part, name) for part in parts]
            if arrays[0].ndim == 1:
                return np.concatenate(arrays)
            width = max(each.shape[1] for each in arrays)
            return np.concatenate(
                [
                    np.pad(
                        each,
                        ((0, 0), (0, width - each.shape[1])),
                        constant_values=padding.get(name, 0),
                    )
                    for each in arrays
                ]
            )

        return cls(**{name: joined(name) for name in vars(parts[0])})
