"""Decide which documents are worth training on."""

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
"""The number of characters in each of the samples that identify the language of a document."""

_VARIETIES = (
    ("ar", "ary", "arz"),
    ("bs", "hr", "sr"),
    ("ff", "fuv"),
    ("id", "ms"),
    ("ltg", "lv"),
    ("nn", "no"),
    ("uz", "uzs"),
    ("wuu", "yue", "zh"),
)
"""Codes of py3langid for varieties of one language, which it takes for each other in writing."""

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_NO_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalpha())


@dataclass(frozen=True)
class Filters:
    """Limits that a cleaned document has to meet.

    The defaults were chosen by inspecting 18,053 articles of the English Wikipedia without headings
    and tables, and 1,039 novels and stories.

    Fields:
        language: py3langid's code of the language (ISO 639), or None to accept any language.
        language_confidence: the confidence (0 to 1) at which a sample of a document counts as being
            in another language. Three of 16,568 articles are misidentified, with a confidence of at
            most 0.55; 0.9 drops none of them.
        min_characters: the minimum length. 200 drops 14 % of the articles but 0.07 % of their text:
            empty lists and the first lines of disambiguation pages and of articles on years. The
            unit is characters because Chinese and Thai have no spaces between words.
        min_letters: the minimum share of letters and combining marks in the characters that are not
            whitespace. Prose is above 0.75, even in articles on mathematics, chess or county
            statistics; tables of numbers are below 0.7.
        max_repeated: the maximum share of characters in lines that repeat an earlier line. 0.3
            drops three books that contain their whole text twice, and no article.

    Raises:
        ValueError: a limit is out of range, or py3langid does not know the language.
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
                raise ValueError(f"{name} is {value}; it must be between 0 and 1")
        if self.min_characters < 0:
            raise ValueError(f"min_characters is {self.min_characters}; 0 keeps every length")
        if self.language is not None and self.language not in languages():
            raise ValueError(
                f"language {self.language!r} cannot be identified; accept any (--any-language), "
                f"or name one of {' '.join(languages())}"
            )

    def reason(self, text: str) -> str | None:
        """Return why a document should be left out, or None if it should be kept.

        Args:
            text: cleaned text, one paragraph per line.
        """
        if len(text) < self.min_characters:
            return "too short"
        if letters_share(text) < self.min_letters:
            return "few letters"
        if repeated_share(text) > self.max_repeated:
            return "repeated lines"
        return "another language" if self._is_in_another_language(text) else None

    def _is_in_another_language(self, text: str) -> bool:
        """Return whether the beginning is in another language, and so is most of three samples.

        A preface or an imprint is often in another language than the book.
        """
        if self.language is None or not self._is_foreign(text[:LANGUAGE_SAMPLE]):
            return False
        middle = text[len(text) // 2 :][:LANGUAGE_SAMPLE]
        return self._is_foreign(middle) or self._is_foreign(text[-LANGUAGE_SAMPLE:])

    def _is_foreign(self, sample: str) -> bool:
        found, confidence = _identifier().classify(sample)
        same = next((each for each in _VARIETIES if self.language in each), (self.language,))
        return found not in same and confidence >= self.language_confidence


def letters_share(text: str) -> float:
    """Return the share of letters and combining marks in the characters that are not whitespace."""
    others = _BEYOND_ASCII.findall(text)
    letters = len(text.encode("ascii", "ignore").translate(None, _NO_LETTERS))
    letters += sum(count for c, count in Counter(others).items() if category(c)[0] in "LM")
    return letters / max(1, len(text) - text.count(" ") - text.count("\n"))


def repeated_share(text: str) -> float:
    """Return the share of characters in lines that repeat an earlier line."""
    lines = Counter(text.split("\n"))
    return sum(len(line) * (count - 1) for line, count in lines.items()) / max(1, len(text))


def languages() -> list[str]:
    """Return the codes of the languages that can be identified."""
    return sorted({*_identifier().labels} - {"zxx"})  # zxx stands for no language


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
