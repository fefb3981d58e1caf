"""A vocabulary of SentencePiece: its pieces, and what it says about itself."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import sentencepiece

from albertlm import protobuf

PIECES, TRAINER, NORMALIZER = 1, 2, 3
"""The messages in a `spiece.model`, by the numbers in sentencepiece_model.proto."""

MODEL_TYPE, WITH_SUFFIX, USER_DEFINED, BYTE_FALLBACK = 3, 24, 31, 35
"""Fields of the trainer's settings."""

CHARACTER_MAP, WITH_PREFIX, _ESCAPED = 2, 3, 5
"""Fields of the normalizer's settings."""

Algorithm = Literal["unigram", "bpe", "word", "char"]
_ALGORITHMS: dict[int, Algorithm] = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}

_COMPOSED = (("e\u0301", "é"), ("\u1100\u1161", "가"))
"""Examples that NFC composes."""


@dataclass(frozen=True)
class ModelFile:
    """A `spiece.model`: its content, a SentencePiece processor for it, and its pieces by id."""

    content: bytes
    processor: sentencepiece.SentencePieceProcessor
    pieces: list[str]

    @classmethod
    def parse(cls, content: bytes, name: str | Path) -> ModelFile:
        """Read and check the content of a `spiece.model`.

        Args:
            content: the bytes.
            name: where they come from, for error messages.

        Raises:
            ValueError: they are truncated, or no vocabulary that is supported.
        """
        broken = f"{name} is truncated or not a SentencePiece model; fetch or train it again"
        processor = sentencepiece.SentencePieceProcessor()
        try:
            processor.load_from_serialized_proto(content)
        except RuntimeError:
            raise ValueError(broken) from None
        pieces = [processor.id_to_piece(token_id) for token_id in range(len(processor))]
        model = cls(content, processor, pieces)
        if not model._normalizer:  # the last message, so the file was cut off before it
            raise ValueError(broken)
        if not model._normalizer.get(_ESCAPED, [1])[-1]:
            raise ValueError(
                f"{name} was trained with escape_whitespace=false, which is not supported; "
                "train it with the default"
            )
        return model

    @property
    def unk_token(self) -> str:
        token: str = self.pieces[self.processor.unk_id()]
        return token

    def scores(self) -> list[float]:
        """The pieces' log-probabilities; 0 for special pieces."""
        return [self.processor.get_score(token_id) for token_id in range(len(self.pieces))]

    def character_map(self) -> bytes:
        """SentencePiece's compiled normalisation rules; empty if there are none."""
        rules: bytes = self._normalizer.get(CHARACTER_MAP, [b""])[-1]
        return rules

    @property
    def algorithm(self) -> Algorithm:
        """How SentencePiece cuts a text into pieces."""
        return _ALGORITHMS[self._trainer.get(MODEL_TYPE, [1])[-1]]

    @property
    def has_prefix(self) -> bool:
        """Whether the first word of a text begins with `▁` too."""
        return bool(self._normalizer.get(WITH_PREFIX, [1])[-1]) and not self.has_suffix

    @property
    def has_suffix(self) -> bool:
        """Whether a word's last piece ends with `▁`, instead of its first beginning with it."""
        return bool(self._trainer.get(WITH_SUFFIX, [0])[-1])

    @cached_property
    def byte_pieces(self) -> dict[str, int]:
        """The pieces that stand for a byte of an unknown character, such as `<0xE6>`."""
        if not self._trainer.get(BYTE_FALLBACK, [0])[-1]:
            return {}
        is_byte = self.processor.is_byte
        return {
            piece: int(piece[1:-1], 16)
            for token_id, piece in enumerate(self.pieces)
            if is_byte(token_id)
        }

    @cached_property
    def control_ids(self) -> frozenset[int]:
        """The pieces that SentencePiece never finds in a text, such as `<pad>`."""
        return frozenset(filter(self.processor.is_control, range(len(self.pieces))))

    @cached_property
    def user_defined(self) -> frozenset[str]:
        """The pieces that were given when the vocabulary was trained."""
        return frozenset(symbol.decode() for symbol in self._trainer.get(USER_DEFINED, ()))

    @cached_property
    def learnt_pieces(self) -> list[str]:
        """The pieces that come from texts."""
        return [
            piece
            for token_id, piece in enumerate(self.pieces)
            if not (
                self.processor.is_control(token_id)
                or self.processor.is_unknown(token_id)
                or self.processor.is_byte(token_id)
                or piece in self.user_defined
            )
        ]

    @cached_property
    def must_be_composed(self) -> bool:
        """Whether a letter and its mark are one character in the pieces, but not made one."""
        normalize = self.processor.normalize
        if all(normalize(apart) == normalize(composed) for apart, composed in _COMPOSED):
            return False
        composed = sum(unicodedata.normalize("NFD", piece) != piece for piece in self.learnt_pieces)
        apart = sum(unicodedata.normalize("NFC", piece) != piece for piece in self.learnt_pieces)
        return composed > apart

    @cached_property
    def _settings(self) -> dict[int, list[Any]]:
        """The messages behind the pieces, by their numbers."""
        return protobuf.fields(protobuf.after_repeated(self.content, PIECES))

    @cached_property
    def _normalizer(self) -> dict[int, list[Any]]:
        return protobuf.fields(b"".join(self._settings.get(NORMALIZER, ())))

    @cached_property
    def _trainer(self) -> dict[int, list[Any]]:
        return protobuf.fields(b"".join(self._settings.get(TRAINER, ())))


def read_model(path: Path) -> ModelFile:
    """Read and check a `spiece.model`; see `ModelFile.parse`."""
    return ModelFile.parse(path.read_bytes(), path)
