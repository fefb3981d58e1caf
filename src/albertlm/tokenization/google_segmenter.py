"""Plain text to ids as Google's code does it: with SentencePiece and the digit-comma rule."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import sentencepiece

from albertlm import protobuf
from albertlm.tokenization import model_file
from albertlm.tokenization.model_file import ModelFile
from albertlm.tokenization.normalization import GoogleNormalizer, Spans
from albertlm.tokenization.segmenter import SPACE, Ids, Joined

_Positions = npt.NDArray[np.int64]

_AT_ONCE = 8192
"""Texts that are encoded together; many more would not fit into the processor's caches."""

_NO_DUMMY_PREFIX = protobuf.field(model_file.NORMALIZER, protobuf.field(model_file.WITH_PREFIX, 0))
"""`normalizer_spec {add_dummy_prefix: false}`, which overrides a message when appended to it."""


_LONGER_THAN_TEXTS = 1 << 32


class GoogleSegmenter:
    """Converts plain text to the ids that ALBERT's weights were trained on.

    Args:
        model: the vocabulary.
        do_lower_case: lower-case the text.
        keep_accents: keep the combining marks.

    Source: `preprocess_text` and `encode_pieces` in tokenization.py of the released code.
    """

    def __init__(self, model: ModelFile, do_lower_case: bool, keep_accents: bool) -> None:
        self._model = model
        compose = keep_accents and model.must_be_composed
        self._normalize = GoogleNormalizer(do_lower_case, keep_accents, compose)
        self.align = self._normalize.align
        self._digit_comma = _DigitComma(model)
        self._sizes = np.array([len(piece) for piece in model.pieces])
        self._unknown = model.processor.unk_id()
        # so that the size of no text is that of its pieces if some are unknown
        self._sizes[self._unknown] = _LONGER_THAN_TEXTS
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

    def locate(self, texts: Sequence[str], joined: Joined) -> list[Spans]:
        sizes = self._sizes[joined.ids]
        ends = np.cumsum(sizes)
        bounds = np.append(0, np.cumsum(joined.lengths))
        before = np.append(0, ends)[bounds]
        spans = np.empty((len(ends), 2), np.int64)
        spans[:, 1] = ends - np.repeat(before[:-1] + self._model.has_prefix, joined.lengths)
        spans[:, 0] = spans[:, 1] - sizes + self._begins_word[joined.ids]
        expected = (np.diff(before) - self._model.has_prefix).tolist()
        return [
            # in most texts, the characters of the pieces are those of the text, one by one
            spans[start:end]
            if size == len(text) and self._normalize.keeps_places(text)
            else self.spans(text, joined.ids[start:end], begins_word=True)
            for text, size, (start, end) in zip(
                texts, expected, pairwise(bounds.tolist()), strict=True
            )
        ]

    def encode_part(self, text: str, *, begins_word: bool) -> Ids:
        ids = self._choose(begins_word).encode(self._normalize(text), return_type="numpy")
        return self._digit_comma.apply(Joined.from_rows([ids])).ids

    def spans(self, text: str, ids: Ids, *, begins_word: bool) -> Spans:
        aligned = self._normalize.align(text)
        has_prefix = begins_word and self._model.has_prefix
        size = len(aligned.text) + has_prefix
        sizes, begun = self._sizes[ids], self._begins_word[ids]
        if sizes.sum() != size and np.count_nonzero(ids == self._unknown) == 1:
            sizes = self._with_unknown(aligned.text, ids, has_prefix)
        if sizes.sum() != size:
            # unknown characters are pieces of their own here
            pieces = self._choose(begins_word).encode(aligned.text, return_type=str)
            pieces = self._digit_comma.split(pieces)
            sizes = np.array(list(map(len, pieces)), np.int64)
            begun = np.array([piece[0] == SPACE for piece in pieces], bool)
        if sizes.sum() != size:
            # SentencePiece normalises the text further
            return aligned.spans(*self._find(aligned.text, begins_word))
        ends = np.cumsum(sizes) - has_prefix
        return aligned.spans(ends - sizes + begun, ends)

    def _with_unknown(self, text: str, ids: Ids, has_prefix: bool) -> _Positions:
        """The size of each piece where one is unknown; their sum is wrong if the rest differs."""
        sizes = self._sizes[ids]
        at = int(np.argmax(ids == self._unknown))
        pieces = list(map(self._model.pieces.__getitem__, ids.tolist()))
        before = "".join(pieces[:at]).replace(SPACE, " ").removeprefix(" " * has_prefix)
        after = "".join(pieces[at + 1 :]).replace(SPACE, " ")
        unknown = text[len(before) : len(text) - len(after)]
        surrounded = text.startswith(before) and text.endswith(after)
        if surrounded and unknown.isprintable() and " " not in unknown:
            sizes[at] = len(unknown)
        return sizes

    def _find(self, text: str, begins_word: bool) -> tuple[_Positions, _Positions]:
        """The start and end of each piece in a normalised text, as SentencePiece reports them."""
        encoded = self._choose(begins_word).encode(text, return_type="offset_mapping")
        starts: list[int] = []
        ends: list[int] = []
        for token_id, (first, last) in zip(encoded["ids"], encoded["offsets"], strict=True):
            # SentencePiece gives a character to the last of its bytes only
            is_byte = self._model.pieces[token_id] in self._model.byte_pieces
            last_of_all = last + (first == last and is_byte)
            for start, end in self._digit_comma.parts(token_id, text, first, last_of_all):
                covered = text[start:end]
                starts.append(end - len(covered.lstrip(" ")))
                ends.append(max(starts[-1], start + len(covered.rstrip(" "))))
        return np.array(starts, np.int64), np.array(ends, np.int64)

    def _choose(self, begins_word: bool) -> sentencepiece.SentencePieceProcessor:
        return self._model.processor if begins_word else self._inner_processor

    @cached_property
    def _inner_processor(self) -> sentencepiece.SentencePieceProcessor:
        """A processor for text that continues a word, such as the full stop in `[MASK].`."""
        return sentencepiece.SentencePieceProcessor(
            model_proto=self._model.content + _NO_DUMMY_PREFIX
        )


class _DigitComma:
    """Splits the comma off a piece that ends in a digit and a comma: `▁1999,` to `▁1999` and `,`.

    The rule depends only on the piece, so it is evaluated once for the whole vocabulary.
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
        self._pieces = {model.pieces[token_id]: parts for token_id, parts in self._splits.items()}
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

    def split(self, pieces: list[str]) -> list[str]:
        """The pieces, with those in place of which others come."""
        if not self._pieces.keys() & pieces:
            return pieces
        return [part for piece in pieces for part in self._pieces.get(piece, (piece,))]

    def parts(self, token_id: int, text: str, start: int, end: int) -> list[tuple[int, int]]:
        """The start and end of each piece that the piece at `text[start:end]` is split into."""
        if token_id not in self._splits:
            return [(start, end)]
        # SentencePiece counts control characters after the comma, which it drops, as the piece's
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
