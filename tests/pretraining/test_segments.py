"""Pairs of segments, against a plain walk over the documents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.pretraining.segments import (
    IN_ORDER,
    NO_LABEL,
    SWAPPED,
    cut_chunks,
    pair_segments,
)
from albertlm.pretraining.shards import TokenShard


def make(lengths: list[list[int]]) -> TokenShard:
    """A shard of documents of sentences of the given lengths."""
    flat = [length for document in lengths for length in document]
    return TokenShard(
        tokens=np.arange(sum(flat), dtype=np.uint16),
        sentences=np.cumsum([0, *flat]),
        paragraphs=np.cumsum([0, *map(len, lengths)]),
        documents=np.cumsum([0, *map(len, lengths)]),
    )


corpora = st.lists(
    st.lists(st.integers(1, 40), min_size=1, max_size=12), min_size=1, max_size=6
).map(make)


@given(corpora, st.integers(5, 60), st.integers(0, 3), st.sampled_from([0.0, 0.1, 1.0]))
def test_chunks_cover_every_sentence_once_within_documents(
    shard: TokenShard, length: int, epoch: int, short: float
) -> None:
    chunks = cut_chunks(shard, length, seed=1, epoch=epoch, short_probability=short)
    assert chunks[0, 0] == 0
    assert chunks[-1, 1] == len(shard.sentences) - 1
    assert (chunks[1:, 0] == chunks[:-1, 1]).all()
    assert set(shard.documents[1:]) <= set(chunks[:, 1])
    sizes = shard.sentences[chunks[:, 1]] - shard.sentences[chunks[:, 0]]
    assert ((sizes <= length - 3) | (np.diff(chunks)[:, 0] == 1)).all()


@given(corpora, st.integers(5, 60))
def test_full_chunks_take_all_that_fits(shard: TokenShard, length: int) -> None:
    chunks = cut_chunks(shard, length, seed=1, epoch=0, short_probability=0.0)
    for start, end in chunks.tolist():
        if start in shard.documents or end in shard.documents:
            continue  # a document's first chunk has a random length, its last what is left
        assert shard.sentences[end + 1] - shard.sentences[start] > length - 3


@given(corpora, st.integers(5, 60), st.integers(0, 3))
def test_pairs(shard: TokenShard, length: int, epoch: int) -> None:
    chunks = cut_chunks(shard, length, 1, epoch, 0.1)
    pairs = pair_segments(shard, chunks, length, 1, epoch)
    boundaries = set(shard.sentences.tolist())
    rows = zip(chunks.tolist(), pairs.first, pairs.second, pairs.order, strict=True)
    for (start, end), first, second, order in rows:
        earlier, later = (second, first) if order == SWAPPED else (first, second)
        assert earlier[0] == shard.sentences[start]
        assert earlier[1] == later[0]
        assert later[1] == min(shard.sentences[end], earlier[0] + length - 3)
        if order == NO_LABEL:
            assert second[0] == second[1]
        else:
            assert earlier[0] < later[0] < later[1]
            assert int(later[0]) in boundaries
        assert (order == NO_LABEL) == (end - start == 1 or later[0] == later[1])


def test_half_are_swapped() -> None:
    shard = make([[10] * 2000])
    chunks = cut_chunks(shard, 64, 0, 0, 0.0)
    order = pair_segments(shard, chunks, 64, 0, 0).order
    counts = [int((order == kind).sum()) for kind in (IN_ORDER, SWAPPED)]
    assert sum(counts) >= len(order) - 2  # the first and the last chunk may be one sentence
    assert abs(counts[0] - counts[1]) < 4 * len(order) ** 0.5


def test_too_short_a_length() -> None:
    with pytest.raises(ValueError, match="sequence length 4"):
        cut_chunks(make([[3]]), 4, 0, 0, 0.0)
