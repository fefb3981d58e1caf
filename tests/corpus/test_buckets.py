"""Compare buckets with documents that are grouped and compared in plain Python."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus.buckets import (
    FIRST_MEMBERS,
    NO_DOCUMENT,
    Buckets,
    Column,
    Comparison,
    Fingerprints,
    compare,
    comparisons,
    find_buckets,
)
from albertlm.corpus.fingerprints import FINGERPRINT, SIGNATURE

Rows = npt.NDArray[Any]
Save = Callable[..., Fingerprints]


@pytest.fixture(scope="session")
def save(tmp_path_factory: pytest.TempPathFactory) -> Save:
    """Return a function that writes rows to a number of files."""
    folder = tmp_path_factory.mktemp("buckets")

    def write(rows: Rows, files: int = 1) -> Fingerprints:
        paths = [folder / f"{number}.npy" for number in range(files)]
        for path, part in zip(paths, np.array_split(rows, files), strict=True):
            np.save(path, part)
        return Fingerprints.of(paths)

    return write


def rows_of(seed: int, documents: int) -> Rows:
    """Return rows with few different keys and values, so that many are shared."""
    draw = np.random.default_rng(seed)
    rows = np.zeros(documents, FINGERPRINT)
    rows["key"] = draw.integers(0, 8, documents)
    rows["minhash"] = draw.integers(0, 2, (documents, SIGNATURE))
    return rows


def grouped(values: Sequence[object], wanted: npt.NDArray[np.bool_]) -> set[tuple[int, ...]]:
    """Return the documents of each value that several documents share."""
    groups = defaultdict(list)
    for number, value in enumerate(values):
        if wanted[number]:
            groups[value].append(number)
    return {tuple(group) for group in groups.values() if len(group) > 1}


def members(buckets: Buckets) -> list[tuple[int, ...]]:
    parts = defaultdict(list)
    for document, first in zip(*buckets, strict=True):
        parts[int(first)].append(int(document))
    assert all(buckets.documents[first] == part[0] for first, part in parts.items())
    return [tuple(part) for part in parts.values()]


@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(1, 4), st.integers(1, 5))
def test_buckets_are_the_documents_that_share_a_value(
    save: Save, seed: int, documents: int, files: int, ranges: int
) -> None:
    rows = rows_of(seed, documents)
    wanted = np.random.default_rng(seed).random(documents) < 0.8
    fingerprints = save(rows, files)
    for column, values in (
        (Column("key"), rows["key"].tolist()),
        (Column("minhash", 3, 6), [tuple(row[3:6].tolist()) for row in rows["minhash"]]),
    ):
        found = find_buckets(map, fingerprints, column, wanted=wanted, ranges=ranges)
        parts = [part for buckets in found for part in members(buckets)]
        assert len(parts) == len(set(parts))
        assert set(parts) == grouped(values, wanted)


@given(st.integers(0, 2**32), st.integers(2, 40))
def test_each_document_is_compared_with_those_before_it_in_its_bucket(
    save: Save, seed: int, documents: int
) -> None:
    rows = rows_of(seed, documents)
    waiting = np.random.default_rng(seed).random(documents) < 0.8
    fingerprints, agreeing = save(rows), SIGNATURE // 2
    (buckets,) = find_buckets(
        map, fingerprints, Column("key"), wanted=np.ones(documents, np.bool_), ranges=1
    )
    expected = {}
    for part in members(buckets):
        for place, document in enumerate(part):
            same = (rows["minhash"][list(part[:place])] == rows["minhash"][document]).sum(axis=1)
            if waiting[document] and (same >= agreeing).any():
                expected[document] = part[int(np.argmax(same >= agreeing))]
    found = [compare(task) for task in comparisons(fingerprints, buckets, waiting, agreeing)]
    pairs = [pair for task in found for pair in zip(*(each.tolist() for each in task), strict=True)]
    assert dict(pairs) == expected
    assert len(pairs) == len(expected)
    assert NO_DOCUMENT not in expected.values()


def test_only_the_first_members_of_a_bucket_are_compared(save: Save) -> None:
    rows = np.zeros(FIRST_MEMBERS + 2, FINGERPRINT)
    rows["minhash"] = np.arange(len(rows))[:, None]
    rows["minhash"][-1] = rows["minhash"][-2]  # alike, but after the first
    everything = Buckets(np.arange(len(rows)), np.zeros(len(rows), np.int64))
    waiting = np.ones(len(rows), np.bool_)
    documents, _ = compare(Comparison(save(rows), everything, waiting, SIGNATURE))
    assert documents.tolist() == []
    rows["minhash"][-1] = rows["minhash"][FIRST_MEMBERS - 1]
    documents, others = compare(Comparison(save(rows), everything, waiting, SIGNATURE))
    assert (documents.tolist(), others.tolist()) == ([len(rows) - 1], [FIRST_MEMBERS - 1])


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 5))
def test_signatures_of_several_files(save: Save, seed: int, documents: int, files: int) -> None:
    rows = rows_of(seed, documents)
    fingerprints = save(rows, files)
    wanted = np.random.default_rng(seed).integers(0, documents, 10)
    assert len(fingerprints) == documents
    assert (fingerprints.signatures(wanted) == rows["minhash"][wanted]).all()


def test_bad_files(tmp_path: Path) -> None:
    for content in (b"", b"text"):
        (tmp_path / "a.npy").write_bytes(content)
        with pytest.raises(ValueError, match="holds no array"):
            Fingerprints.of([tmp_path / "a.npy"])
    for array in (np.zeros(3), np.zeros((2, 2), FINGERPRINT)):
        np.save(tmp_path / "b.npy", array)
        with pytest.raises(ValueError, match=r"b\.npy holds .* instead of fingerprints"):
            Fingerprints.of([tmp_path / "b.npy"])
    with pytest.raises(FileNotFoundError):
        Fingerprints.of([tmp_path / "c.npy"])
