"""How well a vocabulary fits a text: tokens a word, unknown pieces, characters a token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

import numpy as np

from albertlm.tokenization.tokenizer import AlbertTokenizer

_CHARACTERS_AT_ONCE = 1 << 22
"""Of texts that are encoded together: they take about ten times as many bytes."""


@dataclass(frozen=True, slots=True)
class Fertility:
    """Counts over texts, which add up, and what follows from them.

    Fields:
        words: parts between white space.
        characters: of those parts.
        tokens: pieces that the tokenizer made of the texts.
        unknown: those of the tokens that are `<unk>`.
    """

    words: int = 0
    characters: int = 0
    tokens: int = 0
    unknown: int = 0

    def __add__(self, other: Fertility) -> Fertility:
        return Fertility(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    @property
    def tokens_per_word(self) -> float:
        """Means little for scripts that do not part words by blanks."""
        return self.tokens / max(self.words, 1)

    @property
    def characters_per_token(self) -> float:
        return self.characters / max(self.tokens, 1)

    @property
    def unknown_share(self) -> float:
        """Share of the tokens that stand for characters without a piece."""
        return self.unknown / max(self.tokens, 1)


def fertility(tokenizer: AlbertTokenizer, texts: Iterable[str]) -> Fertility:
    """Count over texts, whose lines are encoded one by one as those of a corpus are."""
    if isinstance(texts, str):
        raise ValueError("texts is one string; give a list of strings")
    total = Fertility()
    batch: list[str] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += len(text)
        if characters >= _CHARACTERS_AT_ONCE:
            total += _count(tokenizer, batch)
            batch, characters = [], 0
    return total + _count(tokenizer, batch)


def _count(tokenizer: AlbertTokenizer, texts: list[str]) -> Fertility:
    words = [word for text in texts for word in text.split()]
    lines = [line for text in texts for line in text.split("\n") if line]
    ids, _ = tokenizer.encode_joined(lines)
    return Fertility(
        words=len(words),
        characters=sum(map(len, words)),
        tokens=len(ids),
        unknown=int(np.count_nonzero(ids == tokenizer.unk_token_id)),
    )
