"""Which tokens are predicted, against a plain walk over words as in the released code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from albertlm.data.spans import (
    Words,
    choose_runs,
    choose_tokens,
    draw_ngram_lengths,
    run_tokens,
    spread,
)

rows_of_tokens = st.integers(1, 5).flatmap(
    lambda rows: st.integers(1, 40).flatmap(
        lambda length: st.lists(
            st.lists(st.sampled_from("-sc"), min_size=length, max_size=length),
            min_size=rows,
            max_size=rows,
        )
    )
)
"""For each token: `-` may not be masked, `s` starts a word, `c` continues one."""


def arrays(rows: list[list[str]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    kinds = np.array(rows)
    return kinds != "-", kinds == "s"


def plain_words(row: list[str]) -> list[tuple[int, int]]:
    """Start and end of each word of a row."""
    words = []
    for start, kind in enumerate(row):
        if kind == "s":
            end = start + 1
            while end < len(row) and row[end] == "c":
                end += 1
            words.append((start, end))
    return words


def random_bits(shape: tuple[int, int], seed: int) -> NDArray[np.uint64]:
    return np.random.default_rng(seed).integers(0, 1 << 64, shape, np.uint64)


@given(rows_of_tokens, st.integers(1, 4))
def test_words(rows: list[list[str]], max_ngram: int) -> None:
    words = Words.find(*arrays(rows), max_ngram)
    expected = [plain_words(row) for row in rows]
    length = len(rows[0])
    flat = [(r * length + a, r * length + b) for r, row in enumerate(expected) for a, b in row]
    assert words.counts_B.tolist() == list(map(len, expected))
    assert list(zip(words.starts_W.tolist(), words.ends_W.tolist(), strict=True)) == flat
    for number, reach in enumerate(words.reach_W.tolist()):
        row = flat[number][0] // length
        follows = 1
        while (
            follows < max_ngram
            and number + follows < len(flat)
            and flat[number + follows][0] == flat[number + follows - 1][1]
            and flat[number + follows][0] // length == row
        ):
            follows += 1
        assert reach == follows


@given(rows_of_tokens, st.integers(1, 4), st.integers(0, 1000), st.integers(1, 12))
def test_runs_are_those_of_a_plain_walk(
    rows: list[list[str]], max_ngram: int, seed: int, budget: int
) -> None:
    words = Words.find(*arrays(rows), max_ngram)
    random = random_bits((len(rows), max(1, words.counts_B.max())), seed)
    runs = choose_runs(random, words, np.full(len(rows), budget), max_ngram)
    first = 0
    for row, count in enumerate(words.counts_B.tolist()):
        expected = walk(random[row, :count], words, first, budget, max_ngram)
        assert runs[first : first + count].tolist() == expected
        first += count


def walk(
    random: NDArray[np.uint64], words: Words, first: int, budget: int, max_ngram: int
) -> list[int]:
    """The runs of one row, a word at a time."""
    runs, taken, left = [0] * len(random), set[int](), budget
    visits = sorted(range(len(random)), key=lambda word: (int(random[word]) >> 16, word))
    for word in visits:
        uniform = np.array((int(random[word]) >> 16) % (1 << 16) / (1 << 16))
        n = min(int(draw_ngram_lengths(uniform, max_ngram)), int(words.reach_W[first + word]))

        def size(n: int, word: int = first + word) -> int:
            return int(words.ends_W[word + n - 1] - words.starts_W[word])

        while n and size(n) > left:
            n -= 1
        run = set(range(word, word + n))
        if n and not run & taken:
            taken |= run
            runs[word] = n
            left -= size(n)
    return runs


@given(rows_of_tokens, st.integers(0, 1000), st.integers(1, 12))
def test_tokens_of_runs_are_whole_words_within_the_budget(
    rows: list[list[str]], seed: int, budget: int
) -> None:
    words = Words.find(*arrays(rows), 3)
    random = random_bits((len(rows), max(1, words.counts_B.max())), seed)
    tokens = run_tokens(words, choose_runs(random, words, np.full(len(rows), budget), 3))
    length = len(rows[0])
    assert (np.diff(tokens) > 0).all()
    for row, kinds in enumerate(rows):
        chosen = set((tokens[tokens // length == row] % length).tolist())
        assert len(chosen) <= budget
        whole = [set(range(*word)) for word in plain_words(kinds)]
        assert chosen == set().union(*(word for word in whole if word <= chosen))


@given(rows_of_tokens, st.integers(0, 1000), st.integers(1, 12))
def test_single_tokens_spend_the_budget(rows: list[list[str]], seed: int, budget: int) -> None:
    maskable, _ = arrays(rows)
    tokens = choose_tokens(random_bits(maskable.shape, seed), maskable, np.full(len(rows), budget))
    assert (np.diff(tokens) > 0).all()
    assert maskable.ravel()[tokens].all()
    counts = np.bincount(tokens // maskable.shape[1], minlength=len(rows))
    assert counts.tolist() == np.minimum(budget, maskable.sum(1)).tolist()


def test_every_token_is_as_likely() -> None:
    maskable = np.ones((20_000, 10), bool)
    tokens = choose_tokens(random_bits(maskable.shape, 0), maskable, np.full(20_000, 3))
    counts = np.bincount(tokens % 10)
    assert np.abs(counts / 20_000 - 0.3).max() < 0.015


@pytest.mark.parametrize("max_ngram", [1, 2, 3, 5])
def test_lengths_as_drawn(max_ngram: int) -> None:
    lengths = draw_ngram_lengths(np.random.default_rng(0).random(1_000_000), max_ngram)
    weights = 1 / np.arange(1, max_ngram + 1)
    shares = np.bincount(lengths, minlength=max_ngram + 1)[1:] / len(lengths)
    assert np.abs(shares - weights / weights.sum()).max() < 0.005


def test_lengths_and_places_are_independent() -> None:
    """Both come from one random number: long runs must not be visited early or late."""
    words = Words.find(np.ones((20_000, 8), bool), np.ones((20_000, 8), bool), 3)
    runs = choose_runs(random_bits((20_000, 8), 1), words, np.full(20_000, 3), 3)
    rows = runs.reshape(-1, 8)
    # a budget of three is met by the first visited word alone where it starts a run of three;
    # that happens where it is not one of the last two words and drew a three
    assert abs((rows.max(1) == 3).mean() - 6 / 8 * 2 / 11) < 0.01


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5))))
def test_spread(ranges: list[tuple[int, int]]) -> None:
    starts, sizes = np.array(ranges, np.int64).reshape(-1, 2).T
    expected = [number for start, size in ranges for number in range(start, start + size)]
    assert spread(starts, sizes).tolist() == expected
