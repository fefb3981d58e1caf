"""Batches of labelled examples: every example once per epoch, with little padding."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.data.batches import Position
from albertlm.training.labelled import (
    Feature,
    LabelledBatch,
    LabelledData,
    LabelledStream,
    TokenRow,
)


def feature(length: int, rows: int = 1) -> Feature:
    """A feature whose label is its length."""
    each = tuple(
        TokenRow.of(range(5, 5 + length - more), [1] * (length - more)) for more in range(rows)
    )
    return Feature(each, np.array([length]))


def data(lengths: list[int], batch_size: int, *, seed: int = 0, rows: int = 1) -> LabelledData:
    features = [feature(length, rows) for length in lengths]
    return LabelledData(features, batch_size, seed=seed, pad_id=0)


def epoch_of(of: LabelledData, epoch: int, **share: int) -> list[LabelledBatch]:
    stream = of.stream(Position(epoch), **share)
    return [batch for batch, _ in islice(stream, of.batches)]


@given(
    st.lists(st.integers(2, 50), min_size=1, max_size=300), st.integers(1, 17), st.integers(0, 3)
)
def test_every_example_once_per_epoch(lengths: list[int], batch_size: int, epoch: int) -> None:
    of = data(lengths, batch_size)
    found = epoch_of(of, epoch)
    assert sorted(np.concatenate([batch.examples for batch in found])) == [*range(len(lengths))]
    sizes = {len(batch) for batch in found}
    assert max(sizes) <= batch_size
    assert min(sizes) == of.smallest
    assert max(sizes) - min(sizes) <= 1
    for batch in found:
        assert set(batch.epochs) == {epoch}
        for row, length in enumerate(batch.labels[:, 0]):
            assert batch.attention_mask[row].sum() == length
            assert [*batch.input_ids[row, :length]] == [*range(5, 5 + length)]
            assert not batch.input_ids[row, length:].any()
            assert not batch.token_type_ids[row, length:].any()
    assert of.expected(epoch, len(lengths)) == of.expected(epoch + 1, len(lengths))


def test_the_order_depends_on_the_seed_and_the_epoch_only() -> None:
    lengths = [3] * 100
    orders = {
        tuple(np.concatenate(data(lengths, 10, seed=seed).order(epoch)).tolist())
        for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0))
    }
    assert len(orders) == 3


def test_a_stream_goes_on_where_it_stopped() -> None:
    of = data([*range(2, 45)], 10)
    whole = [*islice(of.stream(Position()), 12)]
    assert [after.epoch for _, after in whole[4::5]] == [1, 2]
    for number, (_, after) in enumerate(whole[:-1]):
        batch, _ = next(LabelledStream(of, after))
        assert np.array_equal(batch.input_ids, whole[number + 1][0].input_ids)
    with pytest.raises(ValueError, match="beginning of a batch"):
        next(of.stream(Position(0, 3)))


def test_ranks_share_each_batch() -> None:
    of = data([*range(2, 45)], 10)
    shares = [epoch_of(of, 0, rank=rank, ranks=3) for rank in range(3)]
    for whole, *parts in zip(epoch_of(of, 0), *shares, strict=True):
        assert [*whole.examples] == [number for part in parts for number in part.examples]
        assert all(len(part) for part in parts)
    with pytest.raises(ValueError, match="ranks=9 is not allowed; it must be at most the 8"):
        next(of.stream(Position(), ranks=9))


def test_similar_lengths_share_a_batch() -> None:
    lengths = np.random.default_rng(0).integers(2, 128, 5000).tolist()
    found = epoch_of(data(lengths, 16), 0)
    padded = sum(batch.attention_mask.size for batch in found)
    assert padded < 1.04 * sum(lengths)
    means = [batch.attention_mask.shape[1] for batch in found]
    assert abs(np.corrcoef(means, range(len(means)))[0, 1]) < 0.2  # not from short to long


def test_some_examples_of_a_batch_with_several_rows_each() -> None:
    of = data([9, 5, 7], 3, rows=2)
    batch = of.batch(np.array([1, 2, 0]))
    assert batch.input_ids.shape == (6, 9)
    part = batch.take(slice(0, 2))
    assert part.input_ids.shape == (4, 7)
    assert [*part.rows] == [2, 2]
    assert [*part.attention_mask.sum(1)] == [5, 4, 7, 6]
    assert [*part.labels[:, 0]] == [5, 7]


def test_what_cannot_be_batches() -> None:
    with pytest.raises(ValueError, match="examples=0 is not allowed"):
        data([], 3)
    with pytest.raises(ValueError, match="batch_size=0 is not allowed"):
        data([3], 0)
