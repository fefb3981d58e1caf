"""Text normalisation as the released `tokenizer.json` defines it.

The Unicode tables of `tokenizers` differ from Python's: it decomposes according to Unicode 12.0,
takes combining marks from an even older version, and lower-cases according to a newer version than
Python. The tables in this module list the differences, so that the hub mode gives the same ids on
any Python up to Unicode 18; a test compares them with `tokenizers`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import sentencepiece

from albertlm.tokenization.normalization import Aligned, refuse_surrogates

_WHITE_SPACE = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_JOINERS = frozenset("\u200c\u200d\uff9e\uff9f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_CONTROLS = ("Cc", "Cf", "Zl", "Zp")
"""Categories of characters that form no cluster with the marks after them."""

_LONGEST_CLUSTER = 5
"""In bytes; `tokenizers` looks up longer clusters character by character."""


def _characters(ranges: str) -> frozenset[str]:
    """The characters in hexadecimal ranges such as `a7f2-a7f4`."""
    characters: set[str] = set()
    for each in ranges.split():
        first, _, last = each.partition("-")
        characters.update(map(chr, range(int(first, 16), int(last or first, 16) + 1)))
    return frozenset(characters)


NOT_DECOMPOSED = _characters(
    "558 58b-58c 209d-209f 32ff a7f1-a7f4 ab69 105c9 105e4 10781-10785 10787-107b0 107b2-107bf "
    "11383 11385 1138e 11391 113c5 113c7-113c8 11938 16121-16128 16d68-16d6a 1b123-1b126 "
    "1ccd6-1ccf9 1d6a6 1df95 1dfcd-1dfff 1e030-1e06d 1f16c 1fbf0-1fbf9"
)
"""Characters whose decomposition was added after Unicode 12.0."""

NOT_MARKS = _characters(
    "5c8-5c9 7fd 897-89f 8ca-8d3 9fe afa-aff b53-b55 c04 c3c cf3 d00 d3b-d3c d81 eba ece 1715 "
    "180f 1abf-1af0 1cf7 1df6-1dfa a82c a8ff 10d24-10d27 10d69-10d6d 10eab-10eac 10ecb-10ecf "
    "10ef0-10eff 10f46-10f50 10f82-10f85 11070 11073-11074 110c2 11145-11146 111c9 111ce-111cf "
    "11241 1133b 113b8-113c0 113c2 113c5 113c7-113ca 113cc-113d0 113d2 113e1-113e2 1145e "
    "1182c-1183a 11930-11935 11937-11938 1193b-1193e 11940 11942-11943 119d1-119d7 119da-119e0 "
    "119e4 11a01-11a0a 11a33-11a39 11a3b-11a3e 11a47 11a51-11a5b 11a8a-11a99 11b60-11b67 "
    "11d31-11d36 11d3a 11d3c-11d3d 11d3f-11d45 11d47 11d8a-11d8e 11d90-11d91 11d93-11d97 11df0 "
    "11ef3-11ef6 11f00-11f01 11f03 11f34-11f3a 11f3e-11f42 11f5a 13440 13447-13455 1611e-1612f "
    "16f4f 16f7f-16f87 16fe4 16ff0-16ff1 1cf00-1cf2d 1cf30-1cf46 1d127-1d128 1d250-1d252 "
    "1d25b-1d25c 1d25f 1d280-1d281 1e08f 1e130-1e136 1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef "
    "1e6e3 1e6e6 1e6ee-1e6ef 1e6f5"
)
"""Combining marks that `tokenizers` does not know."""

FORMER_MARKS = _characters("1cf2-1cf3")
"""Characters that only `tokenizers` still treats as marks."""

LATER_LOWER_CASE = {
    "\u1c89": "\u1c8a",
    "\ua7cb": "\u0264",
    "\ua7cc": "\ua7cd",
    "\ua7ce": "\ua7cf",
    "\ua7d2": "\ua7d3",
    "\ua7d4": "\ua7d5",
    "\ua7da": "\ua7db",
    "\ua7dc": "\u019b",
    **{chr(capital): chr(capital + 0x20) for capital in range(0x10D50, 0x10D66)},
    **{chr(capital): chr(capital + 0x1B) for capital in range(0x16EA0, 0x16EB9)},
}
"""Upper-case letters that were added in Unicode 16 and 17, with their lower-case letters."""


class HubNormalizer:
    """Replaces quotes, removes accents with NFKD, lower-cases, and applies a character map.

    The character map is that of `spiece.model`. Each white-space character becomes a space; runs
    of spaces are kept.

    Args:
        model: the bytes of a `spiece.model`.
        do_lower_case: lower-case the text.
        keep_accents: skip NFKD and keep the combining marks.
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
        """The normalised text, and where each of its characters comes from in the original."""
        parts = (
            (self._normalize_unit(text[start:end]), start, end) for start, end in self._units(text)
        )
        return Aligned.from_parts(parts)

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
        """The ranges of quotes, of clusters if accents are kept, and of other single characters."""
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
        # one by one, so that a final sigma gets no special form
        return "".join(LATER_LOWER_CASE.get(character) or character.lower() for character in text)

    def _normalize_cluster(self, cluster: str) -> str:
        """The shortest prefix in the character map replaces a base character and all its marks."""
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
    """A table for `str.translate` that normalises each character on first use."""

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
