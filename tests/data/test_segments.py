"""Pairs of segments, against a plain walk over the documents."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.config import IGNORED
from albertlm.data.segments import (
    IN_ORDER,
    IS_NEXT,
    IS_RANDOM,
    OBJECTIVES,
    SWAPPED,
    Segments,
    cut_examples,
)
from albertlm.data.token_shards import TokenShard
from albertlm.settings import check_choice


def make(lengths: list[list[int]]) -> TokenShard:
    """A shard of documents of sentences of the given lengths."""
    flat = [length for document in lengths for length in document]
    return TokenShard(
        tokens=np.arange(sum(flat), dtype=np.uint16),
        sentences=np.cumsum([0, *flat]),
        paragraphs=np.cumsum([0, *map(len, lengths)]),
        documents=np.cumsum([0, *map(len, lengths)]),
    )


def cut(shard: TokenShard, length: int, **changes: Any) -> Segments:
    return cut_examples(shard, length, **({"seed": 1, "epoch": 0} | changes))


corpora = st.lists(
    st.lists(st.integers(1, 40), min_size=1, max_size=12), min_size=1, max_size=6
).map(make)
lengths = st.integers(5, 60)
epochs = st.integers(0, 3)


@given(corpora, lengths, epochs, st.sampled_from([0.0, 0.1, 1.0]), st.sampled_from(["sop", "none"]))
def test_chunks_are_all_sentences_once_within_documents(
    shard: TokenShard, length: int, epoch: int, short: float, objective: str
) -> None:
    pairs = cut(shard, length, epoch=epoch, short_probability=short, objective=objective)
    bounds = shard.sentences.tolist()
    chunk_ends = [*pairs.numbers[1:].tolist(), len(bounds) - 1]
    assert pairs.numbers[0] == 0
    assert set(shard.documents[1:]) <= set(chunk_ends)
    rows = zip(pairs.numbers, chunk_ends, pairs.first, pairs.second, pairs.labels, strict=True)
    for start, end, first, second, label in rows:
        assert start < end
        earlier, later = (second, first) if label == SWAPPED else (first, second)
        assert earlier[0] == bounds[start]
        assert earlier[1] == later[0]
        assert later[1] == min(bounds[end], earlier[0] + length - 3)
        assert bounds[end] - bounds[start] <= length - 3 or end - start == 1
        if end - start == 1:
            assert second[0] == second[1]
            assert label == IGNORED
        else:
            assert earlier[0] < later[0] < later[1]
            assert int(later[0]) in bounds
            assert label in ((IGNORED,) if objective == "none" else (IN_ORDER, SWAPPED))


@given(corpora, lengths)
def test_full_chunks_take_all_that_fits(shard: TokenShard, length: int) -> None:
    starts = cut(shard, length, short_probability=0.0).numbers.tolist()
    for start, end in pairwise(starts):
        if start in shard.documents or end in shard.documents:
            continue  # a document's first chunk has a random length, its last what is left
        assert shard.sentences[end + 1] - shard.sentences[start] > length - 3


@given(corpora, lengths, epochs)
def test_next_sentences(shard: TokenShard, length: int, epoch: int) -> None:
    pairs = cut(shard, length, epoch=epoch, objective="nsp")
    bounds = shard.sentences.tolist()
    document_of = np.repeat(np.arange(len(shard.documents) - 1), np.diff(shard.documents))
    chunk_ends = [*pairs.numbers[1:].tolist(), len(bounds) - 1]
    rows = zip(pairs.numbers, chunk_ends, pairs.first, pairs.second, pairs.labels, strict=True)
    for start, end, first, second, label in rows:
        assert first[0] == bounds[start]
        assert np.ptp([*first, *second]) >= 0
        assert np.diff(first) + np.diff(second) <= length - 3
        if label == IS_RANDOM:
            assert first[1] == bounds[end]  # the half that was replaced starts the next chunk
            begin, *others = np.flatnonzero(
                (shard.sentences[:-1] < second[1]) & (shard.sentences[1:] > second[0])
            )
            documents = set(document_of[[begin, *others]])
            assert len(documents) == 1
            assert document_of[start] not in documents
            assert bounds[begin] == second[0]
            assert int(second[1]) in bounds or not others
        elif label == IS_NEXT:
            assert first[1] == second[0] < second[1] == bounds[end]
        else:
            assert label == IGNORED
            assert second[0] == second[1]
            assert end - start == 1
            assert first[1] == min(bounds[end], first[0] + length - 3)
    if len(shard.documents) == 2:
        assert not (pairs.labels == IS_RANDOM).any()


@pytest.mark.parametrize("objective", ["sop", "nsp"])
def test_half_have_each_label(objective: str) -> None:
    shard = make([[10] * 2000] * 2)
    labels = cut(shard, 64, objective=objective, short_probability=0.0).labels
    counts = [int((labels == label).sum()) for label in (0, 1)]
    assert sum(counts) >= len(labels) - 4  # first and last chunks may be one sentence
    assert abs(counts[0] - counts[1]) < 4 * len(labels) ** 0.5


def test_random_segments_come_from_all_documents_and_places() -> None:
    shard = make([[10] * 200] * 5)
    taken = [
        pairs.second[pairs.labels == IS_RANDOM, 0]
        for epoch in range(40)
        for pairs in [cut(shard, 64, epoch=epoch, objective="nsp")]
    ]
    counts = np.bincount(np.concatenate(taken) // 10, minlength=1000)
    by_document = counts.reshape(5, 200).sum(1)
    assert np.abs(by_document / counts.sum() - 0.2).max() < 0.03
    assert (counts > 0).mean() > 0.9


@given(corpora, st.integers(0, 10**6), st.sampled_from(["sop", "nsp", "none"]))
def test_a_shard_further_on_is_cut_in_another_way(
    shard: TokenShard, first: int, objective: str
) -> None:
    here, there = (
        cut(shard, 60, objective=objective, first_sentence=number) for number in (0, first)
    )
    assert there.numbers[0] == first
    assert np.array_equal(here.first, there.first) or first > 0


def test_too_short_a_length() -> None:
    with pytest.raises(ValueError, match="sequence length 4"):
        cut(make([[3]]), 4)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nps", "one of sop, nsp, none; did you mean 'nsp'?"),
        ("SOP", "did you mean 'sop'"),
        ("zzz", "one of sop, nsp, none$"),
    ],
)
def test_an_objective_that_is_not_known(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_choice(OBJECTIVES, objective=name)
