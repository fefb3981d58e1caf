"""Google's text normalisation: white space, NFKD, combining marks, lower case, and nothing else."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_NON_ASCII = re.compile(r"[^\x00-\x7f]+")


@dataclass(frozen=True)
class GoogleNormalizer:
    """Text as ALBERT's weights have seen it, before SentencePiece.

    Args:
        do_lower_case: lower-case the text.
        keep_accents: keep the combining marks.

    Source: `preprocess_text` in tokenization.py of the released code.
    """

    do_lower_case: bool = True
    keep_accents: bool = False

    def __call__(self, text: str) -> str:
        text = " ".join(text.split())
        if not text.isascii():
            text = self._decompose(text)
        return text.lower() if self.do_lower_case else text

    def _decompose(self, text: str) -> str:
        if self.keep_accents:
            return unicodedata.normalize("NFKD", text)
        # No rule of NFKD reaches from ASCII into its neighbours, so the few other runs suffice.
        return _NON_ASCII.sub(_without_accents, text)


def _without_accents(run: re.Match[str]) -> str:
    return _decomposed_without_accents(run.group())


@lru_cache(maxsize=65536)
def _decomposed_without_accents(text: str) -> str:
    return "".join(
        character
        for character in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(character)
    )
