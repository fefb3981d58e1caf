"""From the file of a vocabulary to what encodes texts with it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from albertlm import storage
from albertlm.tokenization import definition, wordpiece
from albertlm.tokenization.definition import Definition, Rules
from albertlm.tokenization.encoder import Encoder
from albertlm.tokenization.library_encoder import LibraryEncoder
from albertlm.tokenization.model_file import read_model
from albertlm.tokenization.piece_encoder import PieceEncoder
from albertlm.tokenization.special_tokens import AddedToken, SpecialTokens

VOCABULARY_SUFFIXES = (".model", ".json", ".txt")
"""How the names of vocabularies end."""


class Options(NamedTuple):
    """How a vocabulary is used; None stands for what the vocabulary itself demands."""

    do_lower_case: bool | None = None
    keep_accents: bool | None = None
    hub_mode: bool = False
    tokenize_chinese_chars: bool | None = None


def open_encoder(
    path: Path, options: Options, names: Mapping[str, str], added: Sequence[AddedToken]
) -> tuple[Encoder, SpecialTokens]:
    """Read a `spiece.model`, a `tokenizer.json` or a `vocab.txt`.

    Args:
        path: the file.
        options: how it is used.
        names: the special tokens that have other names than in ALBERT and BERT, by `cls_token`
            and so on.
        added: tokens beside the vocabulary, and those in it that are found in texts.

    Raises:
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: only `tokenizers` could read it.
        ValueError: it is damaged, lacks special tokens, or cannot be used in this way.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no vocabulary {path}; fetch the one that belongs to the model, or train one "
            "for a new model (`albertlm vocab`)"
        )
    with storage.parsing(path):
        return _open_checked(path, options, names, added)


def _open_checked(
    path: Path, options: Options, names: Mapping[str, str], added: Sequence[AddedToken]
) -> tuple[Encoder, SpecialTokens]:
    rules = definition.read(path) if path.suffix == ".json" else None
    encoder = _open(path, rules, options, names)
    encoder.add(added)
    special = SpecialTokens.of_vocabulary(encoder.pieces, names)
    missing = [token for token in special if token not in encoder.pieces]
    if missing:
        raise ValueError(
            f"{path} has no piece {missing[0]!r}, so it is not an ALBERT vocabulary; fetch the "
            "one that belongs to the model, or train one (`albertlm vocab`)"
        )
    if rules is not None:
        definition.check_template(rules, special, path)
    known = {token.content for token in encoder.added_tokens.values()}
    encoder.add([AddedToken.of_special(each) for each in special if each not in known])
    return encoder, special


def _open(
    path: Path, rules: Definition | None, options: Options, names: Mapping[str, str]
) -> Encoder:
    if rules is not None and not definition.is_released_form(rules):
        return LibraryEncoder(_with_options(rules, options, path), path)
    if path.suffix == ".txt":
        pieces = wordpiece.read(path)
        return LibraryEncoder(
            wordpiece.define(
                pieces,
                SpecialTokens.of_vocabulary(pieces, names).unk,
                _choose(options.do_lower_case, not _has_capitals(pieces)),
                options.keep_accents,
                _choose(options.tokenize_chinese_chars, True),
            ),
            path,
        )
    model = read_model(path) if rules is None else definition.to_model(rules, path)
    if options.do_lower_case is not None and options.keep_accents is not None:
        used = Rules(options.do_lower_case, options.keep_accents)
    else:
        demanded = _demanded(model.learnt_pieces) if rules is None else definition.rules_of(rules)
        used = Rules(*map(_choose, options, demanded))
    if options.hub_mode:
        definition.check_form(model)
    if options.hub_mode and not definition.is_plain(model):
        special = SpecialTokens.of_vocabulary(model.pieces, names)
        return LibraryEncoder(definition.from_model(model, used, special, {}), path)
    encoder = PieceEncoder(model, used, options.hub_mode)
    if rules is not None:
        encoder.add([token for _, token in sorted(definition.added_tokens(rules).items())])
    return encoder


def _with_options(rules: Definition, options: Options, path: Path) -> Definition:
    """The rules of a file that is obeyed, with BERT's options changed where it is a BERT's."""
    given = {name: value for name, value in options._asdict().items() if value is not None}
    if wordpiece.is_bert(rules):
        return wordpiece.change(rules, given)
    for name, value in definition.rules_of(rules)._asdict().items():
        if given.get(name, value) != value:
            raise ValueError(
                f"{name}={given[name]} is not allowed: {path} has rules of its own, which say "
                f"{name}={value}; leave it out"
            )
    return rules


def _demanded(pieces: list[str]) -> Rules:
    return Rules(not _has_capitals(pieces), keep_accents=_has_marks(pieces))


def _choose(given: bool | None, demanded: bool) -> bool:
    return demanded if given is None else given


def _has_capitals(pieces: Iterable[str]) -> bool:
    """Whether the vocabulary comes from texts that were not lower-cased."""
    return any(
        unicodedata.category(letter) == "Lu" and letter == unicodedata.normalize("NFKC", letter)
        for piece in pieces
        if piece != piece.lower() and not _looks_special(piece)
        for letter in piece
    )


def _has_marks(pieces: Iterable[str]) -> bool:
    """Whether the vocabulary comes from texts whose accents were kept."""
    return any(
        any(map(unicodedata.combining, unicodedata.normalize("NFKD", piece)))
        for piece in pieces
        if not piece.isascii()
    )


def _looks_special(piece: str) -> bool:
    return (piece[:1], piece[-1:]) in {("[", "]"), ("<", ">")}
