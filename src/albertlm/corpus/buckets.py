"""Group documents whose fingerprints share a hash, and compare their signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from albertlm.corpus.fingerprints import FINGERPRINT, SIGNATURE

FIRST_MEMBERS = 64
NO_DOCUMENT = np.iinfo(np.int64).max
_TASK_DOCUMENTS = 1 << 17
_PAIRS_AT_ONCE = 1 << 14

Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""Calls a function with each task, in any process, and yields the results in any order."""


class Column(NamedTuple):
    """The part of a fingerprint to hash: a field or, for `minhash`, a range of its values."""

    name: str
    first: int = 0
    stop: int = 0


@dataclass(frozen=True)
class Fingerprints:
    """Several files of fingerprints, addressed as one sequence of documents.

    Fields:
        files: the `.npy` files, which are memory-mapped when they are read.
        starts: the number of each file's first document, followed by the total.
    """

    files: tuple[Path, ...]
    starts: Numbers

    @classmethod
    def of(cls, files: Iterable[str | Path]) -> Fingerprints:
        paths = tuple(map(Path, files))
        return cls(paths, np.cumsum([0, *(len(_mapped(path)) for path in paths)]))

    def __len__(self) -> int:
        return int(self.starts[-1])

    def signatures(self, documents: Numbers) -> npt.NDArray[np.uint32]:
        """Return the signatures of documents, (documents, 128)."""
        signatures = np.empty((len(documents), SIGNATURE), np.uint32)
        files = np.searchsorted(self.starts, documents, side="right") - 1
        for file in np.unique(files):
            here = files == file
            rows = documents[here] - self.starts[file]
            signatures[here] = _mapped(self.files[file])["minhash"][rows]
        return signatures


class Buckets(NamedTuple):
    """Documents that share a hash with others, bucket by bucket and in order within each.

    Fields:
        documents: the documents' numbers.
        firsts: for each document, the position in `documents` of the first in its bucket.
    """

    documents: Numbers
    firsts: Numbers


class Hashing(NamedTuple):
    """A task of `hash_rows`: the files to read and the range of hashes to keep.

    Fields:
        files: files of fingerprints.
        start: the number of the first document.
        wanted: whether to consider each document, (documents,).
        column: what to hash.
        ranges: the number of ranges; a hash belongs to the range of its remainder.
        range: the range to keep.
    """

    files: tuple[Path, ...]
    start: int
    wanted: Bools
    column: Column
    ranges: int
    range: int


class Comparison(NamedTuple):
    """A task of `compare`: whole buckets whose documents are compared with earlier ones.

    Fields:
        fingerprints: of all documents.
        buckets: the buckets of this task.
        waiting: for each document of the buckets, whether to compare it with earlier ones.
        agreeing: how many values of two signatures have to agree.
    """

    fingerprints: Fingerprints
    buckets: Buckets
    waiting: Bools
    agreeing: int


def find_buckets(
    run: Map, fingerprints: Fingerprints, column: Column, *, wanted: Bools, ranges: int
) -> Iterator[Buckets]:
    """Yield the buckets of documents with equal hashes of a column, one range of hashes at a time.

    Args:
        run: distributes the reading.
        fingerprints: of all documents.
        column: what to hash.
        wanted: whether to consider each document, (documents,).
        ranges: the number of ranges; only one of them is in memory at a time.
    """
    tasks = range(_TASK_DOCUMENTS, len(fingerprints), _TASK_DOCUMENTS)
    edges = np.unique([0, *np.searchsorted(fingerprints.starts, tasks), len(fingerprints.files)])
    for number in range(ranges):
        yield _grouped(
            run(
                hash_rows,
                [
                    Hashing(
                        fingerprints.files[first:end],
                        int(fingerprints.starts[first]),
                        wanted[fingerprints.starts[first] : fingerprints.starts[end]],
                        column,
                        ranges,
                        number,
                    )
                    for first, end in pairwise(edges)
                ],
            )
        )


def hash_rows(task: Hashing) -> tuple[Hashes, Numbers]:
    """Return the hashes in the task's range and the numbers of their documents."""
    hashes = np.concatenate([_hashes(_mapped(path), task.column) for path in task.files])
    chosen = np.flatnonzero((hashes % np.uint64(task.ranges) == task.range) & task.wanted)
    return hashes[chosen], chosen + task.start


def compare(task: Comparison) -> tuple[Numbers, Numbers]:
    """Return the documents that resemble an earlier one in their bucket, and the first such one.

    Buckets may be of any size: a document is compared only with the first 64 of its bucket.
    """
    documents, firsts = task.buckets
    found = np.full(len(documents), NO_DOCUMENT)
    waiting = np.flatnonzero(task.waiting)
    for member in range(FIRST_MEMBERS):
        others = firsts[waiting] + member
        waiting, others = waiting[others < waiting], others[others < waiting]
        alike = _alike(task, documents[others], documents[waiting])
        found[waiting[alike]] = documents[others[alike]]
        waiting = waiting[~alike]
    return documents[found != NO_DOCUMENT], found[found != NO_DOCUMENT]


def comparisons(
    fingerprints: Fingerprints, buckets: Buckets, undecided: Bools, agreeing: int
) -> list[Comparison]:
    """Divide the comparison of the undecided documents in buckets into tasks of similar size."""
    documents, firsts = buckets
    edges = np.unique([*firsts[::_TASK_DOCUMENTS], len(documents)])
    return [
        Comparison(
            fingerprints,
            Buckets(documents[start:stop], firsts[start:stop] - start),
            undecided[documents[start:stop]],
            agreeing,
        )
        for start, stop in pairwise(edges)
    ]


def _grouped(found: Iterable[tuple[Hashes, Numbers]]) -> Buckets:
    """Sort documents by hash and number, leaving out those whose hash occurs once."""
    nothing = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    hashes, documents = map(np.concatenate, zip(nothing, *found, strict=True))
    order = np.lexsort((documents, hashes))
    hashes, documents = hashes[order], documents[order]
    same = hashes[1:] == hashes[:-1]
    follows = np.concatenate((np.zeros(1, np.bool_), same))[: len(hashes)]
    shared = follows | np.concatenate((same, np.zeros(1, np.bool_)))[: len(hashes)]
    documents, follows = documents[shared], follows[shared]
    places = np.where(follows, 0, np.arange(len(documents)))
    return Buckets(documents, np.maximum.accumulate(places))


def _hashes(rows: npt.NDArray[Any], column: Column) -> Hashes:
    if column.name != "minhash":
        return rows[column.name]
    hashes = np.zeros(len(rows), np.uint64)
    for value in range(column.first, column.stop):
        hashes = (hashes ^ rows["minhash"][:, value]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(32)
    return hashes


def _alike(task: Comparison, one: Numbers, other: Numbers) -> Bools:
    """Return whether the signatures of pairs of documents agree."""
    result = np.zeros(len(one), np.bool_)
    for at in range(0, len(one), _PAIRS_AT_ONCE):
        chunk = slice(at, at + _PAIRS_AT_ONCE)
        same = task.fingerprints.signatures(one[chunk]) == task.fingerprints.signatures(
            other[chunk]
        )
        result[chunk] = same.sum(axis=1) >= task.agreeing
    return result


def _mapped(path: Path) -> npt.NDArray[Any]:
    """Return the fingerprints in a file, memory-mapped."""
    try:
        rows: npt.NDArray[Any] = np.load(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} holds no array ({error}); write the fingerprints again") from None
    if rows.dtype != FINGERPRINT or rows.ndim != 1:
        raise ValueError(f"{path} holds {rows.dtype} instead of fingerprints; write them again")
    return rows
