"""Truncation, windows and padding, against transformers with the same ids."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization.truncation import windows

WORDS = st.lists(
    st.sampled_from(["the", "a", "model", "modeling", "1999,", "café", "[MASK]", ".", "☃"])
)
OPTIONS = st.fixed_dictionaries(
    {
        "truncation": st.sampled_from([True, False, "longest_first", "only_first", "only_second"]),
        "max_length": st.sampled_from([None, 5, 6, 8, 11, 16]),
        "stride": st.integers(0, 3),
        "padding": st.sampled_from([False, True, "longest", "max_length"]),
        "pad_to_multiple_of": st.sampled_from([None, 4]),
        "return_overflowing_tokens": st.booleans(),
        "add_special_tokens": st.booleans(),
    }
)


@pytest.fixture(scope="module")
def peer(
    hub_tokenizer: AlbertTokenizer, tmp_path_factory: pytest.TempPathFactory
) -> transformers.PreTrainedTokenizerBase:
    folder: Path = tmp_path_factory.mktemp("peer")
    hub_tokenizer.save_pretrained(folder)
    return transformers.AlbertTokenizer.from_pretrained(folder)


def sorted_rows(encoded: dict[str, Any]) -> list[Any]:
    """Rows without their order: transformers gives windows into both texts of a pair in another."""
    return sorted(zip(*(encoded[name] for name in sorted(encoded)), strict=True))


@pytest.mark.filterwarnings("ignore:`max_length` is ignored")
@settings(deadline=None, max_examples=300)
@given(
    texts=st.lists(WORDS.map(" ".join), min_size=1, max_size=3),
    pairs=st.none() | st.lists(WORDS.map(" ".join), min_size=3, max_size=3),
    options=OPTIONS,
)
def test_rows_are_those_of_transformers(
    hub_tokenizer: AlbertTokenizer,
    peer: transformers.PreTrainedTokenizerBase,
    texts: list[str],
    pairs: list[str] | None,
    options: dict[str, Any],
) -> None:
    options |= {"return_special_tokens_mask": True, "return_length": True}
    pairs = None if pairs is None else pairs[: len(texts)]
    try:
        encoded = hub_tokenizer(texts, pairs, **options)
        expected = peer(texts, pairs, **options)
    except ValueError:
        # also where only transformers refuses: a max_length that is not the multiple, unused stride
        return
    if pairs is None or not options["return_overflowing_tokens"]:
        assert dict(encoded) == dict(expected)
        for row in range(len(encoded.input_ids)):
            assert encoded.sequence_ids(row) == expected.sequence_ids(row)
            assert encoded.word_ids(row) == expected.word_ids(row)
    else:
        assert sorted_rows(dict(encoded)) == sorted_rows(dict(expected))


@given(size=st.integers(0, 60), room=st.integers(1, 20), stride=st.integers(0, 19))
def test_windows_hold_every_token_and_overlap_by_the_stride(
    size: int, room: int, stride: int
) -> None:
    if stride >= room and size > room:
        with pytest.raises(ValueError, match=f"stride={stride} is not less than the {room} tokens"):
            windows("longest_first", room, stride, [size])
        return
    cut = [window for (window,) in windows("longest_first", room, stride, [size])]
    assert cut[0][0] == 0
    assert cut[-1][1] == size
    assert all(end - start <= room for start, end in cut)
    for (_, end), (start, _) in itertools.pairwise(cut):
        assert end - start == stride


def test_words_keep_their_numbers_in_later_windows(tokenizer: AlbertTokenizer) -> None:
    text = " ".join(["model"] * 9)
    encoded = tokenizer(
        text, max_length=6, stride=1, truncation=True, return_overflowing_tokens=True
    )
    assert encoded.word_ids(0) == [None, 0, 1, 2, 3, None]
    assert encoded.word_ids(1) == [None, 3, 4, 5, 6, None]
    assert encoded.overflow_to_sample_mapping == [0, 0, 0]


def test_max_length_alone_truncates(tokenizer: AlbertTokenizer) -> None:
    assert len(tokenizer("the model " * 50, max_length=9).input_ids) == 9
    assert len(tokenizer("the model " * 500, truncation=True).input_ids) == 512


def test_padding_goes_on_the_right(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer("model", padding="max_length", max_length=6, return_offsets_mapping=True)
    assert encoded.input_ids[3:] == [tokenizer.pad_token_id] * 3
    assert encoded.attention_mask == [1, 1, 1, 0, 0, 0]
    assert encoded.offset_mapping == [(0, 0), (0, 5), (0, 0), (0, 0), (0, 0), (0, 0)]
