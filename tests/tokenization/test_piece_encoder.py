"""Vocabularies of every kind that SentencePiece trains, compared with SentencePiece."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece

from albertlm import AlbertTokenizer
from albertlm.tokenization.definition import Rules
from albertlm.tokenization.model_file import read_model
from albertlm.tokenization.piece_encoder import PieceEncoder

FLAGS = [
    {},
    {"model_type": "bpe"},
    {"model_type": "word"},
    {"model_type": "char"},
    {"byte_fallback": True},
    {"model_type": "bpe", "byte_fallback": True},
    {"treat_whitespace_as_suffix": True},
    {"add_dummy_prefix": False},
    {"split_by_whitespace": False},
    {"normalization_rule_name": "identity"},
]
TEXTS = ["the models of a (river) town.", "漢字 x-rays, 🙂!", "", "a", " the  model "]


@pytest.mark.parametrize("flags", FLAGS, ids=str)
def test_ids_and_text_are_those_of_sentencepiece(train: Any, flags: dict[str, Any]) -> None:
    path = train(**flags)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    tokenizer = AlbertTokenizer(path)
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert ids == processor.encode(" ".join(text.split()))
        assert ids == tokenizer.encode_corpus([text])[0].tolist()
        if processor.unk_id() not in ids:
            assert tokenizer.decode(ids) == processor.decode(ids).strip()


@pytest.mark.parametrize("flags", FLAGS, ids=str)
def test_spans_are_the_characters_of_the_pieces(train: Any, flags: dict[str, Any]) -> None:
    tokenizer = AlbertTokenizer(train(**flags))
    text = "the models of a  (river) town."
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    for piece, (start, end) in zip(encoded.tokens(), encoded.offset_mapping, strict=True):
        if not piece.startswith("<"):
            assert text[start:end].replace("  ", " ") == piece.strip("▁").replace("▁", " ")


def test_bytes_are_decoded_and_located_as_characters(train: Any) -> None:
    tokenizer = AlbertTokenizer(train(byte_fallback=True))
    text = "the 漢字"
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    assert "<0xE6>" in encoded.tokens()
    assert tokenizer.decode(encoded.input_ids) == text
    assert tokenizer.decode(encoded.input_ids[:-1]) == "the 漢\ufffd"
    spans = encoded.offset_mapping
    assert [text[start:end] for start, end in spans[-6:]] == ["漢"] * 3 + ["字"] * 3
    assert encoded.word_ids()[-6:] == [1] * 6


def test_words_end_with_the_mark_in_a_vocabulary_with_suffixes(train: Any) -> None:
    tokenizer = AlbertTokenizer(train(treat_whitespace_as_suffix=True))
    encoded = tokenizer("the models town", add_special_tokens=False)
    ends = [piece.endswith("▁") for piece in encoded.tokens()]
    assert encoded.word_ids() == np.cumsum([0, *ends[:-1]]).tolist()


@pytest.mark.parametrize("hub_mode", [True, False])
@pytest.mark.parametrize(
    "invisible",
    [
        *"\u200b\u200c\u200d\u200e\u200f\ufeff\u00ad\u2060\x00\x01\x10\x1b\x7f\x85",
        "\x10\t",
        "\u200b \ufeff",
    ],
)
def test_spans_begin_with_a_visible_character(
    tokenizer: AlbertTokenizer, hub_tokenizer: AlbertTokenizer, hub_mode: bool, invisible: str
) -> None:
    used = hub_tokenizer if hub_mode else tokenizer
    for text in (f"a {invisible}model", f"{invisible}model", f"a [MASK] {invisible}model"):
        encoded = used(text, return_offsets_mapping=True)
        place = text.index("model")
        for piece, (start, end) in zip(encoded.tokens(), encoded.offset_mapping, strict=True):
            if piece == "▁model":
                assert (start, end) == (place, place + 5)
            elif piece not in ("<unk>", "▁"):
                assert text[start:end].isprintable()


@pytest.mark.parametrize("hub_mode", [True, False])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<unk> model a", {"<unk>": 0, "▁model": 1, "a": 2}),
        ("a <unk> model", {"a": 0, "<unk>": 1, "▁model": 2}),
        ("<unk><pad> model", {"<unk>": 0, "<pad>": 1, "▁model": 2}),
        ("☃ model", {"<unk>": 0, "▁model": 1}),
        ("a☃ model", {"<unk>": 0, "▁model": 1}),
    ],
)
def test_unknown_tokens_are_words_where_they_are_written(
    tokenizer: AlbertTokenizer,
    hub_tokenizer: AlbertTokenizer,
    hub_mode: bool,
    text: str,
    words: dict[str, int],
) -> None:
    used = hub_tokenizer if hub_mode else tokenizer
    encoded = used(text, add_special_tokens=False)
    found = dict(zip(encoded.tokens(), encoded.word_ids(), strict=True))
    assert {piece: found.get(piece, found.get(f"▁{piece}")) for piece in words} == words


@pytest.mark.parametrize(
    ("text", "like"),
    [("İyi", "iyi"), ("i̇yi", "iyi"), ("DİYARBAKIR", "diyarbakir"), ("İ́", "í"), ("x̌ İ", "x̌ i")],
)
def test_the_turkish_capital_is_an_i(train: Any, text: str, like: str) -> None:
    path = train(["iyi diyarbakir gün x̌ í"])
    tokenizer = AlbertTokenizer(path, keep_accents=True, do_lower_case=True)
    encoded = tokenizer(text, return_offsets_mapping=True)
    assert encoded.input_ids == tokenizer(like).input_ids
    assert max(end for _, end in encoded.offset_mapping) == len(text)


@pytest.mark.parametrize("text", ["café", "cafe\u0301", "CAFÉ", "Café"])
def test_accents_are_kept_where_the_vocabulary_composes_nothing(train: Any, text: str) -> None:
    path = train(["un café 한국어 naïve"] * 3, normalization_rule_name="identity")
    tokenizer = AlbertTokenizer(path, keep_accents=True, do_lower_case=True)
    assert "".join(tokenizer.tokenize(text)) == "▁café"
    encoded = tokenizer(f"{text} 한국어", add_special_tokens=False, return_offsets_mapping=True)
    pieces, spans = encoded.tokens(), encoded.offset_mapping
    assert "".join(pieces) == "▁café▁한국어"
    for piece, (start, end) in zip(pieces, spans, strict=True):
        shown = tokenizer.decode(tokenizer.encode(f"{text} 한국어"[start:end]), True)
        assert shown == piece.strip("▁")


def test_settings_and_rules(spiece: Path) -> None:
    encoder = PieceEncoder(read_model(spiece), Rules(True, keep_accents=False), hub_mode=True)
    assert encoder.settings == {
        "tokenizer_class": "AlbertTokenizer",
        "do_lower_case": True,
        "keep_accents": False,
        "hub_mode": True,
    }
    assert encoder.rules == (True, False)
