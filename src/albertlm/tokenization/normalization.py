"""Text normalisation as in Google's code: white space, NFKD, combining marks and lower case."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_IRREGULAR = re.compile(r"^\s+|\s+\Z|\s\s+|[^\S ]|[^\s\x80-\U0010ffff]?[^\s\x00-\x7f]+")
"""White space that changes, and non-ASCII runs, each with the character before it."""

_NON_ASCII = re.compile(r"[^\x00-\x7f]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DOTTED_I = re.compile("([Ii])\u0307")

_Positions = npt.NDArray[np.int64]

Spans = npt.NDArray[np.int64]
"""(T, 2) start and end (exclusive) of each token in the original text, in characters."""


class Aligned(NamedTuple):
    """A normalised text; its character `i` comes from `original[starts[i]:ends[i + 1]]`.

    Fields:
        text: the normalised text.
        starts: (characters + 1,); the last one is the end of the last character.
        ends: (characters + 1,); the first one is 0.
    """

    text: str
    starts: _Positions
    ends: _Positions

    @classmethod
    def from_parts(cls, parts: Iterable[tuple[str, int, int]]) -> Aligned:
        """Join normalised parts, each of them with its start and end in the original."""
        texts: list[str] = []
        starts: list[int] = []
        ends = [0]
        for part, start, end in parts:
            texts.append(part)
            starts += [start] * len(part)
            ends += [end] * len(part)
        return cls("".join(texts), np.array([*starts, ends[-1]]), np.array(ends))

    @classmethod
    def identical(cls, text: str) -> Aligned:
        """A text of which each character comes from the one in the same place."""
        places = np.arange(len(text) + 1)
        return cls(text, places, places)

    def spans(self, starts: _Positions, ends: _Positions) -> Spans:
        """The start and end in the original of each `text[start:end]`."""
        spans = np.empty((len(starts), 2), np.int64)
        spans[:, 0] = self.starts[starts]
        np.maximum(self.ends[ends], spans[:, 0], out=spans[:, 1])
        return spans


@dataclass(frozen=True)
class GoogleNormalizer:
    """Normalises text as it was normalised for the training of ALBERT, before SentencePiece.

    Args:
        do_lower_case: lower-case the text.
        keep_accents: keep the combining marks.
        compose: write a letter and its marks as one character, for a vocabulary that does not.

    Raises:
        ValueError: a text contains a lone surrogate, so it is not valid Unicode.

    Source: `preprocess_text` in tokenization.py of the released code.
    """

    do_lower_case: bool = True
    keep_accents: bool = False
    compose: bool = False

    def __call__(self, text: str) -> str:
        if not _is_regular(text):
            text = " ".join(text.split())
        if not text.isascii():
            text = self._decompose(text)
        if self.do_lower_case:
            text = text.lower()
        return unicodedata.normalize("NFC", text) if self.compose else text

    def align(self, text: str) -> Aligned:
        """The normalised text, and where each of its characters comes from in the original."""
        aligned = self._align(text)
        # Lower-casing keeps the length, because NFKD has separated the dot from "İ".
        if self.do_lower_case:
            aligned = aligned._replace(text=aligned.text.lower())
        if self.compose and not unicodedata.is_normalized("NFC", aligned.text):
            return _compose(aligned)
        return aligned

    def keeps_places(self, text: str) -> bool:
        """Whether each character becomes one in the same place; this is fast, and mostly true."""
        return _is_regular(text) and (
            text.isascii() or all(_is_single(letter, self.keep_accents) for letter in set(text))
        )

    def _align(self, text: str) -> Aligned:
        if self.keeps_places(text):
            return Aligned.identical(text if text.isascii() else self._decompose(text))
        counts = np.ones(len(text), np.int64)
        ends = np.arange(1, len(text) + 1)
        parts: list[str] = []
        end = 0
        for start, stop, part in self._changes(text):
            counts[start:stop] = 0
            counts[start : start + 1] = len(part)
            ends[start] = stop
            parts += text[end:start], part
            end = stop
        origins = np.repeat(np.arange(len(text)), counts)
        ends = np.append(0, ends[origins])
        return Aligned("".join([*parts, text[end:]]), np.append(origins, ends[-1]), ends)

    def _changes(self, text: str) -> Iterator[tuple[int, int, str]]:
        """The ranges that change, and what each becomes: white space, and letters with marks."""
        for irregular in _IRREGULAR.finditer(text):
            start, end = irregular.span()
            if text[start].isspace():
                yield start, end, " " if start > 0 and end < len(text) else ""
                continue
            for cluster_start, cluster_end in _clusters(text, start, end):
                cluster = text[cluster_start:cluster_end]
                part = self._decompose(cluster)
                if part != cluster:
                    yield cluster_start, cluster_end, part

    def _decompose(self, text: str) -> str:
        if not self.keep_accents:
            # NFKD treats ASCII and other characters independently, so the other runs suffice.
            return _NON_ASCII.sub(_without_accents, text)
        text = _nfkd(text)
        # the dot of the Turkish "İ" becomes that of the "i", as in "iyi" for "İyi"
        return _DOTTED_I.sub(r"\1", text) if self.do_lower_case else text


def refuse_surrogates(text: str) -> None:
    """Raise a `ValueError` if the text contains half of a UTF-16 pair, which cannot be encoded."""
    if found := _SURROGATE.search(text):
        raise ValueError(
            f"a text contains the lone surrogate \\u{ord(found[0]):04x}, so it was decoded "
            "wrongly; decode its bytes again"
        )


def _is_regular(text: str) -> bool:
    """Whether the white space of a text needs no change, as in most texts."""
    # white space other than a plain space is not printable
    return text.isprintable() and "  " not in text and text == text.strip(" ")


@lru_cache(maxsize=65536)
def _is_single(letter: str, keep_accents: bool) -> bool:
    """Whether a character becomes one character, and belongs to no other."""
    if letter.isascii():
        return True
    decomposed = _nfkd(letter) if keep_accents else _nfkd_without_accents(letter)
    return len(decomposed) == 1 and not unicodedata.combining(decomposed)


def _without_accents(run: re.Match[str]) -> str:
    return _nfkd_without_accents(run[0])


@lru_cache(maxsize=65536)
def _nfkd_without_accents(text: str) -> str:
    return "".join(character for character in _nfkd(text) if not unicodedata.combining(character))


def _nfkd(text: str) -> str:
    refuse_surrogates(text)
    return unicodedata.normalize("NFKD", text)


def _compose(aligned: Aligned) -> Aligned:
    """The text in NFC; a composed character comes from all that it was composed of."""
    parts: list[tuple[str, int, int]] = []
    start = 0
    composed = aligned.text[:1]
    for end in range(1, len(aligned.text) + 1):
        letter = aligned.text[end : end + 1]
        longer = unicodedata.normalize("NFC", composed + letter)
        if letter and (unicodedata.combining(letter) or longer != composed + letter):
            composed = longer
            continue
        parts.append((composed, int(aligned.starts[start]), int(aligned.ends[end])))
        start, composed = end, letter
    return Aligned.from_parts(parts)


def _clusters(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The range of each character in `text[start:end]`, with the combining marks after it."""
    first = start
    for position in range(start + 1, end):
        decomposed = unicodedata.normalize("NFKD", text[position])
        if not unicodedata.combining(decomposed[0]):
            yield first, position
            first = position
    yield first, end
