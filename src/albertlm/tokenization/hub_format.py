"""A tokenizer's files on the hub: the vocabulary, and `tokenizer_config.json`.

From a `spiece.model` with the `tokenizer.json` and the `tokenizer_config.json` that are written
here, `tokenizers` and the `AlbertTokenizer` and `AutoTokenizer` of transformers produce the ids of
this package's hub mode. From a `spiece.model` alone, transformers 5 does not: it turns each symbol
piece (`(`, `.`, `£` and so on) into an added token, which splits words. It also omits
`token_type_ids` unless `model_input_names` lists them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albertlm import config_formats, storage
from albertlm.settings import check
from albertlm.tokenization import checks, definition, wordpiece
from albertlm.tokenization.definition import Definition
from albertlm.tokenization.model_file import read_model
from albertlm.tokenization.special_tokens import EXTRA, AddedToken, SpecialTokens

MODEL_FILE = "spiece.model"
TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"

TOKENIZER_OPTIONS = (
    "do_lower_case",
    "keep_accents",
    "hub_mode",
    "tokenize_chinese_chars",
    "model_max_length",
    "padding_side",
    "special_tokens",
    "added_tokens",
)
"""The options of `AlbertTokenizer`."""

_RULES = ("do_lower_case", "keep_accents", "tokenize_chinese_chars")

_NO_LIMIT = 10**9
"""For a model without a limit, transformers writes a `model_max_length` above this."""

_ALBERTS = ("AlbertTokenizer",)
_BERTS = ("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer")
_ANY = ("PreTrainedTokenizer", "TokenizersBackend")
"""Classes of transformers, without the ending `Fast`: the last ones have no rules of their own."""


@dataclass(frozen=True)
class Folder:
    """What a folder says about its tokenizer.

    Fields:
        path: of the folder.
        vocabulary: the file that holds the vocabulary; it may be missing.
        options: those of `AlbertTokenizer`.
        pieces: the pieces of the vocabulary, if a second file has them too.
        ids: the ids of the added tokens, as far as they are given.
    """

    path: Path
    vocabulary: Path
    options: dict[str, Any]
    pieces: list[str] | None
    ids: dict[str, int]

    def check(self, pieces: list[str]) -> None:
        """Refuse a vocabulary in which a piece has another id than in a second file.

        Raises:
            ValueError: a piece has.
        """
        if self.pieces is not None and self.pieces != pieces[: len(self.pieces)]:
            raise ValueError(
                f"{self.vocabulary} has other pieces than {self.path / TOKENIZER_FILE}; "
                "keep only the file that belongs to the model"
            )
        for piece, token_id in self.ids.items():
            if token_id >= len(pieces) or pieces[token_id] != piece:
                raise ValueError(
                    f"the added token {piece!r} cannot have the id {token_id} that {self.path} "
                    f"gives it, with {len(pieces)} ids in all; keep only the files that belong to "
                    "the model"
                )


def vocabulary_file(folder: Path) -> Path:
    """The file that holds a folder's vocabulary; it may be missing."""
    return read_folder(folder, {}).vocabulary


def sentencepiece_model(folder: Path) -> Path | None:
    """The model of SentencePiece in a folder of the hub, of Google, of TF-Hub or of keras-hub."""
    patterns = (MODEL_FILE, "*.model", "assets/*.model", "assets/tokenizer/*.spm")
    found = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    return next(found, None)


def read_folder(folder: Path, options: Mapping[str, Any]) -> Folder:
    """Which file holds the vocabulary of a folder, and how it is used.

    Args:
        folder: of a model, or of a tokenizer alone.
        options: options of `AlbertTokenizer`, which override those in the files.

    Raises:
        ValueError: a file is damaged, or only a class of transformers could read the folder.
    """
    with storage.parsing(folder):
        return _read_folder(folder, options)


def _read_folder(folder: Path, options: Mapping[str, Any]) -> Folder:
    config, model_config = _read(folder / CONFIG_FILE), _read(folder / "config.json")
    path = folder / TOKENIZER_FILE
    rules = None
    if config_formats.is_keras_hub(model_config):  # whose tokenizer.json holds no rules
        model_config = config_formats.from_keras_hub(model_config)
    elif path.is_file():
        rules = definition.read(path)
    names, added, ids = _tokens(folder, config, rules)
    found = _options(config, model_config)
    hub_mode = {**found, **options}.get("hub_mode")
    tokenizer_class = config.get("tokenizer_class") or model_config.get("tokenizer_class") or ""
    check(isinstance(tokenizer_class, str), "the name of a class", tokenizer_class=tokenizer_class)
    tokenizer_class = tokenizer_class.removesuffix("Fast")
    vocabulary = _vocabulary(folder, rules, tokenizer_class, hub_mode)
    if rules is not None:
        _settle(found, rules, tokenizer_class, vocabulary, options)
    pieces = None
    if rules is not None and vocabulary != path:
        pieces = definition.pieces(rules)
        special = SpecialTokens.of_vocabulary([*pieces, *ids], names)
        definition.check_template(rules, special, path)
    found |= {"special_tokens": names, "added_tokens": added}
    return Folder(folder, vocabulary, {**found, **options}, pieces, ids)


def write_tokenizer(
    folder: Path, files: Mapping[str, bytes], settings: Mapping[str, Any], special: SpecialTokens
) -> None:
    """Write a tokenizer.

    Args:
        folder: if it has a `config.json`, the tokenizer is limited to the positions in it.
        files: the content of the vocabulary's files, by name.
        settings: what `tokenizer_config.json` says, apart from the special tokens.
        special: the special tokens.
    """
    for name, content in files.items():
        with storage.atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    limit = _limit(settings, _read(folder / "config.json"))
    config = {
        **settings,
        **limit,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        **special.named(),
    }
    if settings["tokenizer_class"] == "AlbertTokenizer":
        config |= {"bos_token": special.cls, "eos_token": special.sep}
    storage.write_json(folder / CONFIG_FILE, config)


def _read(path: Path) -> dict[str, Any]:
    return storage.read_json(path) if path.is_file() else {}


def _options(config: Mapping[str, Any], model_config: Mapping[str, Any]) -> dict[str, Any]:
    """The options in `tokenizer_config.json`, limited to the positions in `config.json`."""
    found = {
        name: config[name]
        for name in (*_RULES, "hub_mode", "padding_side")
        if config.get(name) is not None
    }
    if config.get("strip_accents") is not None:
        found["keep_accents"] = not config["strip_accents"]
    with storage.parsing(CONFIG_FILE):
        checks.require_flags(**{each: found[each] for each in found if each != "padding_side"})
        checks.require_side(found.get("padding_side", "right"))
    return found | _limit(config, model_config)


def _limit(config: Mapping[str, Any], model_config: Mapping[str, Any]) -> dict[str, int]:
    """The smaller `model_max_length`, if there is any."""
    limits = [config.get("model_max_length"), model_config.get("max_position_embeddings")]
    known = [each for each in limits if isinstance(each, int) and each <= _NO_LIMIT]
    for each in known:
        checks.require_count("model_max_length", each, least=1)
    return {"model_max_length": min(known)} if known else {}


def _vocabulary(
    folder: Path, rules: Definition | None, tokenizer_class: str, hub_mode: bool | None
) -> Path:
    model, path = folder / MODEL_FILE, folder / TOKENIZER_FILE
    if rules is None:
        return _without_rules(folder, tokenizer_class)
    if not model.is_file():
        return path
    if definition.is_released_form(rules):
        return path if hub_mode and _differ(folder, rules) else model
    return model if hub_mode is False else path


def _settle(
    found: dict[str, Any],
    rules: Definition,
    tokenizer_class: str,
    vocabulary: Path,
    options: Mapping[str, Any],
) -> None:
    """Settle which of the options in `tokenizer_config.json` count beside a `tokenizer.json`."""
    config_counts = wordpiece.is_bert(rules) and tokenizer_class in ("", *_BERTS)
    if not config_counts and not definition.is_released_form(rules):
        if vocabulary.name == TOKENIZER_FILE:
            for name in _RULES:
                found.pop(name, None)
        return
    for name, value in definition.rules_of(rules)._asdict().items():
        if name in found and found[name] != value and name not in options:
            counts, other = CONFIG_FILE, TOKENIZER_FILE
            if not config_counts:
                counts, other = other, counts
            warnings.warn(
                f"{vocabulary.parent} has {name}={found[name]} in {CONFIG_FILE} and {value} in "
                f"{TOKENIZER_FILE}; {counts} counts, so change {other} or give {name}=…",
                stacklevel=5,
            )
        if not config_counts:
            found[name] = value


def _differ(folder: Path, rules: Definition) -> bool:
    """Whether two files have other scores: transformers 4 lowers those of pieces like `1999,`."""
    scores = [float(score) for _, score in rules["model"]["vocab"]]
    return scores != read_model(folder / MODEL_FILE).scores()


def _without_rules(folder: Path, tokenizer_class: str) -> Path:
    """The vocabulary of a folder without a `tokenizer.json`, which only the class has rules for."""
    if tokenizer_class not in ("", *_ALBERTS, *_BERTS, *_ANY):
        raise ValueError(
            f"{folder} has a tokenizer of the class {tokenizer_class}, whose rules are in no file; "
            f"only {_ALBERTS[0]}, {_BERTS[0]} and every {TOKENIZER_FILE} can be read"
        )
    has_pieces = (folder / MODEL_FILE).is_file()
    has_words = (folder / wordpiece.VOCAB_FILE).is_file()
    if has_words and (tokenizer_class in _BERTS or not has_pieces):
        return folder / wordpiece.VOCAB_FILE
    if has_pieces or tokenizer_class not in _BERTS:
        return sentencepiece_model(folder) or folder / MODEL_FILE
    return folder / wordpiece.VOCAB_FILE


def _tokens(
    folder: Path, config: Mapping[str, Any], rules: Definition | None
) -> tuple[dict[str, str], list[AddedToken], dict[str, int]]:
    """The names of special tokens, the added tokens in the order of their ids, and these ids."""
    named = {**_read(folder / "special_tokens_map.json"), **config}
    names = {
        name: AddedToken.read(named[name]).content
        for name in SpecialTokens().named()
        if named.get(name) is not None
    }
    special = set(names.values())
    extra = [token for name in EXTRA for token in _values(named.get(name))]
    special |= {AddedToken.read(token).content for token in extra}

    by_id = {
        token_id: AddedToken.read(content, special=content in special)
        for content, token_id in _read(folder / "added_tokens.json").items()
    }
    for token_id, token in (config.get("added_tokens_decoder") or {}).items():
        by_id[int(token_id)] = AddedToken.read(token)
    by_id |= definition.added_tokens(rules) if rules is not None else {}
    added = {token.content: token for _, token in sorted(by_id.items())}
    added |= {
        token.content: added.get(token.content, token)._replace(special=True)
        for token in (AddedToken.read(each, special=True) for each in extra)
    }
    return names, list(added.values()), {token.content: at for at, token in by_id.items()}


def _values(tokens: Any) -> list[Any]:
    """The extra tokens, which transformers 5 may give by name."""
    return list(tokens.values() if isinstance(tokens, Mapping) else tokens or ())
