"""What is masked: the shares of the card, whole words, never a special token."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from albertlm.config import IGNORED
from albertlm.data.masking import MaskingConfig, Masks, begins_word, mask_tokens

VOCAB, MASK, SPECIAL = 1000, 4, np.arange(5)


Example = tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]
"""Ids, which of them may be masked, and which of them begin a word."""


def example(rows: int, length: int, seed: int = 0) -> Example:
    """Random ids between [CLS] and [SEP], and words of one to three tokens."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, VOCAB, (rows, length))
    ids[:, 0], ids[:, -1] = 2, 3
    starts = rng.random((rows, length)) < 0.7
    starts[:, 1] = True
    return ids, ids >= 5, starts & (ids >= 5)


def run(
    ids: NDArray[np.int64],
    maskable: NDArray[np.bool_],
    starts: NDArray[np.bool_],
    *,
    numbers: NDArray[np.int64] | None = None,
    **changes: object,
) -> Masks:
    return mask_tokens(
        ids,
        maskable,
        starts,
        np.arange(len(ids)) if numbers is None else numbers,
        config=MaskingConfig(**changes),  # type: ignore[arg-type]
        vocab_size=VOCAB,
        mask_id=MASK,
        pad_id=0,
        special_ids=SPECIAL,
        seed=3,
        epoch=1,
    )


@pytest.mark.parametrize("max_ngram", [0, 1, 3])
def test_shares_over_a_million_tokens(max_ngram: int) -> None:
    ids, maskable, starts = example(2000, 512)
    masks = run(ids, maskable, starts, max_ngram=max_ngram)
    rows, slots = np.nonzero(masks.labels != IGNORED)
    now, before = masks.input_ids[rows, masks.positions[rows, slots]], masks.labels[rows, slots]
    assert abs(len(rows) / maskable.size - 0.15) < 0.001
    assert abs((now == MASK).mean() - 0.8) < 0.003
    assert abs((now == before).mean() - 0.1) < 0.003
    random = now[(now != MASK) & (now != before)]
    assert abs(len(random) / len(now) - 0.1) < 0.003
    assert random.min() >= 5
    assert len(set(random.tolist())) > 0.99 * (VOCAB - 5)


def test_words_begin_as_in_the_released_code() -> None:
    begins = ["▁the", "<unk>", ".", "(", "▁", "€", "1999", "über", "日"]
    goes_on = ["ing", "s", "o'c"]
    assert begins_word(begins + goes_on).tolist() == [True] * len(begins) + [False] * len(goes_on)


def test_word_pieces_go_on_after_their_mark() -> None:
    pieces = ["[CLS]", "the", "##s", "##京", "京", "##", "#", ".", "2"]
    goes_on = ["##s", "##京"]
    assert begins_word(pieces).tolist() == [piece not in goes_on for piece in pieces]


@pytest.mark.parametrize("max_ngram", [0, 1, 3])
def test_no_more_than_the_limit_is_predicted(max_ngram: int) -> None:
    masks = run(*example(500, 512), max_ngram=max_ngram, max_predictions=20)
    assert ((masks.labels != IGNORED).sum(1) == 20).mean() > 0.99
    assert masks.labels.shape[1] == 20


def test_unknown_pieces_are_replaced_by_any_plain_one() -> None:
    """[UNK] is special, and yet text: what replaces it is drawn among all others."""
    ids, maskable, starts = example(400, 512)
    ids[maskable] = 1
    masks = run(ids, maskable, starts, mask_share=0.0, random_share=1.0)
    now = masks.input_ids[masks.input_ids >= 5]
    assert set(now.tolist()) == set(range(5, VOCAB))


def test_replacements_are_as_likely_each() -> None:
    ids, maskable, starts = example(400, 512)
    ids[maskable] = 500
    masks = run(ids, maskable, starts, mask_share=0.0, random_share=1.0)
    counts = np.bincount(masks.input_ids[maskable & (masks.input_ids != 500)], minlength=VOCAB)
    assert counts[:5].tolist() == [0] * 5
    plain = np.delete(counts[5:], 495)
    expected = plain.mean()
    assert ((plain - expected) ** 2 / expected).sum() < 1200  # chi squared, 993 degrees of freedom


@given(st.integers(0, 10**6), st.integers(8, 80), st.sampled_from([0, 1, 3]))
def test_properties(seed: int, length: int, max_ngram: int) -> None:
    ids, maskable, starts = example(6, length, seed)
    masks = run(ids, maskable, starts, max_ngram=max_ngram)
    counted = masks.labels != IGNORED
    for row in range(len(ids)):
        positions = masks.positions[row][counted[row]]
        budget = max(1, np.rint(0.15 * length))
        assert len(positions) <= budget
        assert (np.diff(positions) > 0).all()
        assert maskable[row, positions].all()
        assert (ids[row, positions] == masks.labels[row][counted[row]]).all()
        untouched = np.setdiff1d(np.arange(length), positions)
        assert (masks.input_ids[row, untouched] == ids[row, untouched]).all()
        if max_ngram:  # words are whole: the token after a masked one is masked or starts a word
            after = positions + 1
            inside = maskable[row, after] & ~starts[row, after]
            assert np.isin(after[inside], positions).all()
            assert (starts[row, positions] | np.isin(positions - 1, positions)).all()
        else:
            assert len(positions) == budget


def test_an_example_is_masked_alike_in_any_batch() -> None:
    ids, maskable, starts = example(8, 64)
    together = run(ids, maskable, starts)
    for row in range(8):
        one = slice(row, row + 1)
        alone = run(ids[one], maskable[one], starts[one], numbers=np.array([row]))
        assert (alone.input_ids == together.input_ids[one]).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"probability": 0.0}, "probability=0.0"),
        ({"max_ngram": -1}, "max_ngram=-1"),
        ({"max_predictions": 0}, "max_predictions=0"),
        ({"mask_share": 0.9, "random_share": 0.2}, "mask_share=0.9"),
    ],
)
def test_bad_configuration(changes: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MaskingConfig(**changes)  # type: ignore[arg-type]
