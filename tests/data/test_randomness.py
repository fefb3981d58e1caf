"""The counter-based random numbers: spread, independent, and pure."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from albertlm.data import randomness


def test_uniform_in_mean_variance_and_tails() -> None:
    numbers = randomness.uniform(
        randomness.key(0, 0, "test"), np.arange(1000)[:, None], range(1000)
    )
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 0.001
    assert abs(numbers.var() - 1 / 12) < 0.001
    counts = np.histogram(numbers, bins=100, range=(0, 1))[0]
    assert abs((counts - 10_000) ** 2 / 10_000).sum() < 150  # chi squared, 99 degrees of freedom


def test_streams_are_uncorrelated() -> None:
    examples = np.arange(100_000)
    keys = [(0, 0, "a"), (0, 0, "b"), (0, 1, "a"), (1, 0, "a")]
    streams = [randomness.uniform(randomness.key(*key), examples) for key in keys]
    streams += [randomness.uniform(randomness.key(0, 0, "a"), examples, 1)]
    correlation = np.corrcoef(streams) - np.eye(len(streams))
    assert np.abs(correlation).max() < 0.015


@given(st.integers(0, 2**63), st.integers(0, 1000), st.lists(st.integers(0, 10**9), min_size=1))
def test_a_number_depends_on_nothing_else(seed: int, epoch: int, examples: list[int]) -> None:
    key = randomness.key(seed, epoch, "test")
    together = randomness.uniform(key, examples, 3)
    assert [float(randomness.uniform(key, example, 3)) for example in examples] == together.tolist()


def test_integers_cover_their_range() -> None:
    high = np.repeat([1, 2, 7], 10_000)
    drawn = randomness.integers(randomness.key(5, 0, "test"), high, np.arange(30_000))
    for limit in (1, 2, 7):
        assert sorted(set(drawn[high == limit].tolist())) == list(range(limit))


@given(st.integers(0, 2**63), st.lists(st.integers(0, 1000), min_size=1))
def test_keys_of_many_epochs(seed: int, epochs: list[int]) -> None:
    together = randomness.key(seed, epochs, "test")
    assert [int(randomness.key(seed, epoch, "test")) for epoch in epochs] == together.tolist()


@given(st.lists(st.integers(0, 2**64 - 1), unique=True))
def test_mixing_keeps_numbers_apart(numbers: list[int]) -> None:
    assert len(set(randomness.mix(np.array(numbers, np.uint64)).tolist())) == len(numbers)
