"""Google's text normalisation: white space, NFKD, combining marks, lower case, and nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from albertlm.tokenization.segmenter import Spans

_IRREGULAR = re.compile(r"^\s+|\s+\Z|\s\s+|[^\S ]|[^\s\x80-\U0010ffff]?[^\s\x00-\x7f]+")
"""White space that does not stay as it is, and all that is not ASCII with the character before."""

_NON_ASCII = re.compile(r"[^\x00-\x7f]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Aligned(NamedTuple):
    """A normalised text; its character `i` comes from `original[starts[i]:ends[i]]`."""

    text: str
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    @classmethod
    def from_parts(cls, original: str, parts: Iterable[tuple[str, int, int]]) -> Aligned:
        """Put together from normalised parts, each with its start and end in the original."""
        text: list[str] = []
        starts: list[npt.NDArray[np.int64]] = []
        ends: list[npt.NDArray[np.int64]] = []
        for part, start, end in parts:
            text.append(part)
            if part == original[start:end]:
                starts.append(np.arange(start, end))
                ends.append(np.arange(start + 1, end + 1))
            else:
                starts.append(np.full(len(part), start))
                ends.append(np.full(len(part), end))
        nothing = np.zeros(0, np.int64)
        return cls(
            "".join(text), np.concatenate([nothing, *starts]), np.concatenate([nothing, *ends])
        )

    def spans(self, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Spans:
        """The original's characters for each `text[start:end]`."""
        padded = np.append(self.starts, self.ends[-1:].sum())
        first = padded[starts]
        last = np.where(ends > starts, np.append(0, self.ends)[ends], first)
        return np.stack([first, last], axis=1)


@dataclass(frozen=True)
class GoogleNormalizer:
    """Text as ALBERT's weights have seen it, before SentencePiece.

    Args:
        do_lower_case: lower-case the text.
        keep_accents: keep the combining marks.

    Raises:
        ValueError: a text holds a lone surrogate, so it is not Unicode.

    Source: `preprocess_text` in tokenization.py of the released code.
    """

    do_lower_case: bool = True
    keep_accents: bool = False

    def __call__(self, text: str) -> str:
        # Most text has no such white space; all that is not a blank is not printable either.
        if not text.isprintable() or "  " in text or text != text.strip(" "):
            text = " ".join(text.split())
        if not text.isascii():
            text = self._decompose(text)
        return text.lower() if self.do_lower_case else text

    def align(self, text: str) -> Aligned:
        """The normalised text and where in the original each of its characters comes from."""
        aligned = Aligned.from_parts(text, self._parts(text))
        # Lower-casing leaves the length as it is, once NFKD has taken the dot off "İ".
        return aligned._replace(text=aligned.text.lower()) if self.do_lower_case else aligned

    def _parts(self, text: str) -> Iterator[tuple[str, int, int]]:
        if text.isascii() and text == " ".join(text.split()):
            yield text, 0, len(text)
            return
        end = 0
        for irregular in _IRREGULAR.finditer(text):
            yield text[end : irregular.start()], end, irregular.start()
            start, end = irregular.span()
            if not text[start].isspace():
                for cluster_start, cluster_end in _clusters(text, start, end):
                    part = self._decompose(text[cluster_start:cluster_end])
                    yield part, cluster_start, cluster_end
            elif start > 0 and end < len(text):
                yield " ", start, end
        yield text[end:], end, len(text)

    def _decompose(self, text: str) -> str:
        if self.keep_accents:
            return _nfkd(text)
        # No rule of NFKD reaches from ASCII into its neighbours, so the few other runs suffice.
        return _NON_ASCII.sub(_without_accents, text)


def refuse_surrogates(text: str) -> None:
    """Raise a `ValueError` if the text holds half of a UTF-16 pair, which no encoding can write."""
    if found := _SURROGATE.search(text):
        raise ValueError(
            f"a text holds the lone surrogate \\u{ord(found[0]):04x}, so it was decoded wrongly; "
            "decode its bytes again"
        )


def _without_accents(run: re.Match[str]) -> str:
    return _nfkd_without_accents(run[0])


@lru_cache(maxsize=65536)
def _nfkd_without_accents(text: str) -> str:
    return "".join(character for character in _nfkd(text) if not unicodedata.combining(character))


def _nfkd(text: str) -> str:
    refuse_surrogates(text)
    return unicodedata.normalize("NFKD", text)


def _clusters(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The characters of `text[start:end]`, each with the combining marks that follow it."""
    first = start
    for position in range(start + 1, end):
        decomposed = unicodedata.normalize("NFKD", text[position])
        if not unicodedata.combining(decomposed[0]):
            yield first, position
            first = position
    yield first, end
