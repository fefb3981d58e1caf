"""Google's way from plain text to pieces: normalisation, SentencePiece, the digit-comma rule."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import sentencepiece

from albertlm.tokenization.model_file import ModelFile
from albertlm.tokenization.normalization import GoogleNormalizer
from albertlm.tokenization.segmenter import SPACE, Ids, Span

_NO_DUMMY_PREFIX = b"\x1a\x02\x18\x00"
"""`normalizer_spec {add_dummy_prefix: false}`; what is appended to a protobuf message overrides."""


class GoogleSegmenter:
    """Plain text to the ids that ALBERT's weights were trained on.

    Args:
        model: the vocabulary.
        do_lower_case: lower-case the text.
        keep_accents: keep the combining marks.

    Source: `preprocess_text` and `encode_pieces` in tokenization.py of the released code.
    """

    def __init__(self, model: ModelFile, do_lower_case: bool, keep_accents: bool) -> None:
        self._model = model
        self._normalize = GoogleNormalizer(do_lower_case, keep_accents)
        self._digit_comma = _DigitComma(model)

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        normalized = [self._normalize(text) for text in texts]
        rows = self._model.processor.encode(normalized, return_type="numpy", num_threads=1)
        return self._digit_comma.apply(rows)

    def encode_part(self, text: str, *, begins_word: bool) -> list[int]:
        ids = self._choose(begins_word).encode(self._normalize(text), return_type="numpy")
        row: list[int] = self._digit_comma.apply([ids])[0].tolist()
        return row

    def encode_with_spans(self, text: str, *, begins_word: bool) -> tuple[list[int], list[Span]]:
        aligned = self._normalize.align(text)
        encoded = self._choose(begins_word).encode(aligned.text, return_type="offset_mapping")
        ids: list[int] = []
        spans: list[Span] = []
        for token_id, (start, end) in zip(encoded["ids"], encoded["offsets"], strict=True):
            for part, part_start, part_end in self._digit_comma.parts(
                token_id, aligned.text, start, end
            ):
                ids.append(part)
                spans.append(aligned.span(part_start, part_end))
        return ids, spans

    def _choose(self, begins_word: bool) -> sentencepiece.SentencePieceProcessor:
        return self._model.processor if begins_word else self._inner_processor

    @cached_property
    def _inner_processor(self) -> sentencepiece.SentencePieceProcessor:
        """For a text that goes on within a word, such as the full stop of `[MASK].`."""
        return sentencepiece.SentencePieceProcessor(
            model_proto=self._model.content + _NO_DUMMY_PREFIX
        )


class _DigitComma:
    """Splits the comma off a piece that ends in a digit and a comma: `▁1999,` to `▁1999` and `,`.

    The rule looks at nothing but the piece, so it is worked out once for the whole vocabulary.
    """

    def __init__(self, model: ModelFile) -> None:
        self._splits = {
            token_id: _split(model.processor, piece)
            for token_id, piece in enumerate(model.pieces)
            if len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit()
        }
        self._ids = {
            token_id: np.array([model.processor.piece_to_id(part) for part in parts], np.int32)
            for token_id, parts in self._splits.items()
        }
        self._is_split = np.zeros(len(model.pieces), bool)
        self._is_split[list(self._splits)] = True

    def apply(self, rows: list[Ids]) -> list[Ids]:
        if not self._splits or not rows:
            return rows
        found = np.flatnonzero(self._is_split[np.concatenate(rows)])
        row_ends = np.cumsum([len(row) for row in rows])
        for row in np.unique(np.searchsorted(row_ends, found, side="right")):
            rows[row] = self._apply_to(rows[row])
        return rows

    def _apply_to(self, ids: Ids) -> Ids:
        parts: list[Ids] = []
        start = 0
        for position in np.flatnonzero(self._is_split[ids]).tolist():
            parts += [ids[start:position], self._ids[int(ids[position])]]
            start = position + 1
        return np.concatenate([*parts, ids[start:]])

    def parts(self, token_id: int, text: str, start: int, end: int) -> list[tuple[int, int, int]]:
        """The ids that replace a piece of `text[start:end]`, each with its own start and end."""
        if token_id not in self._splits:
            return [(token_id, start, end)]
        parts = []
        # SentencePiece counts control characters that it drops behind the comma as the piece's
        part_end = text.rfind(",", start, end) + 1 or end
        for part, part_id in zip(
            reversed(self._splits[token_id]), reversed(self._ids[token_id].tolist()), strict=True
        ):
            part_start = max(start, part_end - len(part.removeprefix(SPACE)))
            parts.append((part_id, part_start, part_end))
            part_end = part_start
        return parts[::-1]


def _split(processor: sentencepiece.SentencePieceProcessor, piece: str) -> list[str]:
    number: list[str] = processor.encode(piece[:-1].replace(SPACE, ""), return_type=str)
    if piece[0] != SPACE and number[0][0] == SPACE:
        number = [number[0][1:], *number[1:]] if len(number[0]) > 1 else number[1:]
    return [*number, ","]
