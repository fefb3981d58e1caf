"""Reading of `tokenizer.json`: all that transformers 5 leaves in a folder that it writes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from albertlm.tokenization.protobuf import field

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4


def model_from_definition(path: Path) -> bytes:
    """The content of the `spiece.model` that a `tokenizer.json` was made from.

    Raises:
        ValueError: the file is not JSON, or holds another kind of vocabulary.

    Source: sentencepiece_model.proto for the numbers of the fields.
    """
    try:
        definition = json.loads(path.read_text(encoding="utf-8"))
        vocabulary = definition["model"]["vocab"]
        unknown = definition["model"]["unk_id"]
        special = {token["content"] for token in definition["added_tokens"] if token["special"]}
        pieces = [
            field(1, piece.encode())
            + field(2, float(score))
            + field(3, _kind(piece, score, special))
            for piece, score in vocabulary
        ]
        character_map = _character_map(definition["normalizer"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} holds no unigram vocabulary ({type(error).__name__}: {error}); "
            "put the model's spiece.model beside it"
        ) from None
    trainer = (
        field(3, 1)  # unigram
        + field(4, len(pieces))
        + field(40, unknown)
        + field(41, -1)  # no token for the beginning of a text, and none for its end
        + field(42, -1)
        + field(43, 0)
    )
    normalizer = field(1, b"nmt_nfkc" if character_map else b"identity") + field(2, character_map)
    content = b"".join(field(1, piece) for piece in pieces)
    return content + field(2, trainer) + field(3, normalizer)


def _kind(piece: str, score: float, special: set[str]) -> int:
    if piece in special:
        return _UNKNOWN if piece == "<unk>" else _CONTROL
    return _USER_DEFINED if score == 0 else _NORMAL


def _character_map(normalizer: dict[str, Any]) -> bytes:
    for step in normalizer.get("normalizers", [normalizer]):
        if step["type"] == "Precompiled":
            return base64.b64decode(step["precompiled_charsmap"])
    return b""
