"""Google's way from plain text to pieces: normalisation, SentencePiece, the digit-comma rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import sentencepiece

from albertlm.tokenization.normalization import GoogleNormalizer

SPACE = "▁"
"""What SentencePiece writes for a space; a piece that begins with it begins a word."""

Ids = npt.NDArray[np.int32]


class GoogleSegmenter:
    """Plain text to the ids that ALBERT's weights were trained on.

    Source: `preprocess_text` and `encode_pieces` in tokenization.py of the released code.
    """

    def __init__(self, model: bytes, do_lower_case: bool, keep_accents: bool) -> None:
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self._normalize = GoogleNormalizer(do_lower_case, keep_accents)
        self.pieces = [self._processor.id_to_piece(i) for i in range(len(self._processor))]
        self._digit_comma = _DigitComma(self._processor, self.pieces)

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text, without special tokens."""
        normalized = [self._normalize(text) for text in texts]
        return self._digit_comma.apply(
            self._processor.encode(normalized, return_type="numpy", num_threads=1)
        )


class _DigitComma:
    """Splits the comma off every piece that ends in a digit and a comma, such as `▁1999,`.

    The rule depends on the piece alone, so it is worked out once for the whole vocabulary.
    """

    def __init__(self, processor: sentencepiece.SentencePieceProcessor, pieces: list[str]) -> None:
        splits = {
            token_id: _split(processor, piece)
            for token_id, piece in enumerate(pieces)
            if len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit()
        }
        self._splits = {
            token_id: np.array([processor.piece_to_id(part) for part in parts], np.int32)
            for token_id, parts in splits.items()
        }
        self._is_split = np.zeros(len(pieces), bool)
        self._is_split[list(splits)] = True

    def apply(self, rows: list[Ids]) -> list[Ids]:
        if not self._splits or not rows:
            return rows
        found = np.flatnonzero(self._is_split[np.concatenate(rows)])
        ends = np.cumsum([len(row) for row in rows])
        for row in np.unique(np.searchsorted(ends, found, side="right")):
            rows[row] = self._apply_to_one(rows[row])
        return rows

    def _apply_to_one(self, ids: Ids) -> Ids:
        parts: list[Ids] = []
        start = 0
        for position in np.flatnonzero(self._is_split[ids]):
            parts += [ids[start:position], self._splits[int(ids[position])]]
            start = int(position) + 1
        return np.concatenate([*parts, ids[start:]])


def _split(processor: sentencepiece.SentencePieceProcessor, piece: str) -> list[str]:
    number: list[str] = processor.encode(piece[:-1].replace(SPACE, ""), return_type=str)
    if piece[0] != SPACE and number[0][0] == SPACE:
        number = [number[0][1:], *number[1:]] if len(number[0]) > 1 else number[1:]
    return [*number, ","]
