"""What a call returns: words, characters and tokens, compared with transformers."""

import pickle
from typing import Any

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization.batch_encoding import BatchEncoding

WORDS = ["the", "a", "model", "modeling", "1999,", "café", "[MASK]", ".", "town-river"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=6)


def test_word_ids_continue_in_later_windows(tokenizer: AlbertTokenizer) -> None:
    text = " ".join(["model"] * 9)
    encoded = tokenizer(
        text, max_length=6, stride=1, truncation=True, return_overflowing_tokens=True
    )
    assert encoded.word_ids(0) == [None, 0, 1, 2, 3, None]
    assert encoded.word_ids(1) == [None, 3, 4, 5, 6, None]
    assert encoded.overflow_to_sample_mapping == [0, 0, 0]


def test_words_and_sequences(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer(["modeling model", "a"], ["a cafe", "the"], padding=True)
    words, sequences = encoded.word_ids(0), encoded.sequence_ids(0)
    pieces = encoded.tokens(0)
    assert pieces == tokenizer.convert_ids_to_tokens(encoded.input_ids[0])
    first_of_pair = pieces.index("[SEP]") + 1
    starts = [index for index, piece in enumerate(pieces) if piece.startswith("▁")]
    assert [words[index] for index in starts] == [0, 1, 0, 1]
    assert words[0] is words[-1] is sequences[0] is None
    assert sequences[first_of_pair:-1] == [1] * (len(pieces) - first_of_pair - 1)
    assert len(encoded.word_ids(1)) == len(encoded.input_ids[1])
    assert encoded.tokens(1)[-1] == "<pad>"
    with pytest.raises(ValueError, match="there is no row 2; the encoding has 2"):
        encoded.word_ids(2)


@settings(deadline=None)
@given(first=TEXTS, second=st.none() | TEXTS, side=st.sampled_from(["left", "right"]))
def test_the_methods_are_those_of_transformers(
    hub_tokenizer: AlbertTokenizer,
    transformers_tokenizer: transformers.PreTrainedTokenizerBase,
    first: list[str],
    second: list[str] | None,
    side: str,
) -> None:
    texts = [" ".join(first), "a"]
    pairs = None if second is None else [" ".join(second), "the"]
    options: dict[str, Any] = {"padding": True, "padding_side": side}
    ours, theirs = (
        each(texts, pairs, **options) for each in (hub_tokenizer, transformers_tokenizer)
    )
    for row in (0, 1):
        assert ours.tokens(row) == theirs.tokens(row)
        assert ours.word_ids(batch_index=row) == theirs.word_ids(batch_index=row)
        assert ours.sequence_ids(row) == theirs.sequence_ids(row)
        for token, piece in enumerate(ours.tokens(row)):
            assert ours.token_to_word(row, token) == theirs.token_to_word(row, token)
            if ours.word_ids(row)[token] is not None:
                sequence = ours.sequence_ids(row)[token]
                assert ours.token_to_sequence(row, token) == sequence
                if piece != "▁":
                    assert ours.token_to_chars(row, token) == theirs.token_to_chars(row, token)
        for sequence, texts_of in enumerate([texts] if pairs is None else [texts, pairs]):
            for char in range(len(texts_of[row])):
                found = ours.char_to_token(row, char, sequence)
                expected: Any = theirs.char_to_token(row, char, sequence)
                if found is None:
                    assert texts_of[row][char] == " "
                elif ours.tokens(row)[expected] != "▁":
                    assert found == expected
                    word: Any = theirs.char_to_word(row, char, sequence)
                    assert ours.char_to_word(row, char, sequence) == word
                    tokens: Any = theirs.word_to_tokens(row, word, sequence)
                    assert ours.word_to_tokens(row, word, sequence) == (tokens.start, tokens.end)


def test_a_position_alone_is_one_of_the_first_row(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer("the model")
    token = encoded.tokens().index("▁model")
    assert encoded.char_to_token(4) == token
    assert encoded.token_to_chars(token) == (4, 9)
    assert encoded.token_to_word(token) == encoded.char_to_word(5) == 1
    assert encoded.word_to_tokens(1) == (token, token + 1)
    assert encoded.word_to_chars(1) == (4, 9)
    for nothing in (
        *(encoded.token_to_sequence(0), encoded.token_to_chars(0), encoded.token_to_word(0)),
        *(encoded.char_to_token(3), encoded.char_to_word(3)),
        *(encoded.word_to_tokens(7), encoded.word_to_chars(7)),
    ):
        assert nothing is None


def test_texts_that_are_split_into_words(
    hub_tokenizer: AlbertTokenizer, transformers_tokenizer: transformers.PreTrainedTokenizerBase
) -> None:
    texts = [["the", "modeling,", "", "[MASK]", "town river"], ["a"]]
    pairs = [["café"], ["model", "1999,or"]]
    options: dict[str, Any] = {"is_split_into_words": True}
    calls: list[tuple[Any, Any]] = [
        *((texts, None), (texts, pairs), (texts[0], None), (texts[0], pairs[0]))
    ]
    for first, second in calls:
        ours = hub_tokenizer(first, second, **options)
        theirs = transformers_tokenizer(first, second, **options)
        assert dict(ours) == dict(theirs)
        assert ours.word_ids() == theirs.word_ids()


def test_spans_lie_within_the_words_that_were_given(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer(["a", "modeling"], is_split_into_words=True, return_offsets_mapping=True)
    assert encoded.word_ids() == [None, *[0] * 2, *[1] * (len(encoded.input_ids) - 4), None]
    assert encoded.offset_mapping[-2][1] == len("modeling")
    assert encoded.input_ids == tokenizer("a modeling").input_ids


@pytest.mark.parametrize("with_offsets", [True, False])
def test_an_encoding_knows_its_texts_in_another_process(
    tokenizer: AlbertTokenizer, with_offsets: bool
) -> None:
    encoded = tokenizer(
        ["in 1999, [MASK]. é", "the model"], padding=True, return_offsets_mapping=with_offsets
    )
    content = pickle.dumps(encoded)
    assert len(content) < 3000
    copy = pickle.loads(content)
    assert copy == encoded
    for row in (0, 1):
        assert copy.word_ids(row) == encoded.word_ids(row)
        assert copy.tokens(row) == encoded.tokens(row)
        assert copy.char_to_token(row, 4) == encoded.char_to_token(row, 4)
    assert copy.input_ids == pickle.loads(pickle.dumps(copy)).input_ids


def test_tensors_move_to_a_device(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer("the model", return_tensors="pt").to("meta")
    assert {value.device.type for value in encoded.values()} == {"meta"}


def test_an_encoding_says_what_it_has(tokenizer: AlbertTokenizer) -> None:
    with pytest.raises(AttributeError, match="no 'labels'; it has input_ids, token_type_ids"):
        _ = tokenizer("a").labels
    with pytest.raises(ValueError, match="an encoding that was padded from others does not know"):
        BatchEncoding({"input_ids": [[2]]}).tokens()
