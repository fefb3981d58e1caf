"""Check that every example of an epoch was seen exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from albertlm.data import randomness


@dataclass(frozen=True)
class Total:
    """The number of some examples and a checksum that identifies them in any order.

    Fields:
        examples: the number of examples.
        checksum: the sum of the hashes of their numbers, modulo 2**64.
    """

    examples: int = 0
    checksum: int = 0

    @classmethod
    def of(cls, numbers: NDArray[np.int64]) -> Self:
        """The total of the examples with these numbers."""
        mixed = randomness.mix(numbers.astype(np.uint64))
        return cls(len(numbers), int(mixed.sum(dtype=np.uint64)))

    def __add__(self, other: Total) -> Total:
        checksum = (self.checksum + other.checksum) % (1 << 64)
        return Total(self.examples + other.examples, checksum)


@dataclass(frozen=True)
class Finding:
    """The number of examples seen in an epoch, compared with the expected number."""

    epoch: int
    seen: int
    expected: int
    verdict: str

    @property
    def is_exact(self) -> bool:
        """Whether every example was seen exactly once."""
        return self.verdict == _EXACT


_EXACT = "every example once"


class Coverage:
    """The examples that were seen, as a total for each epoch.

    The coverage of several ranks, or of the parts of an interrupted run, is the sum of theirs.
    """

    def __init__(self, totals: Mapping[int, Total] | None = None) -> None:
        self.totals = dict(totals or {})

    def add(self, epochs: NDArray[np.int64], examples: NDArray[np.int64]) -> None:
        """Add the examples of a batch, (B,) each."""
        for epoch in np.unique(epochs).tolist():
            self._add(epoch, Total.of(examples[epochs == epoch]))

    def merge(self, other: Coverage) -> None:
        """Add the examples of another coverage."""
        for epoch, total in other.totals.items():
            self._add(epoch, total)

    def compare(self, epoch: int, expected: Total) -> Finding:
        """Compare the examples seen in an epoch with those expected."""
        seen = self.totals.get(epoch, Total())
        if seen == expected:
            verdict = _EXACT
        elif seen.examples < expected.examples:
            verdict = f"{expected.examples - seen.examples} missing"
        elif seen.examples > expected.examples:
            verdict = f"{seen.examples - expected.examples} too many"
        else:
            verdict = "as many as expected, but others: some missing, some twice"
        return Finding(epoch, seen.examples, expected.examples, verdict)

    def to_dict(self) -> dict[str, Any]:
        """The totals as a JSON object, which `from_dict` reads."""
        return {str(epoch): vars(total) for epoch, total in sorted(self.totals.items())}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        return cls({int(epoch): Total(**total) for epoch, total in state.items()})

    def to_table(self, epochs: int) -> NDArray[np.int64]:
        """(E, 2) examples and checksums of the first epochs; tables of ranks can be summed."""
        totals = [self.totals.get(epoch, Total()) for epoch in range(epochs)]
        rows = [(each.examples, each.checksum) for each in totals]
        return np.array(rows, np.uint64).reshape(epochs, 2).view(np.int64)

    @classmethod
    def from_table(cls, table: NDArray[np.int64]) -> Self:
        rows = table.view(np.uint64).tolist()
        return cls({epoch: Total(*row) for epoch, row in enumerate(rows) if row[0]})

    def _add(self, epoch: int, total: Total) -> None:
        self.totals[epoch] = self.totals.get(epoch, Total()) + total
