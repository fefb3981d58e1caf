"""Reading of a vocabulary: `spiece.model`, or a `tokenizer.json` where that is missing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import sentencepiece

from albertlm.tokenization.definition import model_from_definition
from albertlm.tokenization.protobuf import read_fields

SPECIAL_PIECES = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
"""The pieces that are tokens of their own wherever they stand in a text."""


class ModelFile(NamedTuple):
    """A `spiece.model`: its content, SentencePiece's reader of it, and the pieces by id."""

    content: bytes
    processor: sentencepiece.SentencePieceProcessor
    pieces: list[str]

    def scores(self) -> list[float]:
        """The pieces' log-probabilities; 0 for the special ones."""
        return [self.processor.get_score(token_id) for token_id in range(len(self.pieces))]

    def character_map(self) -> bytes:
        """SentencePiece's compiled normalisation rules; empty if there are none."""
        return dict(read_fields(_normalizer_spec(self.content))).get(2, b"")


def read_model(path: str | Path) -> ModelFile:
    """Read and check a `spiece.model`, or the vocabulary inside a `tokenizer.json`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is truncated, is no unigram vocabulary, or lacks ALBERT's special pieces.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no vocabulary {path}; name a spiece.model, or train one (`albertlm vocab`)"
        )
    content = model_from_definition(path) if path.suffix == ".json" else path.read_bytes()
    try:
        processor = sentencepiece.SentencePieceProcessor()
        processor.load_from_serialized_proto(content)
        whole = _normalizer_spec(content) != b""
    except RuntimeError:
        whole = False
    if not whole:
        raise ValueError(f"{path} is truncated or no SentencePiece model; fetch or train it again")
    pieces = [processor.id_to_piece(token_id) for token_id in range(len(processor))]
    missing = [piece for piece in SPECIAL_PIECES if piece not in pieces]
    if missing:
        raise ValueError(
            f"{path} has no piece {missing[0]!r}, so it is not an ALBERT vocabulary; "
            "train one with `albertlm vocab`"
        )
    return ModelFile(content, processor, pieces)


def _normalizer_spec(content: bytes) -> bytes:
    """The last part of the file, a protobuf message; empty if the file was cut off before it."""
    normalizer = sentencepiece.SentencePieceNormalizer(model_proto=content)
    spec: bytes = normalizer.serialized_normalizer_spec()
    return spec
