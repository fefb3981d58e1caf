"""BERT's vocabularies: a `vocab.txt` of word pieces, as most Chinese and Korean ALBERTs have it."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from albertlm.tokenization.definition import Definition
from albertlm.tokenization.segmenter import SPACE

VOCAB_FILE = "vocab.txt"

CONTINUATION = "##"
"""A piece that begins with it continues a word."""

_LONGEST_WORD = 100
"""In characters; a longer word is unknown."""


def read(path: Path) -> list[str]:
    """The pieces in a `vocab.txt`, one per line.

    Raises:
        ValueError: the file is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            return [line.removesuffix("\n") for line in lines]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 ({error.reason}); fetch it again") from None


def spell(pieces: Sequence[str], special: Collection[str]) -> list[str]:
    """The pieces as SentencePiece spells them: `▁the` for `the`, and `ing` for `##ing`.

    Punctuation marks and Chinese characters get no `▁`, since BERT's rules separate them anyway.
    Pieces of SentencePiece are returned as they are.

    Args:
        pieces: a vocabulary.
        special: pieces that stay as they are.
    """
    if any(SPACE in piece for piece in pieces) or not any(map(continues, pieces)):
        return list(pieces)
    return [
        piece
        if piece in special
        else piece.removeprefix(CONTINUATION)
        if continues(piece)
        else f"{SPACE}{piece}"
        if piece[:1].isalnum() and not unicodedata.name(piece[0], "").startswith("CJK")
        else piece
        for piece in pieces
    ]


def continues(piece: str) -> bool:
    """Whether a piece continues a word."""
    return piece.startswith(CONTINUATION) and piece != CONTINUATION


def write(rules: Definition) -> bytes:
    """The content of the `vocab.txt` that a definition was made from."""
    vocabulary: dict[str, int] = rules["model"]["vocab"]
    lines = [""] * (max(vocabulary.values()) + 1)
    for piece, token_id in vocabulary.items():
        lines[token_id] = piece
    return "".join(f"{line}\n" for line in lines).encode()


def define(
    pieces: list[str],
    unk_token: str,
    do_lower_case: bool,
    keep_accents: bool | None,
    tokenize_chinese_chars: bool,
) -> Definition:
    """The `tokenizer.json` of a BERT.

    Args:
        pieces: the vocabulary.
        unk_token: the piece for unknown words.
        do_lower_case: lower-case the text.
        keep_accents: keep combining marks; by default those of a cased vocabulary.
        tokenize_chinese_chars: make each Chinese character a word.
    """
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": tokenize_chinese_chars,
        "strip_accents": None if keep_accents is None else not keep_accents,
        "lowercase": do_lower_case,
    }
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": CONTINUATION, "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": unk_token,
            "continuing_subword_prefix": CONTINUATION,
            "max_input_chars_per_word": _LONGEST_WORD,
            "vocab": {piece: token_id for token_id, piece in enumerate(pieces)},
        },
    }


def is_bert(rules: Definition) -> bool:
    """Whether a definition has BERT's rules, apart from the options."""
    model, normalizer = rules["model"], rules.get("normalizer") or {}
    return (
        model.get("type") == "WordPiece"
        and model.get("continuing_subword_prefix") == CONTINUATION
        and model.get("max_input_chars_per_word") == _LONGEST_WORD
        and normalizer.get("type") == "BertNormalizer"
        and normalizer.get("clean_text") is True
        and rules.get("pre_tokenizer") == {"type": "BertPreTokenizer"}
    )


def settings(rules: Definition) -> dict[str, Any]:
    """What transformers has to know about a definition with BERT's rules."""
    normalizer = rules["normalizer"]
    return {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": normalizer["lowercase"],
        "strip_accents": normalizer["strip_accents"],
        "tokenize_chinese_chars": normalizer["handle_chinese_chars"],
    }


def change(rules: Definition, options: Mapping[str, bool]) -> Definition:
    """The definition with other options of BERT: those of `define`, as far as they are given."""
    changed = {
        "lowercase": options.get("do_lower_case"),
        "strip_accents": not options["keep_accents"] if "keep_accents" in options else None,
        "handle_chinese_chars": options.get("tokenize_chinese_chars"),
    }
    given = {name: value for name, value in changed.items() if value is not None}
    return {**rules, "normalizer": rules["normalizer"] | given}
