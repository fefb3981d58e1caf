"""The unigram model as `tokenizers` computes it: the most probable pieces of one word."""

from __future__ import annotations

from collections.abc import Sequence

_UNKNOWN_PENALTY = 10.0
_CACHED_WORDS = 1 << 18


class Unigram(dict[str, tuple[int, ...]]):
    """The ids of words, worked out when a word is first met and then remembered.

    SentencePiece adds scores up over a whole text in float32, `tokenizers` over one word in
    float64, so the two part where two ways to split a word are (almost) equally probable.

    Args:
        pieces: all pieces, by id.
        scores: their log-probabilities.
        unknown: the id of `<unk>`.
    """

    def __init__(self, pieces: Sequence[str], scores: Sequence[float], unknown: int) -> None:
        self._unknown = unknown
        self._unknown_score = min(scores) - _UNKNOWN_PENALTY
        self._entries = {
            piece: (token_id, score)
            for token_id, (piece, score) in enumerate(zip(pieces, scores, strict=True))
        }
        self._lengths = [len(piece) for piece in pieces]
        self._longest = max(self._lengths)

    def __missing__(self, word: str) -> tuple[int, ...]:
        if len(self) == _CACHED_WORDS:
            self.clear()
        self[word] = ids = tuple(token_id for token_id, _ in self.segment(word))
        return ids

    def __reduce__(self) -> tuple[object, ...]:
        pieces = list(self._entries)
        scores = [score for _, score in self._entries.values()]
        return Unigram, (pieces, scores, self._unknown)

    def lengths(self, word: str) -> list[int]:
        """The number of characters of each of a word's pieces."""
        ids = self[word]
        if self._unknown in ids:
            return [length for _, length in self.segment(word)]
        return [self._lengths[token_id] for token_id in ids]

    def segment(self, word: str) -> list[tuple[int, int]]:
        """The ids of a word's pieces, each with the number of its characters."""
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
