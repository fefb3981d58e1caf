"""Find exact and near copies among any number of documents by their fingerprints."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from albertlm.corpus.buckets import (
    NO_DOCUMENT,
    Column,
    Fingerprints,
    Map,
    Numbers,
    compare,
    comparisons,
    find_buckets,
)
from albertlm.corpus.fingerprints import SIGNATURE

REASONS = ("", "repeated id", "exact copy", "near copy")
KEPT, REPEATED_ID, EXACT_COPY, NEAR_COPY = range(len(REASONS))

VERDICT = np.dtype([("reason", np.uint8), ("repeats", np.int64)])
"""`reason` is an index into `REASONS`; `repeats` is the number, counted across all files, of the
kept document that this one repeats, or -1 if this one is kept."""

RANGE_DOCUMENTS = 50_000_000


def find_duplicates(
    files: Sequence[str | Path],
    *,
    similarity: float = 0.8,
    map: Map = map,  # noqa: A002
    range_documents: int = RANGE_DOCUMENTS,
) -> list[npt.NDArray[Any]]:
    """Find the documents that repeat an earlier one.

    Files and their rows are in order of priority. Of the documents with the same (source, id), the
    first is kept; of the remaining ones with the same letters and digits, the first is kept. Then a
    document is left out if it is a near copy of an earlier document that is itself kept, so a chain
    of small changes is not followed.

    Two documents are near copies if at least the share `similarity` of their signatures agrees.
    This share estimates the Jaccard similarity J of their sets of five consecutive words with a
    standard error of sqrt(J (1 - J) / 128), which is 0.035 at 0.8. Only documents that agree on a
    whole band of values are compared. At a similarity of 0.8 there are 21 bands of 6 values, and
    two documents are compared with probability 1 - (1 - J^6)^21, which is 0.28 at J = 0.5, 0.63 at
    0.6, 0.93 at 0.7, 0.998 at 0.8 and above 0.9999998 at 0.9. At other similarities, bands are as
    long as possible while this probability is at least 0.99.

    A document is compared with the first 64 documents of its band that have not been left out yet.
    Unless a band has more, running again on the kept documents finds nothing.

    One range of the hashes of one band is processed at a time. This process needs 27 bytes per
    document and 48 more for each of the up to `range_documents` documents of a range; a task needs
    up to 50 MB. The result depends on neither `map` nor `range_documents`.

    Args:
        files: `.npy` files of `FINGERPRINT` rows.
        similarity: from 0.5 to 1.
        map: distributes tasks over processes or machines that see the same files.
        range_documents: bounds the memory; the files are read once for each band and range.

    Returns:
        An array of `VERDICT` for each file.

    Raises:
        ValueError: a file holds something else, or the similarity is out of range.
    """
    bands = bands_for(similarity)
    fingerprints = Fingerprints.of(files)
    verdicts = np.zeros(len(fingerprints), VERDICT)
    verdicts["repeats"] = -1
    ranges = max(1, ceil(len(fingerprints) / range_documents))

    for column, reason in ((Column("key"), REPEATED_ID), (Column("exact"), EXACT_COPY)):
        kept = verdicts["reason"] == KEPT
        for documents, firsts in find_buckets(
            map, fingerprints, column, wanted=kept, ranges=ranges
        ):
            originals = documents[firsts]
            copies = documents != originals
            _leave_out(verdicts, documents[copies], originals[copies], reason)

    agreeing = ceil(similarity * SIGNATURE)
    undecided = verdicts["reason"] == KEPT
    while undecided.any():
        earlier = np.full(len(fingerprints), NO_DOCUMENT)
        kept = verdicts["reason"] == KEPT
        for band in bands:
            for buckets in find_buckets(map, fingerprints, band, wanted=kept, ranges=ranges):
                tasks = comparisons(fingerprints, buckets, undecided, agreeing)
                for documents, firsts in map(compare, tasks):
                    earlier[documents] = np.minimum(earlier[documents], firsts)
        undecided &= earlier != NO_DOCUMENT
        # Leave out what resembles a kept document; what resembles an undecided one stays undecided.
        alike = np.flatnonzero(undecided)
        alike = alike[~undecided[earlier[alike]]]
        _leave_out(verdicts, alike, earlier[alike], NEAR_COPY)
        undecided[alike] = False
    _follow(verdicts)
    return [verdicts[start:stop] for start, stop in pairwise(fingerprints.starts)]


def bands_for(similarity: float) -> list[Column]:
    """Return the longest bands of which 99 % of the pairs of that similarity share at least one.

    Raises:
        ValueError: the similarity is out of range.
    """
    if not 0.5 <= similarity <= 1:
        raise ValueError(f"similarity is {similarity}; it must be from 0.5 to 1")
    length = max(
        length
        for length in range(1, SIGNATURE + 1)
        if 1 - (1 - similarity**length) ** (SIGNATURE // length) >= 0.99
    )
    firsts = range(0, SIGNATURE - length + 1, length)
    return [Column("minhash", first, first + length) for first in firsts]


def _leave_out(
    verdicts: npt.NDArray[Any], copies: Numbers, originals: Numbers, reason: int
) -> None:
    verdicts["reason"][copies] = reason
    verdicts["repeats"][copies] = originals


def _follow(verdicts: npt.NDArray[Any]) -> None:
    """Make every copy refer to a kept document, even if it repeats another copy."""
    while True:
        copies = np.flatnonzero(verdicts["reason"] != KEPT)
        originals = verdicts["repeats"][copies]
        lost = verdicts["reason"][originals] != KEPT
        if not lost.any():
            return
        verdicts["repeats"][copies[lost]] = verdicts["repeats"][originals[lost]]
