"""Added tokens in texts, compared with `tokenizers`."""

import unicodedata

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization.added_tokens import AddedTokens
from albertlm.tokenization.normalization import Aligned, GoogleNormalizer
from albertlm.tokenization.special_tokens import AddedToken

CONTENTS = ["ab", "abc", "Bc", "<x>", "[M]", "中", "a b", "é", "."]
PARTS = [*CONTENTS, "a", "b", "c", " ", "  ", "AB", "e\u0301", "x", "1", "½", "_"]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=9).map("".join)


def found(tokens: dict[int, AddedToken], text: str) -> list[tuple[str, int | None]]:
    added = AddedTokens(GoogleNormalizer().align)
    added.add(tokens)
    parts = list(added.split(text))
    assert [start for start, _, _ in parts[1:]] == [end for _, end, _ in parts[:-1]]
    assert added.are_in(text) == any(token_id is not None for _, _, token_id in parts)
    return [(text[start:end], token_id) for start, end, token_id in parts if start < end]


@pytest.mark.parametrize(
    ("token", "text", "parts"),
    [
        (
            AddedToken("<x>", normalized=False),
            "a <x> <X>",
            [("a ", None), ("<x>", 7), (" <X>", None)],
        ),
        (AddedToken("New"), "a nEW é", [("a ", None), ("nEW", 7), (" é", None)]),
        (AddedToken("café"), "CAFE\u0301s", [("CAFE\u0301", 7), ("s", None)]),
        (AddedToken("ab", single_word=True), "cab ab", [("cab ", None), ("ab", 7)]),
        (AddedToken("ab", normalized=False), "abab", [("ab", 7), ("ab", 7)]),
        (AddedToken("ab"), "", []),
    ],
)
def test_examples(token: AddedToken, text: str, parts: list[tuple[str, int | None]]) -> None:
    assert found({7: token}, text) == parts


def test_the_longest_of_those_that_begin_first_is_found() -> None:
    tokens = {1: AddedToken("ab", normalized=False), 2: AddedToken("abc", normalized=False)}
    tokens[3] = AddedToken("bcd", normalized=False)
    assert found(tokens, "abcd") == [("abc", 2), ("d", None)]


def test_the_characters_of_words_are_those_of_tokenizers() -> None:
    """Of those that this Python's Unicode knows."""
    library = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    library.add_tokens([tokenizers.AddedToken("ab", single_word=True, normalized=False)])
    added = AddedTokens(Aligned.identical)
    added.add({1: AddedToken("ab", single_word=True, normalized=False)})
    characters = [
        *map(chr, range(0x3100)),
        *(chr(code) for code in range(0x3100, 0x20000, 7) if not 0xD800 <= code < 0xE000),
        *map(chr, range(0x1F100, 0x1F200)),
    ]
    known = [each for each in characters if unicodedata.category(each) != "Cn"]
    for texts in ([f"{each}ab" for each in known], [f"ab{each}" for each in known]):
        expected = [1 in encoded.ids for encoded in library.encode_batch(texts)]
        assert [added.are_in(text) for text in texts] == expected


def test_texts_without_them_are_recognised() -> None:
    added = AddedTokens(Aligned.identical)
    assert not added.are_in("<x>")
    added.add({number: AddedToken(f"{number}!", normalized=False) for number in range(9)})
    assert added.are_in("3!")
    assert not added.are_in("33")


@given(
    contents=st.lists(st.sampled_from(CONTENTS), unique=True, min_size=1, max_size=4),
    special=st.booleans(),
    single=st.lists(st.booleans(), min_size=4, max_size=4),
    text=TEXTS,
)
def test_the_ids_are_those_of_tokenizers(
    hub_tokenizer: AlbertTokenizer,
    contents: list[str],
    special: bool,
    single: list[bool],
    text: str,
) -> None:
    ours = AlbertTokenizer(hub_tokenizer.vocab_file, hub_mode=True)
    peer = tokenizers.Tokenizer.from_str(
        ours._encoder.files(ours._special)["tokenizer.json"].decode()
    )
    tokens = [
        tokenizers.AddedToken(each, special=special, single_word=alone)
        for each, alone in zip(contents, single, strict=False)
    ]
    ours.add_tokens(tokens)
    (peer.add_special_tokens if special else peer.add_tokens)(tokens)
    expected = peer.encode(text)
    encoded = ours(text)
    assert encoded.input_ids == expected.ids
    assert encoded.word_ids() == expected.word_ids
