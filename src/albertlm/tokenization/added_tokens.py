"""Finding added tokens, such as `[MASK]`, in texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping

from albertlm.tokenization.normalization import Aligned
from albertlm.tokenization.special_tokens import AddedToken

_FEW = 4
"""Up to so many characters are looked for one by one, before any pattern."""

_OTHERS = frozenset(
    "\u200c\u200d"
    + "".join(map(chr, (*range(0x24B6, 0x24EA), *range(0x1F130, 0x1F14A))))
    + "".join(map(chr, (*range(0x1F150, 0x1F16A), *range(0x1F170, 0x1F18A))))
)
"""Characters of words that are no letters, marks or digits: joiners and circled letters."""

Range = tuple[int, int, int | None]
"""The start and end of a part of a text, and its id if it is an added token."""


class AddedTokens:
    """Splits texts at added tokens, as `tokenizers` does: the first, and of these the longest.

    Args:
        align: normalises a text, for the tokens that are looked for in normalised text.
    """

    def __init__(self, align: Callable[[str], Aligned]) -> None:
        self._align = align
        self.tokens: dict[int, AddedToken] = {}
        self._compile()

    def add(self, tokens: Mapping[int, AddedToken]) -> None:
        """Look for tokens by their ids; those of the same ids are replaced."""
        self.tokens |= tokens
        self._compile()

    def are_in(self, text: str) -> bool:
        """Whether a text may hold one of them; this is fast, and mostly the answer is no."""
        # searching for a character is much faster than searching for a pattern
        if self._firsts and not any(first in text for first in self._firsts):
            return False
        return any(end for _, end, token_id in self.split(text) if token_id is not None)

    def split(self, text: str) -> Iterator[Range]:
        """The parts of a text: added tokens, and what lies between them, which may be empty."""
        end = 0
        for start, stop, token_id in _find(self._literal, self._literal_tokens, text):
            yield from self._split_normalized(text, end, start)
            yield start, stop, token_id
            end = stop
        yield from self._split_normalized(text, end, len(text))

    def _split_normalized(self, text: str, start: int, stop: int) -> Iterator[Range]:
        if self._normalized:
            aligned = self._align(text[start:stop])
            part = start
            matches = _find(self._normalized, self._normalized_tokens, aligned.text)
            for begin, end, token_id in matches:
                first, last = part + int(aligned.starts[begin]), part + int(aligned.ends[end])
                yield start, first, None
                yield first, last, token_id
                start = last
        yield start, stop, None

    def _compile(self) -> None:
        pairs = self.tokens.items()
        literal = {each.content: (n, each) for n, each in pairs if not each.normalized}
        normalized = {
            self._align(each.content).text: (n, each) for n, each in pairs if each.normalized
        }
        self._literal, self._normalized = _pattern(literal), _pattern(normalized)
        self._literal_tokens, self._normalized_tokens = literal, normalized
        firsts = {text[0] for text in literal}
        self._firsts = firsts if len(firsts) <= _FEW and not normalized else set()


def _pattern(tokens: Iterable[str]) -> re.Pattern[str] | None:
    # white space around a token is no part of any piece, so lstrip and rstrip change nothing
    longest_first = sorted(filter(None, tokens), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _find(
    pattern: re.Pattern[str] | None, tokens: Mapping[str, tuple[int, AddedToken]], text: str
) -> Iterator[Range]:
    for found in pattern.finditer(text) if pattern else ():
        token_id, token = tokens[found[0]]
        start, end = found.span()
        around = text[max(0, start - 1) : start] + text[end : end + 1]
        # a shorter token is not looked for where the longest is only a part of a word
        if not (token.single_word and any(map(_is_of_word, around))):
            yield start, end, token_id


def _is_of_word(char: str) -> bool:
    """Whether a character is one of those of words in Rust's `regex`, which `tokenizers` uses.

    Source: Unicode Technical Standard 18, Annex C, `\\w`.
    """
    category = unicodedata.category(char)
    return category[0] in "LM" or category in ("Nd", "Nl", "Pc") or char in _OTHERS
