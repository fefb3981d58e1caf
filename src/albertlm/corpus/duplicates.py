"""Copies and near copies among any number of documents, by their fingerprints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from albertlm.corpus.fingerprints import FINGERPRINT, SIGNATURE

REASONS = ("", "repeated id", "exact copy", "near copy")
KEPT, REPEATED_ID, EXACT_COPY, NEAR_COPY = range(len(REASONS))

VERDICT = np.dtype([("reason", np.uint8), ("repeats", np.int64)])
"""`reason` is a place in `REASONS`; `repeats` is the number, counted through all files, of the kept
document that this one repeats, -1 for one that is kept itself."""

FIRST_MEMBERS = 64
TASK_DOCUMENTS = 4_000_000
_ROWS_AT_ONCE = 1 << 17
_PAIRS_AT_ONCE = 1 << 14
_NONE = np.iinfo(np.int64).max

Rows = npt.NDArray[np.int64]
Pairs = tuple[Rows, Rows]


@dataclass(frozen=True)
class Task:
    """A comparison of the documents whose hash of one column falls to one of several parts.

    Fields:
        files, starts: the fingerprints; the number of each file's first document, and of all.
        column: `key`, `exact` or `minhash`.
        parts, part: the documents whose hash modulo `parts` is `part` are compared.
        left_out: a bit a document, set where it is known to be a copy.
        open: a bit a document, set where an earlier one is to be found for it.
        band: the values of the signature that are hashed, first and last plus one.
        agreeing: how many values of two signatures have to be the same.
    """

    files: tuple[Path, ...]
    starts: tuple[int, ...]
    column: str
    parts: int
    part: int = 0
    left_out: bytes = b""
    open: bytes = b""
    band: tuple[int, int] = (0, 0)
    agreeing: int = 0


Map = Callable[[Callable[[Task], Pairs], Sequence[Task]], Iterable[Pairs]]
"""Calls a function with each task, anywhere; the results may come in any order."""


def find_duplicates(
    files: Sequence[str | Path],
    *,
    similarity: float = 0.8,
    map: Map = map,  # noqa: A002
    task_documents: int = TASK_DOCUMENTS,
) -> list[npt.NDArray[Any]]:
    """Which documents repeat an earlier one.

    Files and their rows are in order of priority. Of documents with the same (source, id) the first
    is kept; then, of those with the same letters and digits, the first; then a document goes that
    is near to an earlier one which is itself kept, so that no chain of small changes is followed.

    Near are documents of whose signatures a share of `similarity` or more is the same. That share
    estimates the Jaccard similarity J of their sets of five words in a row, with a standard error
    of sqrt(J (1 - J) / 128), 0.035 at 0.8. Only documents that agree on a whole band of values are
    compared: for 0.8 there are 21 bands of 6, and two documents meet with the probability
    1 - (1 - J^6)^21, which is 0.28 at J = 0.5, 0.63 at 0.6, 0.93 at 0.7, 0.998 at 0.8 and above
    0.9999999 at 0.9. For another similarity, bands are as long as keeps that at 0.99 or more there.

    A document is compared with the first 64 others of its band that are not yet left out. Unless
    more agree on a band, running again on what was kept finds nothing.

    Memory: 26 bytes a document here; in a task 60 bytes for each of its documents, of which there
    are about `task_documents`, a quarter byte for all, and 40 MB. The result depends on neither
    `map` nor `task_documents`.

    Args:
        files: `.npy` files of `FINGERPRINT` rows.
        similarity: above 0.5 and at most 1.
        map: spreads tasks over processes or machines that see the same files.
        task_documents: bounds the memory of a task.

    Returns:
        An array of `VERDICT` for each file.

    Raises:
        ValueError: a file holds something else, or the similarity is out of its range.
    """
    ranges = bands(similarity)
    paths = tuple(Path(file) for file in files)
    starts = tuple(int(start) for start in np.cumsum([0, *(len(_open(path)) for path in paths)]))
    verdicts = np.zeros(starts[-1], VERDICT)
    verdicts["repeats"] = -1
    parts = max(1, ceil(len(verdicts) / task_documents))

    for column, reason in (("key", REPEATED_ID), ("exact", EXACT_COPY)):
        task = Task(paths, starts, column, parts, left_out=_left_out(verdicts))
        earlier = _first_alike(map, task, [(0, 0)])
        repeated = np.flatnonzero(earlier != _NONE)
        verdicts[repeated] = _verdicts(reason, earlier[repeated])

    near = Task(paths, starts, "minhash", parts, agreeing=ceil(similarity * SIGNATURE))
    undecided = verdicts["reason"] == KEPT
    while undecided.any():
        open_bits = np.packbits(undecided).tobytes()
        task = replace(near, left_out=_left_out(verdicts), open=open_bits)
        earlier = _first_alike(map, task, ranges)
        undecided &= earlier != _NONE
        alike = np.flatnonzero(undecided)
        # What is like a kept document goes; what is like an undecided one waits for its fate.
        alike = alike[~undecided[earlier[alike]]]
        verdicts[alike] = _verdicts(NEAR_COPY, earlier[alike])
        undecided[alike] = False
    _follow(verdicts)
    return np.split(verdicts, starts[1:-1])


def bands(similarity: float) -> list[tuple[int, int]]:
    """The parts of a signature of which one has to be the same: as long as may be while 99 % of the
    documents with that similarity share one.

    Raises:
        ValueError: the similarity is out of its range.
    """
    if not 0.5 < similarity <= 1:
        raise ValueError(f"similarity is {similarity}; it must be above 0.5 and at most 1")
    length = max(
        length
        for length in range(1, SIGNATURE + 1)
        if 1 - (1 - similarity**length) ** (SIGNATURE // length) >= 0.99
    )
    return [(first, first + length) for first in range(0, SIGNATURE - length + 1, length)]


def _first_alike(map: Map, task: Task, ranges: Iterable[tuple[int, int]]) -> Rows:  # noqa: A002
    """For each document the first one that it is like, over all bands and parts of a task."""
    tasks = [replace(task, band=band, part=part) for band in ranges for part in range(task.parts)]
    earlier = np.full(task.starts[-1], _NONE)
    for rows, firsts in map(compare, tasks):
        earlier[rows] = np.minimum(earlier[rows], firsts)
    return earlier


def compare(task: Task) -> Pairs:
    """The documents of a task that are like an earlier one, and the first one that each is like."""
    rows = _sharing_a_hash(task)
    if not len(rows[0]):
        return rows[1], rows[1]
    hashes, documents = rows
    first = np.concatenate(([True], hashes[1:] != hashes[:-1]))
    places = np.arange(len(hashes))
    starts = np.maximum.accumulate(np.where(first, places, 0))
    if task.column != "minhash":
        return documents[~first], documents[starts[~first]]

    found = np.full(len(hashes), _NONE)
    waiting = places[_is_set(task.open, documents)]
    for member in range(FIRST_MEMBERS):
        others = starts[waiting] + member
        waiting, others = waiting[others < waiting], others[others < waiting]
        alike = _alike(task, documents[others], documents[waiting])
        found[waiting[alike]] = documents[others[alike]]
        waiting = waiting[~alike]
    return documents[found != _NONE], found[found != _NONE]


def _sharing_a_hash(task: Task) -> tuple[npt.NDArray[np.uint64], Rows]:
    """The hashes that several documents of a task have, sorted, and these documents."""
    parts = [*_of_part(task)]
    hashes = np.concatenate([part[0] for part in parts])
    documents = np.concatenate([part[1] for part in parts])
    del parts
    order = np.argsort(hashes, kind="stable")
    hashes, documents = hashes[order], documents[order]
    same = hashes[1:] == hashes[:-1]
    shared = np.concatenate((same, [False])) | np.concatenate(([False], same))
    return hashes[shared], documents[shared]


def _of_part(task: Task) -> Iterator[tuple[npt.NDArray[np.uint64], Rows]]:
    yield np.zeros(0, np.uint64), np.zeros(0, np.int64)
    for path, start in zip(task.files, task.starts, strict=False):
        file = _open(path)
        for at in range(0, len(file), _ROWS_AT_ONCE):
            column = file[task.column][at : at + _ROWS_AT_ONCE]
            hashes = _hash(column[:, slice(*task.band)]) if task.column == "minhash" else column
            documents = np.arange(start + at, start + at + len(column))
            chosen = (hashes % np.uint64(task.parts) == task.part) & ~_is_set(
                task.left_out, documents
            )
            yield hashes[chosen], documents[chosen]


def _hash(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """One number for each row of values; what shares it by chance is told apart later."""
    hashes = np.zeros(len(values), np.uint64)
    for column in values.T:
        hashes = (hashes ^ column) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(32)
    return hashes


def _alike(task: Task, one: Rows, other: Rows) -> npt.NDArray[np.bool_]:
    """Whether the signatures of pairs of documents agree."""
    result = np.zeros(len(one), np.bool_)
    for at in range(0, len(one), _PAIRS_AT_ONCE):
        chunk = slice(at, at + _PAIRS_AT_ONCE)
        same = _signatures(task, one[chunk]) == _signatures(task, other[chunk])
        result[chunk] = same.sum(axis=1) >= task.agreeing
    return result


def _signatures(task: Task, documents: Rows) -> npt.NDArray[np.uint32]:
    signatures = np.empty((len(documents), SIGNATURE), np.uint32)
    files = np.searchsorted(task.starts, documents, side="right") - 1
    for file in np.unique(files):
        here = files == file
        rows = documents[here] - task.starts[file]
        signatures[here] = _open(task.files[file])["minhash"][rows]
    return signatures


def _follow(verdicts: npt.NDArray[Any]) -> None:
    """Point every copy at a kept document, also where its first original is a copy of another."""
    while True:
        copies = np.flatnonzero(verdicts["reason"] != KEPT)
        originals = verdicts["repeats"][copies]
        lost = verdicts["reason"][originals] != KEPT
        if not lost.any():
            return
        verdicts["repeats"][copies[lost]] = verdicts["repeats"][originals[lost]]


def _verdicts(reason: int, repeats: Rows) -> npt.NDArray[Any]:
    verdicts = np.empty(len(repeats), VERDICT)
    verdicts["reason"] = reason
    verdicts["repeats"] = repeats
    return verdicts


def _left_out(verdicts: npt.NDArray[Any]) -> bytes:
    return np.packbits(verdicts["reason"] != KEPT).tobytes()


def _is_set(bits: bytes, documents: Rows) -> npt.NDArray[np.bool_]:
    """The bit of each document, in what `numpy.packbits` made."""
    octets = np.frombuffer(bits, np.uint8)[documents >> 3]
    return (octets >> (7 - (documents & 7)) & 1).astype(np.bool_)


def _open(path: Path) -> npt.NDArray[Any]:
    """The fingerprints in a file, mapped into memory."""
    try:
        rows: npt.NDArray[Any] = np.load(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} holds no array ({error}); write the fingerprints again") from None
    if rows.dtype != FINGERPRINT or rows.ndim != 1:
        raise ValueError(
            f"{path} holds {rows.dtype} of {rows.ndim} dimensions, not a row of fingerprints"
        )
    return rows
