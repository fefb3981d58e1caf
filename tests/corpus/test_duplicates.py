"""Compare the duplicates that are found with comparisons of all pairs of documents."""

import pickle
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from albertlm.corpus.documents import Document
from albertlm.corpus.duplicates import (
    EXACT_COPY,
    KEPT,
    NEAR_COPY,
    REASONS,
    REPEATED_ID,
    bands_for,
    find_duplicates,
)
from albertlm.corpus.fingerprints import FINGERPRINT, SIGNATURE, fingerprint

Find = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def find(tmp_path_factory: pytest.TempPathFactory) -> Find:
    """Return a function that writes rows to files and returns the verdicts as one array."""
    folder = tmp_path_factory.mktemp("fingerprints")

    def run(rows: np.ndarray, files: int = 1, **options: Any) -> np.ndarray:
        paths = []
        for number, part in enumerate(np.array_split(rows, files)):
            paths.append(folder / f"{number}.npy")
            np.save(paths[-1], part)
        return np.concatenate(find_duplicates(paths, **options))

    return run


def rows_of(*texts: str, ids: Sequence[str] | None = None) -> np.ndarray:
    ids = ids or [str(number) for number in range(len(texts))]
    documents = [Document(id=i, source="s", text=t) for i, t in zip(ids, texts, strict=True)]
    return np.array([fingerprint(document) for document in documents], FINGERPRINT)


def one_by_one(rows: np.ndarray, similarity: float = 0.8) -> list[tuple[int, int]]:
    """Do what `find_duplicates` documents, one document at a time, for distinct keys and texts."""
    verdicts: list[tuple[int, int]] = []
    kept: list[int] = []
    for number, row in enumerate(rows["minhash"]):
        for other in kept:
            same = row == rows["minhash"][other]
            meets = any(same[first:stop].all() for _, first, stop in bands_for(similarity))
            if meets and same.mean() >= similarity:
                verdicts.append((NEAR_COPY, other))
                break
        else:
            kept.append(number)
            verdicts.append((KEPT, -1))
    return verdicts


def families(seed: int, documents: int) -> np.ndarray:
    """Return signatures in families whose members change in small steps, so that chains occur."""
    draw = np.random.default_rng(seed)
    rows = np.zeros(documents, FINGERPRINT)
    rows["key"] = rows["exact"] = draw.permutation(documents)
    members: list[np.ndarray] = []
    for number in range(documents):
        if members and draw.random() < 0.8:
            signature = members[draw.integers(len(members))].copy()
            changed = draw.random(SIGNATURE) < draw.choice([0.02, 0.1, 0.18])
            signature[changed] = draw.integers(0, 2**32, changed.sum())
        else:
            signature = draw.integers(0, 2**32, SIGNATURE).astype(np.uint32)
        members.append(signature)
        rows["minhash"][number] = signature
    return rows


@given(st.integers(0, 2**32), st.integers(1, 60), st.sampled_from([0.8, 0.75, 0.9, 0.5, 1]))
@settings(deadline=None, max_examples=60)
@pytest.mark.slow
def test_the_verdicts_are_those_of_one_document_at_a_time(
    find: Find, seed: int, documents: int, similarity: float
) -> None:
    rows = families(seed, documents)
    verdicts = find(rows, similarity=similarity)
    assert verdicts.tolist() == one_by_one(rows, similarity)


@given(st.integers(0, 2**32), st.integers(1, 50), st.integers(1, 5), st.integers(1, 60))
@settings(deadline=None, max_examples=20)
@pytest.mark.slow
def test_files_ranges_and_order_of_tasks_change_nothing(
    find: Find, seed: int, documents: int, files: int, range_documents: int
) -> None:
    def elsewhere(function: Any, tasks: Sequence[Any]) -> Iterable[Any]:
        results = [
            pickle.loads(pickle.dumps(function))(pickle.loads(pickle.dumps(t))) for t in tasks
        ]
        random.Random(seed).shuffle(results)
        return results

    rows = families(seed, documents)
    rows["exact"] //= 2  # pairs of exact copies
    rows["key"] //= 3
    expected = find(rows).tolist()
    assert find(rows, files, range_documents=range_documents, map=elsewhere).tolist() == expected


@given(st.integers(0, 2**32), st.integers(1, 60))
@settings(deadline=None, max_examples=40)
@pytest.mark.slow
def test_running_again_on_the_kept_documents_finds_nothing(
    find: Find, seed: int, documents: int
) -> None:
    rows = families(seed, documents)
    rows["exact"] //= 2
    rows["key"] //= 3
    verdicts = find(rows)
    kept = rows[verdicts["reason"] == KEPT]
    assert (find(kept)["reason"] == KEPT).all()
    copies = np.flatnonzero(verdicts["reason"] != KEPT)
    originals = verdicts["repeats"][copies]
    assert (originals < copies).all()
    assert (verdicts["reason"][originals] == KEPT).all()


WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "bdfgklmnprst"]


def story(draw: random.Random, words: int = 300) -> list[str]:
    return draw.choices(WORDS, k=words)


def shingles(text: str) -> set[str]:
    words = text.split()
    return {" ".join(words[at : at + 5]) for at in range(len(words) - 4)}


def test_each_reason(find: Find) -> None:
    draw = random.Random(1)
    one, other = story(draw), story(draw)
    near = [*one[:298], "another", "end"]
    texts = [
        " ".join(one),
        " ".join(other),
        "; ".join(one).upper(),  # an exact copy of 0
        " ".join(near),  # a near copy of 0
        " ".join(story(draw)),  # has the id of 1
        " ".join(near) + "!",  # an exact copy of 3, which repeats 0
    ]
    verdicts = find(rows_of(*texts, ids=["a", "b", "c", "d", "b", "f"]))
    assert verdicts.tolist() == [
        (KEPT, -1),
        (KEPT, -1),
        (EXACT_COPY, 0),
        (NEAR_COPY, 0),
        (REPEATED_ID, 1),
        (EXACT_COPY, 0),
    ]
    assert REASONS[EXACT_COPY] == "exact copy"


def test_a_chain_of_small_changes_is_not_followed(find: Find) -> None:
    rows = np.zeros(3, FINGERPRINT)
    rows["key"] = rows["exact"] = range(3)
    rows["minhash"][:] = np.arange(SIGNATURE)
    rows["minhash"][1, :20] = 1_000  # 1 is near 0, 2 is near 1, 2 is not near 0
    rows["minhash"][2, :40] = 1_000
    assert find(rows).tolist() == [(KEPT, -1), (NEAR_COPY, 0), (KEPT, -1)]


def test_planted_copies_are_found_and_others_are_kept(find: Find) -> None:
    draw = random.Random(2)
    stories = [story(draw) for _ in range(400)]
    changed = []
    for words in stories:
        copy = list(words)
        for _ in range(draw.choice([1, 2, 20])):
            copy[draw.randrange(len(copy))] = "changed"
        changed.append(copy)
    texts = [" ".join(words) for words in stories + changed]
    reasons = find(rows_of(*texts), files=2)["reason"][400:]
    pairs = [(shingles(texts[n]), shingles(texts[n + 400])) for n in range(400)]
    similarities = np.array([len(one & other) / len(one | other) for one, other in pairs])
    assert (similarities >= 0.9).sum() > 100
    assert (similarities < 0.6).sum() > 100
    assert (reasons[similarities >= 0.9] == NEAR_COPY).mean() >= 0.99
    assert (reasons[similarities < 0.6] == KEPT).all()


def test_datasketch_finds_the_same_pairs(find: Find) -> None:
    datasketch = pytest.importorskip("datasketch")
    draw = random.Random(3)
    texts = []
    for _ in range(60):
        words = story(draw)
        texts += [" ".join(words), " ".join([*words[:297], "to", "the", "end"])]
    index = datasketch.MinHashLSH(threshold=0.8, num_perm=SIGNATURE)
    copies = []
    for number, text in enumerate(texts):
        signature = datasketch.MinHash(num_perm=SIGNATURE)
        signature.update_batch([row.encode() for row in shingles(text)])
        if index.query(signature):
            copies.append(number)
        else:
            index.insert(number, signature)
    assert np.flatnonzero(find(rows_of(*texts))["reason"]).tolist() == copies


@pytest.mark.parametrize("alike", ["text", "signature", "nearly", "band"])
@pytest.mark.slow
def test_a_hundred_thousand_in_one_bucket_end(find: Find, alike: str) -> None:
    rows = np.zeros(100_000, FINGERPRINT)
    rows["key"] = np.arange(len(rows))
    rows["exact"] = 0 if alike == "text" else np.arange(len(rows))
    same = {"text": SIGNATURE, "signature": SIGNATURE, "nearly": 110, "band": 6}[alike]
    draw = np.random.default_rng(0)
    rows["minhash"][:, same:] = draw.integers(0, 2**32, (len(rows), SIGNATURE - same))
    left = (find(rows)["reason"] == KEPT).sum()
    assert left == (len(rows) if alike == "band" else 1)


def test_no_documents(find: Find) -> None:
    assert find_duplicates([]) == []
    assert len(find(np.zeros(0, FINGERPRINT), files=3)) == 0


@pytest.mark.parametrize("similarity", [0.49, 1.01, float("nan"), 80])
def test_a_bad_similarity(similarity: float) -> None:
    with pytest.raises(ValueError, match=r"must be from 0\.5 to 1"):
        find_duplicates([], similarity=similarity)


def test_a_file_without_fingerprints(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(ValueError, match="float64 instead of fingerprints"):
        find_duplicates([tmp_path / "a.npy"])


def test_two_editions_of_real_books(find: Find, shared_data: Path) -> None:
    table = pq.read_table(shared_data / "corpus" / "books-en-public-domain.parquet")
    wanted = {"1965", "ENG18540_Dickens", "5183", "ENG19200_Lawrence", "2189", "ENG18900_Doyle"}
    books = [row for row in table.to_pylist() if row["id"] in wanted]
    verdicts = find(rows_of(*(book["text"] for book in books)))
    assert sorted(verdicts["reason"].tolist()) == [KEPT] * 3 + [NEAR_COPY] * 3
