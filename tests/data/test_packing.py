"""Packing: every token has one place, texts do not see each other, and rows are equally full."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.data.packing import Packing, pack, pad

LENGTHS = st.lists(st.integers(1, 20), min_size=1, max_size=40)
ROWS = st.integers(1, 40)


def texts_of(lengths: list[int]) -> list[list[int]]:
    """Texts of these lengths whose tokens are all different."""
    numbers = iter(range(1, sum(lengths) + 1))
    return [[next(numbers) for _ in range(length)] for length in lengths]


def packings(lengths: list[int], rows: int) -> list[Packing]:
    return [pack(lengths, min(rows, len(lengths))), pad(lengths)]


@given(LENGTHS, ROWS)
def test_every_token_has_one_place_and_comes_back(lengths: list[int], rows: int) -> None:
    flat = np.array([token for text in texts_of(lengths) for token in text], int)
    for packing in packings(lengths, rows):
        packed = packing.pack(flat)
        assert packed.shape == (packing.rows, packing.width)
        assert sorted(packed[packed > 0].tolist()) == flat.tolist()
        assert packed.ravel()[packing.places].tolist() == flat.tolist()


@given(LENGTHS, ROWS)
def test_a_text_is_whole_and_its_positions_start_at_zero(lengths: list[int], rows: int) -> None:
    for packing in packings(lengths, rows):
        packed = packing.pack(packing.positions)
        for length, start in zip(lengths, packing.starts_I, strict=True):
            row, column = divmod(int(start), packing.width)
            assert column + length <= packing.width
            assert packed[row, column : column + length].tolist() == list(range(length))


@given(LENGTHS, ROWS)
def test_a_place_attends_to_its_own_text_only(lengths: list[int], rows: int) -> None:
    for packing in packings(lengths, rows):
        mask = np.broadcast_to(packing.mask(), (packing.rows, packing.width, packing.width))
        texts = packing.texts
        for row in range(packing.rows):
            for place in range(packing.width):
                if texts[row, place]:
                    assert (mask[row, place] == (texts[row] == texts[row, place])).all()
        assert mask.any(-1).all()


@given(LENGTHS, ROWS)
def test_no_row_is_much_fuller_than_the_mean(lengths: list[int], rows: int) -> None:
    rows = min(rows, len(lengths))
    packing = pack(lengths, rows)
    assert packing.rows == rows
    assert packing.width == (packing.texts > 0).sum(1).max()
    assert packing.width * rows <= sum(lengths) + max(lengths) * (rows - 1)


def test_attention_over_packed_rows_is_that_over_single_texts() -> None:
    lengths, random = [7, 3, 20, 5, 5, 1], np.random.default_rng(0)
    x_ND = random.normal(size=(sum(lengths), 8))
    ends = np.cumsum(lengths)
    expected = []
    for text in np.split(x_ND, ends[:-1]):
        weights = np.exp(text @ text.T)
        expected.append(weights @ text / weights.sum(-1, keepdims=True))
    for packing in packings(lengths, 3):
        x_RWD = packing.pack(x_ND)
        weights = np.exp(x_RWD @ x_RWD.swapaxes(1, 2)) * packing.mask()
        found = weights @ x_RWD / weights.sum(-1, keepdims=True)
        flat = found.reshape(-1, 8)[packing.places]
        np.testing.assert_allclose(flat, np.concatenate(expected), rtol=1e-12)


@pytest.mark.parametrize("rows", [0, 3])
def test_rows_without_a_text(rows: int) -> None:
    with pytest.raises(ValueError, match=rf"rows={rows} is not allowed; .* number of texts, 2"):
        pack([3, 2], rows)


@pytest.mark.parametrize("place", [pad, lambda lengths: pack(lengths, 1)])
def test_a_text_is_not_empty(place: Callable[[list[int]], Packing]) -> None:
    with pytest.raises(ValueError, match="length=0 is not allowed; it must be 1 or more"):
        place([3, 0])
