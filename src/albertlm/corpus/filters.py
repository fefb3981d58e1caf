"""Which documents are worth training on, and a reason for each that is not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from unicodedata import category

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LANGUAGE_SAMPLE = 1000
"""Characters from a document's start by which its language is told."""

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_NO_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalpha())


@dataclass(frozen=True)
class Filters:
    """Bounds that a cleaned document has to keep. The defaults were chosen by looking at 18,053
    articles of the English Wikipedia without headings and tables, and 1,039 novels and stories.

    Fields:
        language: the code that py3langid gives the language (ISO 639); None does not ask.
        language_confidence: how sure (0 to 1) it has to be of another language. Three of 16,568
            articles are taken for another, with 0.55 at most; 0.9 drops none.
        min_characters: 200 drops 14 % of the articles with 0.07 % of their text: empty lists, the
            first lines of disambiguation pages and of years. Counted in characters, because
            Chinese or Thai have no blanks between words.
        min_letters: the share of letters and their marks in all that is not blank. Prose is above
            0.75 even in mathematics, chess and the statistics of counties, lists of figures are
            below 0.7.
        max_repeated: the share of characters in lines that stand in the document before; 0.3
            drops three books that hold their whole text twice, and no article.

    Raises:
        ValueError: a bound is out of its range, or py3langid does not know the language.
    """

    language: str | None = "en"
    language_confidence: float = 0.9
    min_characters: int = 200
    min_letters: float = 0.7
    max_repeated: float = 0.3

    def __post_init__(self) -> None:
        for name in ("language_confidence", "min_letters", "max_repeated"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; it is a share between 0 and 1")
        if self.min_characters < 0:
            raise ValueError(f"min_characters is {self.min_characters}; 0 keeps every length")
        if self.language is not None and self.language not in languages():
            raise ValueError(
                f"language {self.language!r} cannot be told from others; check none "
                f"(--any-language), or give one of {' '.join(languages())}"
            )

    def reason(self, text: str) -> str | None:
        """Why a document should be left out, or None.

        Args:
            text: cleaned, a paragraph a line.
        """
        if len(text) < self.min_characters:
            return "too short"
        if letters_share(text) < self.min_letters:
            return "few letters"
        if repeated_share(text) > self.max_repeated:
            return "repeated lines"
        if self.language is not None:
            found, confidence = _identifier().classify(text[:LANGUAGE_SAMPLE])
            if found != self.language and confidence >= self.language_confidence:
                return "another language"
        return None


def letters_share(text: str) -> float:
    """The share of letters, with the marks on them, in all characters but blanks; 0 for none."""
    others = _BEYOND_ASCII.findall(text)
    letters = len(text.encode("ascii", "ignore").translate(None, _NO_LETTERS))
    letters += sum(count for c, count in Counter(others).items() if category(c)[0] in "LM")
    return letters / max(1, len(text) - text.count(" ") - text.count("\n"))


def repeated_share(text: str) -> float:
    """The share of characters in lines that stand in the text before."""
    lines = Counter(text.split("\n"))
    return sum(len(line) * (count - 1) for line, count in lines.items()) / max(1, len(text))


def languages() -> list[str]:
    """The codes of the languages that can be told from each other."""
    return sorted({*_identifier().labels} - {"zxx"})  # zxx is text in no language


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
