"""Packing: every token has one place, texts do not see each other, and rows are nearly full."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.data.packing import Packing, pack, pad

WIDTH = 20
LENGTHS = st.lists(st.integers(1, WIDTH), max_size=40)


def texts_of(lengths: list[int]) -> list[list[int]]:
    """Texts of these lengths whose tokens are all different."""
    numbers = iter(range(1, sum(lengths) + 1))
    return [[next(numbers) for _ in range(length)] for length in lengths]


def packings(lengths: list[int], window: int) -> list[Packing]:
    return [pack(lengths, WIDTH, window=window), pad(lengths)]


@given(LENGTHS, st.integers(1, 50))
def test_every_token_has_one_place_and_comes_back(lengths: list[int], window: int) -> None:
    flat = np.array([token for text in texts_of(lengths) for token in text], int)
    for packing in packings(lengths, window):
        rows = packing.pack(flat)
        assert rows.shape == (packing.rows, packing.width)
        assert sorted(rows[rows > 0].tolist()) == flat.tolist()
        assert rows.ravel()[packing.places].tolist() == flat.tolist()


@given(LENGTHS, st.integers(1, 50))
def test_a_text_is_whole_and_its_positions_start_at_zero(lengths: list[int], window: int) -> None:
    for packing in packings(lengths, window):
        rows = packing.pack(packing.positions)
        for length, start in zip(lengths, packing.starts_I, strict=True):
            row, column = divmod(int(start), packing.width)
            assert column + length <= packing.width
            assert rows[row, column : column + length].tolist() == list(range(length))


@given(LENGTHS, st.integers(1, 50))
def test_a_place_attends_to_its_own_text_only(lengths: list[int], window: int) -> None:
    for packing in packings(lengths, window):
        mask = np.broadcast_to(packing.mask(), (packing.rows, packing.width, packing.width))
        texts = packing.texts
        for row in range(packing.rows):
            for place in range(packing.width):
                if texts[row, place]:
                    assert (mask[row, place] == (texts[row] == texts[row, place])).all()
        assert mask.any(-1).all()


@given(LENGTHS)
def test_no_two_rows_of_a_window_fit_into_one(lengths: list[int]) -> None:
    packing = pack(lengths, WIDTH)
    used = sorted((packing.texts > 0).sum(1).tolist())
    assert len(used) < 2 or used[0] + used[1] > WIDTH


@given(LENGTHS, st.integers(1, 5))
def test_texts_of_different_windows_share_no_row(lengths: list[int], window: int) -> None:
    rows = pack(lengths, WIDTH, window=window).starts_I // WIDTH
    windows = [set(rows[begin : begin + window]) for begin in range(0, len(rows), window)]
    assert sum(map(len, windows)) == len(set().union(*windows))


def test_attention_over_packed_rows_is_that_over_single_texts() -> None:
    lengths, random = [7, 3, 20, 5, 5, 1], np.random.default_rng(0)
    x_ND = random.normal(size=(sum(lengths), 8))
    ends = np.cumsum(lengths)
    expected = []
    for text in np.split(x_ND, ends[:-1]):
        weights = np.exp(text @ text.T)
        expected.append(weights @ text / weights.sum(-1, keepdims=True))
    for packing in packings(lengths, 50):
        x_RWD = packing.pack(x_ND)
        weights = np.exp(x_RWD @ x_RWD.swapaxes(1, 2)) * packing.mask()
        found = weights @ x_RWD / weights.sum(-1, keepdims=True)
        flat = found.reshape(-1, 8)[packing.places]
        np.testing.assert_allclose(flat, np.concatenate(expected), rtol=1e-12)


@pytest.mark.parametrize("lengths", [[3, 0], [21]])
def test_a_text_that_fits_into_no_row(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match=r"length=\d+ is not allowed; .* from 1 to the 20 places"):
        pack(lengths, WIDTH)


def test_a_padded_text_is_not_empty() -> None:
    with pytest.raises(ValueError, match="length=0 is not allowed; it must be 1 or more"):
        pad([3, 0])
