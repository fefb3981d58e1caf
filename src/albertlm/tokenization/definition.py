"""A `tokenizer.json`: what rules it has, and its form for a vocabulary of SentencePiece.

The released ALBERT models' form has rules that this package computes itself. A file with any other
rules is obeyed through `tokenizers`.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from albertlm import protobuf
from albertlm.settings import check
from albertlm.tokenization import model_file
from albertlm.tokenization.model_file import ModelFile
from albertlm.tokenization.segmenter import SPACE
from albertlm.tokenization.special_tokens import ALBERT, AddedToken, SpecialTokens

Definition = dict[str, Any]

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4
"""Types of pieces in a `spiece.model`."""

_METASPACE = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}
_QUOTES = [
    {"type": "Replace", "pattern": {"String": quotes}, "content": '"'} for quotes in ("``", "''")
]
_NO_ACCENTS = [{"type": "NFKD"}, {"type": "StripAccents"}]
_LOWER_CASE = {"type": "Lowercase"}
_ONE_SPACE = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
"""Written by transformers 4; spaces separate words in any case."""

_CHARACTER_MAP = "precompiled_charsmap"


class Rules(NamedTuple):
    """What becomes of capitals and accents."""

    do_lower_case: bool
    keep_accents: bool


def read(path: Path) -> Definition:
    """The content of a `tokenizer.json`.

    Raises:
        ValueError: the file is not JSON, or defines no tokenizer.
    """
    try:
        definition = json.loads(path.read_text(encoding="utf-8"))
        _ = added_tokens(definition), pieces(definition), rules_of(definition)
        _check_replacements(definition)
    except (
        *(ArithmeticError, AttributeError, LookupError),
        *(RecursionError, TypeError, ValueError),
    ) as error:
        raise ValueError(
            f"{path} contains no tokenizer ({type(error).__name__}: {error}); "
            "fetch or write it again"
        ) from None
    result: Definition = definition
    return result


def added_tokens(definition: Definition) -> dict[int, AddedToken]:
    """The added tokens by their ids."""
    return {int(each["id"]): AddedToken.read(each) for each in definition["added_tokens"]}


def pieces(definition: Definition) -> list[str]:
    """The pieces by id, without the added tokens."""
    vocabulary = definition["model"]["vocab"]
    if isinstance(vocabulary, dict):
        return sorted(vocabulary, key=vocabulary.__getitem__)
    return [piece for piece, _ in vocabulary]


def rules_of(definition: Definition) -> Rules:
    """What the normalizer does to capitals and accents."""
    steps = list(_steps(definition.get("normalizer")))
    of_bert = [step for step in steps if step["type"] == "BertNormalizer"]
    lower = _LOWER_CASE in steps or any(step["lowercase"] for step in of_bert)
    strips = {"type": "StripAccents"} in steps or any(
        lower if step["strip_accents"] is None else step["strip_accents"] for step in of_bert
    )
    return Rules(lower, keep_accents=not strips)


def is_released_form(definition: Definition) -> bool:
    """Whether the rules are those of the released models, apart from capitals and accents."""
    model = definition["model"]
    if model.get("type", "Unigram") != "Unigram" or model.get("byte_fallback"):
        return False
    steps = [
        {"type": "Precompiled"} if step["type"] == "Precompiled" else step
        for step in _steps(definition.get("normalizer"))
    ]
    lower, keep_accents = rules_of(definition)
    expected = _QUOTES + _NO_ACCENTS * (not keep_accents) + [_LOWER_CASE] * lower
    optional = [{"type": "Precompiled"}, _ONE_SPACE]
    rest = steps[len(expected) :]
    if steps[: len(expected)] != expected or rest != [each for each in optional if each in rest]:
        return False
    split = definition.get("pre_tokenizer") or {}
    words, *marks = split.get("pretokenizers") or [None]
    return words == {"type": "WhitespaceSplit"} and list(map(_current, marks)) == [_METASPACE]


def check_template(definition: Definition, special: SpecialTokens, path: Path) -> None:
    """Refuse a definition that puts other tokens around texts than `[CLS]` and `[SEP]`.

    Raises:
        ValueError: a text or a pair would get others.
    """
    found = definition.get("post_processor")
    if not found:
        return
    if found["type"] == "BertProcessing":
        right = (found["cls"][0], found["sep"][0]) == (special.cls, special.sep)
    else:
        expected = template(special, {special.cls: 0, special.sep: 0})
        right = all(found.get(name) == expected[name] for name in ("type", "single", "pair"))
    if not right:
        raise ValueError(
            f"{path} does not put {special.cls} before a text, {special.sep} after it and after "
            f"its pair ({found['type']}), which ALBERT needs; its special tokens may have other "
            "names, which tokenizer_config.json has to give"
        )


def to_model(definition: Definition, path: Path) -> ModelFile:
    """The `spiece.model` that a definition of the released form was made from.

    Raises:
        ValueError: the vocabulary is damaged.

    Source: sentencepiece_model.proto for the field numbers.
    """
    try:
        vocabulary = definition["model"]["vocab"]
        unknown = definition["model"]["unk_id"]
        check(unknown in range(len(vocabulary)), f"below {len(vocabulary)}", unk_id=unknown)
        special = {token["content"] for token in definition["added_tokens"] if token["special"]}
        kinds = {
            piece: _kind(token_id == unknown, piece in special, score)
            for token_id, (piece, score) in enumerate(vocabulary)
        }
        content = b"".join(
            protobuf.field(
                model_file.PIECES,
                protobuf.field(1, piece.encode())
                + protobuf.field(2, _finite(score))
                + protobuf.field(3, kinds[piece]),
            )
            for piece, score in vocabulary
        )
        character_map = _character_map(definition)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} contains no unigram vocabulary ({type(error).__name__}: {error}); "
            "put the model's spiece.model beside it"
        ) from None
    trainer = (
        protobuf.field(model_file.MODEL_TYPE, 1)  # unigram
        + protobuf.field(4, len(kinds))
        + b"".join(
            protobuf.field(model_file.USER_DEFINED, piece.encode())
            for piece, kind in kinds.items()
            if kind == _USER_DEFINED
        )
        + protobuf.field(40, unknown)
        + protobuf.field(41, -1)  # no tokens for the beginning and the end of a text
        + protobuf.field(42, -1)
        + protobuf.field(43, 0)
    )
    name = b"nmt_nfkc" if character_map else b"identity"
    normalizer = protobuf.field(1, name) + protobuf.field(2, character_map)
    content += protobuf.field(model_file.TRAINER, trainer)
    return ModelFile.parse(content + protobuf.field(model_file.NORMALIZER, normalizer), path)


def is_plain(model: ModelFile) -> bool:
    """Whether the most probable pieces are taken, and unknown characters become `<unk>`."""
    return model.algorithm in ("unigram", "char") and not model.byte_pieces


def tokenizer_class(model: ModelFile) -> str:
    """The class of transformers that reads the definition of a vocabulary as it is."""
    is_alberts = is_plain(model) and model.processor.unk_id() == ALBERT.index(ALBERT.unk)
    return "AlbertTokenizer" if is_alberts else "PreTrainedTokenizerFast"


def from_model(
    model: ModelFile, rules: Rules, special: SpecialTokens, added: Mapping[int, AddedToken]
) -> Definition:
    """The content of `tokenizer.json`, in the form that the released models have.

    Raises:
        ValueError: the form cannot say what SentencePiece does with this vocabulary.
    """
    check_form(model)
    pieces = {piece: token_id for token_id, piece in enumerate(model.pieces)}
    pieces |= {token.content: token_id for token_id, token in added.items()}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": token_id, **added[token_id]._asdict()} for token_id in sorted(added)
        ],
        "normalizer": _normalizer(model, rules),
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, _METASPACE],
        },
        "post_processor": template(special, pieces),
        "decoder": _decoder() if model.byte_pieces else _METASPACE,
        "model": _bpe(model) if model.algorithm == "bpe" else _unigram(model),
    }


def check_form(model: ModelFile) -> None:
    """Refuse a vocabulary with which SentencePiece does what no `tokenizer.json` can say.

    Raises:
        ValueError: it is such a vocabulary.
    """
    if model.algorithm == "word":
        what = "has whole words as its pieces"
    elif not model.has_prefix:
        what = "does not begin each word with `▁`"
    elif any(SPACE in piece[1:] and SPACE in piece.strip(SPACE) for piece in model.pieces):
        what = "has pieces of several words"
    elif model.algorithm == "bpe" and any(len(piece) > 1 for piece in model.user_defined):
        what = "is of byte pairs and has given pieces of several characters"
    else:
        return
    raise ValueError(
        f"the vocabulary {what}, which no tokenizer.json can say, so it cannot be saved, nor used "
        "in hub mode; train it with the default options"
    )


def _steps(normalizer: Definition | None) -> Iterator[Definition]:
    """The steps of a normalizer, one after the other."""
    if normalizer and normalizer["type"] == "Sequence":
        for step in normalizer["normalizers"]:
            yield from _steps(step)
    elif normalizer:
        yield normalizer


def _current(metaspace: Definition) -> Definition:
    """A Metaspace in the form of today, whichever version of `tokenizers` wrote it."""
    if metaspace["type"] != "Metaspace":
        return metaspace
    begun = metaspace.get("add_prefix_space", metaspace.get("prepend_scheme") == "always")
    return {
        "type": "Metaspace",
        "replacement": metaspace.get("replacement"),
        "prepend_scheme": metaspace.get("prepend_scheme", "always" if begun else "never"),
        "split": metaspace.get("split", True),
    }


def _check_replacements(definition: Definition) -> None:
    """Refuse what `tokenizers` cannot compute."""
    for step in _steps(definition.get("normalizer")):
        if step["type"] == "Replace" and "" in step["pattern"].values():
            raise ValueError("it replaces an empty text")


def _kind(is_unknown: bool, is_special: bool, score: float) -> int:
    if is_unknown:
        return _UNKNOWN
    if is_special:
        return _CONTROL
    return _USER_DEFINED if score == 0 else _NORMAL


def _finite(score: float) -> float:
    if not math.isfinite(score):
        raise ValueError(f"{score} is the score of a piece")
    return float(score)


def _character_map(definition: Definition) -> bytes:
    for step in _steps(definition.get("normalizer")):
        if step["type"] == "Precompiled":
            return base64.b64decode(step[_CHARACTER_MAP])
    return b""


def _normalizer(model: ModelFile, rules: Rules) -> Definition:
    steps: list[Definition] = [*_QUOTES]
    if not rules.keep_accents:
        steps += _NO_ACCENTS
    if rules.do_lower_case:
        steps.append(_LOWER_CASE)
    if character_map := model.character_map():
        encoded = base64.b64encode(character_map).decode("ascii")
        steps.append({"type": "Precompiled", _CHARACTER_MAP: encoded})
    return {"type": "Sequence", "normalizers": steps}


def _unigram(model: ModelFile) -> Definition:
    return {
        "type": "Unigram",
        "unk_id": model.processor.unk_id(),
        "vocab": list(zip(model.pieces, model.scores(), strict=True)),
        "byte_fallback": bool(model.byte_pieces),
    }


def _bpe(model: ModelFile) -> Definition:
    """Pairs are merged in the order of the scores of what they become, as SentencePiece does."""
    ids = {piece: token_id for token_id, piece in enumerate(model.pieces)}
    learnt = set(model.learnt_pieces)
    merges = [
        (ids[piece], ids[piece[:at]], ids[piece[at:]])
        for piece in learnt
        for at in range(1, len(piece))
        if piece[:at] in learnt and piece[at:] in learnt
    ]
    scores = model.scores()
    merges.sort(key=lambda merge: (-scores[merge[0]], merge[1:]))
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": model.unk_token,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": bool(model.byte_pieces),
        "ignore_merges": False,
        "vocab": ids,
        "merges": [[model.pieces[first], model.pieces[second]] for _, first, second in merges],
    }


def _decoder() -> Definition:
    """A decoder that joins bytes to characters."""
    spaces = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    first = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    steps = [spaces, {"type": "ByteFallback"}, {"type": "Fuse"}, first]
    return {"type": "Sequence", "decoders": steps}


def template(special: SpecialTokens, ids: Mapping[str, int]) -> Definition:
    def token(piece: str, type_id: int) -> Definition:
        return {"SpecialToken": {"id": piece, "type_id": type_id}}

    def sequence(name: str, type_id: int) -> Definition:
        return {"Sequence": {"id": name, "type_id": type_id}}

    single = [token(special.cls, 0), sequence("A", 0), token(special.sep, 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, sequence("B", 1), token(special.sep, 1)],
        "special_tokens": {
            piece: {"id": piece, "ids": [ids[piece]], "tokens": [piece]}
            for piece in (special.cls, special.sep)
        },
    }
