"""Counts of a vocabulary on texts, against plain ones."""

import pytest

from albertlm import AlbertTokenizer
from albertlm.tokenization.fertility import Fertility, fertility

TEXTS = ["The river town.\nA model 中 文", "don't\n\nhaha  haha", ""]


def test_counts(tokenizer: AlbertTokenizer) -> None:
    counts = fertility(tokenizer, TEXTS)
    pieces = [
        piece for text in TEXTS for line in text.split("\n") for piece in tokenizer.tokenize(line)
    ]
    words = " ".join(TEXTS).split()
    assert counts == Fertility(
        words=len(words),
        characters=len("".join(words)),
        tokens=len(pieces),
        unknown=pieces.count("<unk>"),
    )
    assert counts.unknown == 2
    assert counts.tokens_per_word == len(pieces) / len(words)
    assert counts.characters_per_token == len("".join(words)) / len(pieces)
    assert counts.unknown_share == 2 / len(pieces)


def test_counts_of_parts_add_up(tokenizer: AlbertTokenizer) -> None:
    many = TEXTS * 200
    halves = fertility(tokenizer, iter(many[:301])) + fertility(tokenizer, many[301:])
    assert halves == fertility(tokenizer, many)


def test_long_texts_are_counted_in_parts(
    tokenizer: AlbertTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fertility(tokenizer, TEXTS * 20)
    most = 0
    encode = tokenizer.encode_joined

    def watch(lines: list[str]) -> object:
        nonlocal most
        most = max(most, sum(map(len, lines)))
        return encode(lines)

    monkeypatch.setattr("albertlm.tokenization.fertility._CHARACTERS_AT_ONCE", 100)
    monkeypatch.setattr(tokenizer, "encode_joined", watch)
    assert fertility(tokenizer, TEXTS * 20) == whole
    assert 0 < most < 200


def test_nothing_is_nothing(tokenizer: AlbertTokenizer) -> None:
    nothing = fertility(tokenizer, [])
    assert nothing == Fertility()
    assert nothing.tokens_per_word == nothing.characters_per_token == nothing.unknown_share == 0


def test_one_text_is_not_texts(tokenizer: AlbertTokenizer) -> None:
    with pytest.raises(ValueError, match="texts is one string; give a list of strings"):
        fertility(tokenizer, "The river town.")
