"""Google's text normalisation: white space, NFKD, combining marks, lower case, and nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_NON_ASCII = re.compile(r"[^\x00-\x7f]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Aligned(NamedTuple):
    """A normalised text; its character `i` comes from `original[starts[i]:ends[i]]`."""

    text: str
    starts: list[int]
    ends: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's characters for `text[start:end]`, without a space in front."""
        while start < end and self.text[start] == " ":
            start += 1
        if start < end:
            return self.starts[start], self.ends[end - 1]
        edge = self.starts[start] if start < len(self.starts) else max(self.ends, default=0)
        return edge, edge


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
        text = " ".join(text.split())
        if not text.isascii():
            text = self._decompose(text)
        return text.lower() if self.do_lower_case else text

    def align(self, text: str) -> Aligned:
        """The normalised text and where in the original each of its characters comes from."""
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for start, end in _clusters(text):
            if text[start].isspace():
                if start == 0 or end == len(text):
                    continue
                part = " "
            else:
                part = self._decompose(text[start:end])
            parts.append(part)
            starts += [start] * len(part)
            ends += [end] * len(part)
        # No lower-cased text is longer or shorter once NFKD has taken the dot off "İ".
        joined = "".join(parts)
        return Aligned(joined.lower() if self.do_lower_case else joined, starts, ends)

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


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """The runs of white space, and each other character with the combining marks that follow it."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not _continues(text[end], after_space=text[start].isspace()):
            yield start, end
            start = end


def _continues(character: str, after_space: bool) -> bool:
    if after_space or character.isspace():
        return after_space and character.isspace()
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) != 0
