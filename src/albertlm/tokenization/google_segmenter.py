"""Google's way from plain text to pieces: normalisation, SentencePiece, the digit-comma rule."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import sentencepiece

from albertlm.tokenization.model_file import ModelFile
from albertlm.tokenization.normalization import GoogleNormalizer
from albertlm.tokenization.protobuf import field
from albertlm.tokenization.segmenter import SPACE, Ids, Joined, Spans

_Positions = npt.NDArray[np.int64]

_AT_ONCE = 8192
"""Texts; what many more of them need does not stay in the processor's caches."""

_NO_DUMMY_PREFIX = field(3, field(3, 0))
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
        self._lengths = np.array([len(piece) for piece in model.pieces])
        self._begins_word = np.array([piece.startswith(SPACE) for piece in model.pieces])

    def encode(self, texts: Sequence[str]) -> Joined:
        batches = [self._encode(texts[i : i + _AT_ONCE]) for i in range(0, len(texts), _AT_ONCE)]
        if len(batches) == 1:
            return batches[0]
        empty = Joined.from_rows([])
        ids, lengths = zip(empty, *batches, strict=True)
        return Joined(np.concatenate(ids), np.concatenate(lengths))

    def _encode(self, texts: Sequence[str]) -> Joined:
        normalized = list(map(self._normalize, texts))
        rows = self._model.processor.encode(normalized, return_type="numpy", num_threads=1)
        return self._digit_comma.apply(Joined.from_rows(rows))

    def encode_part(self, text: str, *, begins_word: bool) -> Ids:
        ids = self._choose(begins_word).encode(self._normalize(text), return_type="numpy")
        return self._digit_comma.apply(Joined.from_rows([ids])).ids

    def spans(self, text: str, ids: Ids, *, begins_word: bool) -> Spans:
        aligned = self._normalize.align(text)
        spaced = SPACE * begins_word + aligned.text.replace(" ", SPACE)
        if "".join([self._model.pieces[token_id] for token_id in ids.tolist()]) == spaced:
            ends = np.cumsum(self._lengths[ids]) - begins_word
            starts = ends - self._lengths[ids] + self._begins_word[ids]
        else:
            # unknown characters, or some that SentencePiece normalises further
            starts, ends = self._find(aligned.text, begins_word)
        return aligned.spans(starts, ends)

    def _find(self, text: str, begins_word: bool) -> tuple[_Positions, _Positions]:
        """Where in a normalised text its pieces are, as SentencePiece reports it."""
        encoded = self._choose(begins_word).encode(text, return_type="offset_mapping")
        parts = [
            part
            for token_id, (start, end) in zip(encoded["ids"], encoded["offsets"], strict=True)
            for part in self._digit_comma.parts(token_id, text, start, end)
        ]
        starts = [end - len(text[start:end].lstrip(" ")) for start, end in parts]
        return np.array(starts, np.int64), np.array([end for _, end in parts], np.int64)

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

    def apply(self, joined: Joined) -> Joined:
        ids, lengths = joined
        found = np.flatnonzero(self._is_split[ids])
        if not len(found):
            return joined
        replacements = [self._ids[token_id] for token_id in ids[found].tolist()]
        kept = np.split(ids, np.stack([found, found + 1], axis=1).ravel())[::2]
        parts = [part for pair in zip(kept, replacements, strict=False) for part in pair]
        rows = np.searchsorted(np.cumsum(lengths), found, side="right")
        added = [len(replacement) - 1 for replacement in replacements]
        more = np.bincount(rows, added, minlength=len(lengths)).astype(np.int64)
        return Joined(np.concatenate([*parts, kept[-1]]), lengths + more)

    def parts(self, token_id: int, text: str, start: int, end: int) -> list[tuple[int, int]]:
        """The characters of what replaces the piece of `text[start:end]`, or of the piece."""
        if token_id not in self._splits:
            return [(start, end)]
        # SentencePiece takes control characters behind the comma, which it drops, for the piece's
        end = text.rfind(",", start, end) + 1 or end
        parts = []
        for piece in reversed(self._splits[token_id]):
            part_start = max(start, end - len(piece.removeprefix(SPACE)))
            parts.append((part_start, end))
            end = part_start
        return parts[::-1]


def _split(processor: sentencepiece.SentencePieceProcessor, piece: str) -> list[str]:
    number: list[str] = processor.encode(piece[:-1].replace(SPACE, ""), return_type=str)
    if piece[0] != SPACE and number[0][0] == SPACE:
        number = [number[0][1:], *number[1:]] if len(number[0]) > 1 else number[1:]
    return [*number, ","]
