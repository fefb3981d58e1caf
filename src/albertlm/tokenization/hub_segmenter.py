"""The hub's way from plain text to pieces: that of the released `tokenizer.json`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from albertlm.tokenization.hub_normalization import HubNormalizer
from albertlm.tokenization.model_file import ModelFile
from albertlm.tokenization.segmenter import SPACE, Ids, Joined, Spans
from albertlm.tokenization.unigram import Unigram

_CHUNK = re.compile("[^ ]+")
_WORD = re.compile(f"{SPACE}[^{SPACE}]*")


class HubSegmenter:
    """Plain text to the ids that transformers gives, word by word and without the digit-comma rule.

    Args:
        model: the vocabulary.
        do_lower_case: lower-case the text.
        keep_accents: keep the combining marks.
    """

    def __init__(self, model: ModelFile, do_lower_case: bool, keep_accents: bool) -> None:
        self._normalize = HubNormalizer(model.content, do_lower_case, keep_accents)
        self._unigram = Unigram(model.pieces, model.scores(), model.processor.unk_id())

    def encode(self, texts: Sequence[str]) -> Joined:
        return Joined.from_rows([np.fromiter(self._ids(text), np.int32) for text in texts])

    def encode_part(self, text: str, *, begins_word: bool) -> Ids:
        del begins_word  # every part begins a word here, hence the lone `▁` in `[MASK] ▁ .`
        return self.encode([text]).ids

    def spans(self, text: str, ids: Ids, *, begins_word: bool) -> Spans:
        del ids, begins_word
        aligned = self._normalize.align(text)
        starts: list[int] = []
        ends: list[int] = []
        for chunk in _CHUNK.finditer(aligned.text):
            spaced = _with_space(chunk[0])
            # a `▁` that was put before the chunk has no character of its own in the text
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


def _with_space(chunk: str) -> str:
    return chunk if chunk.startswith(SPACE) else SPACE + chunk
