"""The text normalisation of the hub's ALBERT: that of the released `tokenizer.json`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import sentencepiece

from albertlm.tokenization.normalization import Aligned, refuse_surrogates
from albertlm.tokenization.unicode_versions import (
    FORMER_MARKS,
    LATER_LOWER_CASE,
    NOT_DECOMPOSED,
    NOT_MARKS,
)

_WHITE_SPACE = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_JOINERS = frozenset("\u200c\u200d\uff9e\uff9f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_CONTROLS = ("Cc", "Cf", "Zl", "Zp")
"""Categories of characters that no mark joins."""

_LONGEST_CLUSTER = 5
"""Bytes; `tokenizers` looks a longer cluster up character by character."""


class HubNormalizer:
    """Quotes, NFKD, accents, lower case, then the character map inside `spiece.model`.

    White space of every kind comes out as a space; runs of it stay.

    Args:
        model: the bytes of a `spiece.model`.
        do_lower_case: lower-case the text.
        keep_accents: leave NFKD and the dropping of combining marks out.
    """

    def __init__(self, model: bytes, do_lower_case: bool, keep_accents: bool) -> None:
        self._do_lower_case = do_lower_case
        self._keep_accents = keep_accents
        self._character_map = sentencepiece.SentencePieceNormalizer(
            model_proto=model,
            add_dummy_prefix=False,
            escape_whitespaces=False,
            remove_extra_whitespaces=False,
        )
        self._table = _Table(self)

    def __call__(self, text: str) -> str:
        if self._keep_accents and not text.isascii():
            return self.align(text).text
        return text.replace("``", '"').replace("''", '"').translate(self._table)

    def align(self, text: str) -> Aligned:
        """The normalised text and where in the original each of its characters comes from."""
        parts = (
            (self._normalize_unit(text[start:end]), start, end) for start, end in self._units(text)
        )
        return Aligned.from_parts(text, parts)

    def _normalize_unit(self, unit: str) -> str:
        if unit in ("``", "''"):
            return '"'
        if len(unit) == 1:
            return self._table[ord(unit)]
        return self._normalize_cluster(self._lower(unit))

    def normalize_character(self, character: str) -> str:
        refuse_surrogates(character)
        if not self._keep_accents:
            character = _without_accents(character)
        return "".join(map(self._look_up, self._lower(character)))

    def _units(self, text: str) -> Iterator[tuple[int, int]]:
        """Pairs of quotes, clusters of characters if accents are kept, else single characters."""
        start = 0
        while start < len(text):
            end = start + 1
            if text[start : start + 2] in ("``", "''"):
                end += 1
            elif self._keep_accents and unicodedata.category(text[start]) not in _CONTROLS:
                while end < len(text) and (text[end] in _JOINERS or _is_mark(text[end])):
                    end += 1
            yield start, end
            start = end

    def _lower(self, text: str) -> str:
        if not self._do_lower_case:
            return text
        # one by one: a final sigma gets no form of its own
        return "".join(LATER_LOWER_CASE.get(character) or character.lower() for character in text)

    def _normalize_cluster(self, cluster: str) -> str:
        """A base character with its marks; the shortest entry that begins it stands for it all."""
        characters = [self._look_up(character) for character in cluster]
        if len(cluster.encode("utf-8", "surrogatepass")) <= _LONGEST_CLUSTER:
            if characters[0] != cluster[0]:
                return characters[0]
            for end in range(2, len(cluster) + 1):
                mapped: str = self._character_map.normalize(cluster[:end])
                if mapped != "".join(characters[:end]):
                    return mapped
        return "".join(characters)

    def _look_up(self, character: str) -> str:
        refuse_surrogates(character)
        mapped: str = self._character_map.normalize(character)
        return " " if mapped in _WHITE_SPACE else mapped


class _Table(dict[int, str]):
    """What each character becomes, worked out when it is first met; for `str.translate`."""

    def __init__(self, normalizer: HubNormalizer) -> None:
        self._normalizer = normalizer

    def __missing__(self, codepoint: int) -> str:
        self[codepoint] = normalized = self._normalizer.normalize_character(chr(codepoint))
        return normalized


def _without_accents(character: str) -> str:
    if character in NOT_DECOMPOSED:
        return character
    decomposed = unicodedata.normalize("NFKD", character)
    return "".join(part for part in decomposed if not _is_mark(part))


def _is_mark(character: str) -> bool:
    if character in FORMER_MARKS:
        return True
    return unicodedata.category(character).startswith("M") and character not in NOT_MARKS
