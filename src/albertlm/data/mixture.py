"""Make batches from several corpora, each of which has a share of the examples.

B batch, N corpora.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from albertlm.data.batches import Batch, Position
from albertlm.data.loader import PretrainingData, Window, share_of, share_windows
from albertlm.data.token_shards import TokenPart

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio."""


class Mixture:
    """The examples of several corpora at one sequence length.

    Which corpus an example comes from depends only on its number in the stream, so that any process
    can make any batch, and all consecutive examples have the shares up to a few. Each corpus is
    read from epoch to epoch, at its own speed.

    Source: the additive recurrence of the golden ratio (Weyl 1916), which fills intervals evenly.

    Args:
        parts: the corpora by name, all of one vocabulary.
        shares: the shares of some or all of them, which add up to 1; the others are not read.
    """

    def __init__(self, parts: Mapping[str, PretrainingData], shares: Mapping[str, float]) -> None:
        self.parts = dict(sorted(parts.items()))
        self._bounds = np.cumsum([shares.get(name, 0.0) for name in self.parts])[:-1]

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

        The arguments and errors are those of `PretrainingData.stream`.
        """
        share = share_of(batch_size, rank, ranks)
        readers = {
            name: part.reader(position.parts.get(name, Position()))
            for name, part in self.parts.items()
        }
        at_once = min(part.at_once(share.stop - share.start) for part in self.parts.values())
        cuts: list[_Cut] = []
        for number in count():
            corpora_B = self._corpora(position.example + number * batch_size, batch_size)
            taken = [
                reader.take(int((corpora_B == corpus).sum()))
                for corpus, reader in enumerate(readers.values())
            ]
            if number % workers != worker:
                continue
            after = Position(
                0,
                position.example + (number + 1) * batch_size,
                {name: reader.position for name, reader in readers.items()},
            )
            cuts.append(_Cut.of(corpora_B, taken, share, after))
            if len(cuts) == at_once:
                yield from self._batches(cuts)
                cuts = []

    def examples(self, epoch: int) -> int:
        """The number of examples of an epoch of all corpora; this cuts all shards."""
        return sum(part.examples(epoch) for part in self.parts.values())

    def _corpora(self, first: int, size: int) -> NDArray[np.int64]:
        """(B,) the number of the corpus of each example."""
        numbers = np.arange(first, first + size).astype(np.uint64)
        places = (numbers * _GOLDEN).astype(np.float64) * 2.0**-64
        return np.searchsorted(self._bounds, places, side="right")

    def _batches(self, cuts: Sequence[_Cut]) -> Iterator[tuple[Batch, Position]]:
        """Yield the batches of some cuts, which are made at once."""
        made, firsts, total = [], [], 0
        for number, part in enumerate(self.parts.values()):
            rows = [window for cut in cuts for window in cut.rows[number]]
            firsts.append(total)
            if size := sum(map(len, rows)):
                made.append(_numbered(part.batch(rows), number, len(self.parts)))
                total += size
        (tokenizer, *_) = (part.part.tokenizer for part in self.parts.values())
        together = Batch.join(made, tokenizer.pad_token_id)
        for cut in cuts:
            places = np.zeros(len(cut.corpora_B), np.int64)
            for number in range(len(self.parts)):
                mine = np.flatnonzero(cut.corpora_B == number)
                places[mine] = firsts[number] + np.arange(len(mine))
                firsts[number] += len(mine)
            yield together.take(places), cut.after


def shares_by_tokens(parts: Mapping[str, TokenPart]) -> dict[str, float]:
    """The share of each corpus in the tokens of all."""
    tokens = {name: int(part.counts("tokens").sum()) for name, part in parts.items()}
    return {name: each / sum(tokens.values()) for name, each in tokens.items()}


@dataclass(frozen=True)
class _Cut:
    """A rank's share of a batch that is not yet made.

    Fields:
        corpora_B: (B,) the number of the corpus of each of its examples.
        rows: for each corpus, its examples.
        after: the position after the batch.
    """

    corpora_B: NDArray[np.int64]
    rows: list[list[Window]]
    after: Position

    @classmethod
    def of(
        cls,
        corpora_B: NDArray[np.int64],
        taken: Sequence[Sequence[Window]],
        share: slice,
        after: Position,
    ) -> _Cut:
        rows = []
        for number, windows in enumerate(taken):
            before = int((corpora_B[: share.start] == number).sum())
            mine = int((corpora_B[share] == number).sum())
            rows.append(share_windows(windows, slice(before, before + mine)))
        return cls(corpora_B[share], rows, after)


def _numbered(batch: Batch, number: int, corpora: int) -> Batch:
    """The batch with numbers of epochs that differ between corpora."""
    return Batch(**{**vars(batch), "epochs": corpora * batch.epochs + number})
