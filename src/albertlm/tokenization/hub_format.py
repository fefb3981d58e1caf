"""The hub's files of a tokenizer: `spiece.model`, `tokenizer.json`, `tokenizer_config.json`.

With the three, `tokenizers`, and `AlbertTokenizer` and `AutoTokenizer` of transformers, give the
ids of this package's hub mode. transformers 5 on a bare `spiece.model` does not: it makes every
symbol piece (`(`, `.`, `£` and so on) a token that cuts words apart. It also leaves
`token_type_ids` out unless `model_input_names` asks for them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from albertlm import storage
from albertlm.tokenization.model_file import SPECIAL_PIECES, ModelFile
from albertlm.tokenization.segmenter import SPACE

MODEL_FILE = "spiece.model"
TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"


OPTIONS = ("do_lower_case", "keep_accents", "hub_mode", "model_max_length")
"""The options of `AlbertTokenizer` that `tokenizer_config.json` keeps."""

_NO_LIMIT = 10**9
"""transformers writes a `model_max_length` above this where it knows of none."""


def write_tokenizer(folder: Path, model: ModelFile, options: Mapping[str, Any]) -> None:
    """Write the three files; the options are those of `AlbertTokenizer`."""
    with storage.atomic_path(folder / MODEL_FILE) as temporary:
        temporary.write_bytes(model.content)
    definition = _definition(model, options["do_lower_case"], options["keep_accents"])
    with storage.atomic_path(folder / TOKENIZER_FILE) as temporary:
        text = json.dumps(definition, ensure_ascii=False, separators=(",", ":"))
        temporary.write_text(text + "\n", encoding="utf-8")
    config = {
        "tokenizer_class": "AlbertTokenizer",
        **options,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
        "bos_token": "[CLS]",
        "eos_token": "[SEP]",
    }
    storage.write_json(folder / CONFIG_FILE, config)


def vocabulary_file(folder: Path) -> Path:
    """The folder's `spiece.model`, or its `tokenizer.json` if transformers 5 wrote only that."""
    model, definition = folder / MODEL_FILE, folder / TOKENIZER_FILE
    return definition if definition.is_file() and not model.is_file() else model


def read_options(folder: Path) -> dict[str, Any]:
    """The options in a folder's `tokenizer_config.json`; none if it has no such file.

    Raises:
        ValueError: the file is not a JSON object.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        return {}
    fields = storage.read_json(path)
    limit = fields.get("model_max_length")
    if not isinstance(limit, int) or limit > _NO_LIMIT:
        fields.pop("model_max_length", None)  # null, or transformers' number for "no limit"
    return {name: fields[name] for name in OPTIONS if name in fields}


def _definition(model: ModelFile, do_lower_case: bool, keep_accents: bool) -> dict[str, Any]:
    """The content of `tokenizer.json`, as the released models have it."""
    metaspace = {
        "type": "Metaspace",
        "replacement": SPACE,
        "prepend_scheme": "always",
        "split": True,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(model, piece) for piece in SPECIAL_PIECES],
        "normalizer": _normalizer(model, do_lower_case, keep_accents),
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace],
        },
        "post_processor": _template(model),
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": model.processor.unk_id(),
            "vocab": list(zip(model.pieces, model.scores(), strict=True)),
            "byte_fallback": False,
        },
    }


def _added_token(model: ModelFile, piece: str) -> dict[str, Any]:
    return {
        "id": model.pieces.index(piece),
        "content": piece,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


def _normalizer(model: ModelFile, do_lower_case: bool, keep_accents: bool) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": quotes}, "content": '"'}
        for quotes in ("``", "''")
    ]
    if not keep_accents:
        steps += [{"type": "NFKD"}, {"type": "StripAccents"}]
    if do_lower_case:
        steps.append({"type": "Lowercase"})
    if character_map := model.character_map():
        encoded = base64.b64encode(character_map).decode("ascii")
        steps.append({"type": "Precompiled", "precompiled_charsmap": encoded})
    return {"type": "Sequence", "normalizers": steps}


def _template(model: ModelFile) -> dict[str, Any]:
    def special(piece: str, type_id: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": piece, "type_id": type_id}}

    def sequence(name: str, type_id: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": type_id}}

    single = [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, sequence("B", 1), special("[SEP]", 1)],
        "special_tokens": {
            piece: {"id": piece, "ids": [model.pieces.index(piece)], "tokens": [piece]}
            for piece in ("[CLS]", "[SEP]")
        },
    }
