"""Plain text to ids as `tokenizers` does it with the released `tokenizer.json`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from albertlm.tokenization.hub_normalization import HubNormalizer
from albertlm.tokenization.model_file import ModelFile
from albertlm.tokenization.normalization import Spans
from albertlm.tokenization.segmenter import SPACE, Ids, Joined

_CHUNK = re.compile("[^ ]+")
_WORD = re.compile(f"{SPACE}[^{SPACE}]*")

_UNKNOWN_PENALTY = 10.0
_CACHED_WORDS = 1 << 18


class HubSegmenter:
    """Converts plain text to the ids of transformers, word by word, without the digit-comma rule.

    Args:
        model: the vocabulary.
        do_lower_case: lower-case the text.
        keep_accents: keep the combining marks.
        finds_control_pieces: read the text `<pad>` as the piece, as `tokenizers` does and
            SentencePiece does not.
    """

    def __init__(
        self,
        model: ModelFile,
        do_lower_case: bool,
        keep_accents: bool,
        *,
        finds_control_pieces: bool = True,
    ) -> None:
        self._normalize = HubNormalizer(model.content, do_lower_case, keep_accents)
        self.align = self._normalize.align
        left_out = frozenset[int]() if finds_control_pieces else model.control_ids
        self._unigram = Unigram(model.pieces, model.scores(), model.processor.unk_id(), left_out)

    def encode(self, texts: Sequence[str]) -> Joined:
        return Joined.from_rows([np.fromiter(self._ids(text), np.int32) for text in texts])

    def locate(self, texts: Sequence[str], joined: Joined) -> list[Spans]:
        pairs = zip(texts, joined.rows(), strict=True)
        return [self.spans(text, ids, begins_word=True) for text, ids in pairs]

    def encode_part(self, text: str, *, begins_word: bool) -> Ids:
        del begins_word  # here every part begins a word, hence the lone `▁` in `[MASK] ▁ .`
        return self.encode([text]).ids

    def spans(self, text: str, ids: Ids, *, begins_word: bool) -> Spans:
        del ids, begins_word
        aligned = self._normalize.align(text)
        starts: list[int] = []
        ends: list[int] = []
        for chunk in _CHUNK.finditer(aligned.text):
            spaced = _with_space(chunk[0])
            # a `▁` that was added before the chunk has no character in the text
            end = chunk.end() - len(spaced)
            for word in _WORD.findall(spaced):
                for length in self._unigram.lengths(word):
                    starts.append(max(end, chunk.start()))
                    end += length
                    ends.append(end)
        return aligned.spans(np.array(starts, np.int64), np.array(ends, np.int64))

    def _ids(self, text: str) -> Iterator[int]:
        chunks = filter(None, self._normalize(text).split(" "))
        if SPACE in text:
            words = [word for chunk in chunks for word in _WORD.findall(_with_space(chunk))]
        else:
            words = [SPACE + chunk for chunk in chunks]
        return chain.from_iterable(map(self._unigram.__getitem__, words))


class Unigram(dict[str, tuple[int, ...]]):
    """The ids of the most probable pieces of each word, computed on first use and cached.

    The scores of one word are added in float64, as in `tokenizers`. SentencePiece adds those of a
    whole text in float32, so the two differ where two splits are (almost) equally probable.

    Args:
        pieces: all pieces, by id.
        scores: their log-probabilities.
        unknown: the id of `<unk>`.
        left_out: ids of pieces that are not looked for.
    """

    def __init__(
        self,
        pieces: Sequence[str],
        scores: Sequence[float],
        unknown: int,
        left_out: frozenset[int] = frozenset(),
    ) -> None:
        self._arguments = pieces, scores, unknown, left_out
        self._unknown = unknown
        self._unknown_score = min(scores) - _UNKNOWN_PENALTY
        self._entries = {
            piece: (token_id, score)
            for token_id, (piece, score) in enumerate(zip(pieces, scores, strict=True))
            if token_id not in left_out
        }
        self._lengths = [len(piece) for piece in pieces]
        self._longest = max(self._lengths)

    def __missing__(self, word: str) -> tuple[int, ...]:
        if len(self) == _CACHED_WORDS:
            self.clear()
        self[word] = ids = tuple(token_id for token_id, _ in self.segment(word))
        return ids

    def __reduce__(self) -> tuple[object, ...]:
        return Unigram, self._arguments

    def lengths(self, word: str) -> list[int]:
        """The number of characters in each piece of a word."""
        ids = self[word]
        if self._unknown in ids:
            return [length for _, length in self.segment(word)]
        return [self._lengths[token_id] for token_id in ids]

    def segment(self, word: str) -> list[tuple[int, int]]:
        """The id of each piece of a word, and the number of its characters."""
        size = len(word)
        best_score = [0.0] + [float("-inf")] * size
        best_start = [0] * (size + 1)
        best_id = [self._unknown] * (size + 1)
        for start in range(size):
            for end in range(start + 1, min(start + self._longest, size) + 1):
                entry = self._entries.get(word[start:end])
                if entry is None:
                    if end > start + 1:
                        continue
                    entry = (self._unknown, self._unknown_score)
                score = best_score[start] + entry[1]
                if score > best_score[end]:
                    best_score[end], best_start[end], best_id[end] = score, start, entry[0]
        segments: list[tuple[int, int]] = []
        end = size
        while end > 0:
            length = end - best_start[end]
            if segments and best_id[end] == self._unknown == segments[-1][0]:
                segments[-1] = (self._unknown, segments[-1][1] + length)
            else:
                segments.append((best_id[end], length))
            end -= length
        return segments[::-1]


def _with_space(chunk: str) -> str:
    return chunk if chunk.startswith(SPACE) else SPACE + chunk
