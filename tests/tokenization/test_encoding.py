"""Truncation, windows, padding and encodings, compared with transformers."""

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization.encoding import windows

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


def sorted_rows(encoded: dict[str, Any]) -> list[Any]:
    """The rows in sorted order: transformers orders the windows into a pair differently."""
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
    transformers_tokenizer: transformers.PreTrainedTokenizerBase,
    texts: list[str],
    pairs: list[str] | None,
    options: dict[str, Any],
) -> None:
    options |= {"return_special_tokens_mask": True, "return_length": True}
    pairs = None if pairs is None else pairs[: len(texts)]
    try:
        encoded = hub_tokenizer(texts, pairs, **options)
        expected = transformers_tokenizer(texts, pairs, **options)
    except ValueError:
        # transformers also rejects an unused stride and a max_length that is not a multiple
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


def test_max_length_alone_truncates(tokenizer: AlbertTokenizer) -> None:
    assert len(tokenizer("the model " * 50, max_length=9).input_ids) == 9
    assert len(tokenizer("the model " * 500, truncation=True).input_ids) == 512


def test_padding_goes_on_the_right(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer("model", padding="max_length", max_length=6, return_offsets_mapping=True)
    assert encoded.input_ids[3:] == [tokenizer.pad_token_id] * 3
    assert encoded.attention_mask == [1, 1, 1, 0, 0, 0]
    assert encoded.offset_mapping == [(0, 0), (0, 5), (0, 0), (0, 0), (0, 0), (0, 0)]


@pytest.mark.parametrize(("kind", "array"), [("pt", torch.Tensor), ("np", np.ndarray)])
def test_tensors_have_a_batch_dimension(
    tokenizer: AlbertTokenizer, kind: str, array: type[object]
) -> None:
    single = tokenizer("the model", return_tensors=kind)  # type: ignore[arg-type]
    batch = tokenizer(["the", "a model"], padding=True, return_tensors=kind)  # type: ignore[arg-type]
    assert all(isinstance(value, array) for value in {**single, **batch}.values())
    assert single.input_ids.tolist() == [tokenizer("the model").input_ids]
    assert batch.input_ids.shape == batch.token_type_ids.shape == batch.attention_mask.shape
    assert str(batch.input_ids.dtype).endswith("int64")


def test_rows_are_padded_by_a_collator(tokenizer: AlbertTokenizer) -> None:
    texts = ["the", "a longer model"]
    collated = tokenizer.pad([tokenizer(text) for text in texts], return_tensors="pt")
    together = tokenizer(texts, padding=True, return_tensors="pt")
    assert all(torch.equal(collated[name], together[name]) for name in together)
    assert tokenizer.pad(tokenizer(texts))["input_ids"] == together.input_ids.tolist()
    assert tokenizer.pad(together)["input_ids"] == together.input_ids.tolist()
    single = tokenizer.pad(tokenizer("the"), padding="max_length", max_length=9)
    assert [len(row) for row in single["input_ids"]] == [9]


@pytest.mark.parametrize("kind", [None, "np", "pt"])
def test_what_a_collator_returns_is_an_encoding(tokenizer: AlbertTokenizer, kind: Any) -> None:
    padded = tokenizer.pad([tokenizer("a"), tokenizer("the model")], return_tensors=kind)
    assert padded.input_ids is padded["input_ids"]
    assert list(padded) == ["input_ids", "token_type_ids", "attention_mask"]
    without = tokenizer.pad(tokenizer("a"), return_attention_mask=False)
    assert list(without) == ["input_ids", "token_type_ids"]


@pytest.mark.parametrize("side", ["right", "left"])
def test_labels_of_tokens_are_padded_with_what_losses_leave_out(
    tokenizer: AlbertTokenizer, side: Any
) -> None:
    encodings = [
        {"input_ids": [2, 5, 3], "labels": [-100, 1, -100]},
        {"input_ids": [2, 3], "labels": [-100, 7]},
    ]
    labels = tokenizer.pad(encodings, padding_side=side, return_tensors="np").labels
    assert labels[1].tolist() == ([-100, 7, -100] if side == "right" else [-100, -100, 7])


@pytest.mark.parametrize(("labels", "dtype"), [([1, 0], "int64"), ([0.5, 0.0], "float32")])
def test_labels_of_texts_are_left_as_they_are(
    tokenizer: AlbertTokenizer, labels: list[float], dtype: str
) -> None:
    encodings = [
        {**tokenizer(text), "labels": label}
        for text, label in zip(("a", "the model"), labels, strict=True)
    ]
    padded = tokenizer.pad(encodings, return_tensors="np")
    assert (padded.labels.tolist(), str(padded.labels.dtype)) == (labels, dtype)


def test_padding_on_the_left(tokenizer: AlbertTokenizer, spiece: Path) -> None:
    left = AlbertTokenizer(spiece, padding_side="left")
    options: dict[str, Any] = {"padding": True, "return_offsets_mapping": True}
    for encoded in (
        left(["model", "the model"], **options),
        tokenizer(["model", "the model"], padding_side="left", **options),
    ):
        width = len(encoded.input_ids[1])
        assert encoded.tokens(0) == ["<pad>"] * (width - 3) + ["[CLS]", "▁model", "[SEP]"]
        assert encoded.attention_mask[0] == [0] * (width - 3) + [1] * 3
        assert encoded.offset_mapping[0][-2:] == [(0, 5), (0, 0)]
        assert encoded.word_ids(0)[-3:] == [None, 0, None]
        assert encoded.char_to_token(0, 2) == width - 2


def test_what_is_not_wanted_is_left_out(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer("a", return_token_type_ids=False, return_attention_mask=False)
    assert list(encoded) == ["input_ids"]
    assert list(tokenizer("a", return_token_type_ids=True)) == list(tokenizer("a"))


def test_tensors_of_tensorflow_need_it(
    tiny_tokenizer: AlbertTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    problem = r"return_tensors='tf' cannot be used: .*pip install 'albertlm\[tensorflow\]'"
    with pytest.raises(ModuleNotFoundError, match=problem):
        tiny_tokenizer("a", return_tensors="tf")
