"""Labels of tokens to labels of words, and labels of words to entities.

T tokens, L labels.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Strategy = Literal["none", "simple", "first", "average", "max"]
"""How labels are aggregated: not at all, by entities over tokens or, with the other three, by
entities over words, each of which has the label of its first token, of the mean of its tokens'
probabilities, or of its most certain token."""

CharSpans = Sequence[tuple[int, int]]
"""The start and end (exclusive) of each token or word, in characters of the text."""

OUTSIDE = "O"
"""The label of what is in no entity."""

_UNSPACED = (
    r"\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Characters of scripts without spaces: Thai to Burmese, Khmer, kana and ideographs."""

_RUN = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")

_LETTERS = re.compile(rf"[{_UNSPACED}]|(?:[^\W_{_UNSPACED}]|[\u0300-\u036f])+")


class Tag(NamedTuple):
    """The label of a token or word.

    Fields:
        label: its name, such as `B-PER`.
        score: its probability.
        start: the first character.
        end: the one after the last.
    """

    label: str
    score: float
    start: int
    end: int


class Entity(NamedTuple):
    """Consecutive tokens or words of one kind.

    Fields:
        kind: their label without `B-` and `I-`.
        score: the mean of their probabilities.
        start: the first character.
        end: the one after the last.
    """

    kind: str
    score: float
    start: int
    end: int


def word_spans(text: str) -> list[tuple[int, int]]:
    """The words of a text, which white space separates.

    Each punctuation mark at the beginning or end of such a word is a word of its own, and so is
    each character of a script without spaces.
    """
    spans = []
    for run in _RUN.finditer(text):
        start, end = first, last = run.span()
        while first < last and _is_punctuation(text[first]):
            first += 1
        while first < last and _is_punctuation(text[last - 1]):
            last -= 1
        spans += [(at, at + 1) for at in range(start, first)]
        spans += [(first, last)] * (first < last)
        spans += [(at, at + 1) for at in range(last, end)]
    return spans


def letter_runs(text: str) -> list[tuple[int, int]]:
    """The runs of letters, digits and combining marks; in scripts without spaces, of one each."""
    return [run.span() for run in _LETTERS.finditer(text)]


def token_tags(
    probabilities_TL: npt.NDArray[np.float64], tokens: CharSpans, labels: Sequence[str]
) -> list[Tag]:
    """The most probable label of each token.

    Args:
        probabilities_TL: of all labels, for each token.
        tokens: where each token is in the text.
        labels: the names of the labels.
    """
    return [
        Tag(labels[int(of_token.argmax())], float(of_token.max()), *span)
        for of_token, span in zip(probabilities_TL, tokens, strict=True)
    ]


def word_tags(
    probabilities_TL: npt.NDArray[np.float64],
    tokens: CharSpans,
    words: CharSpans,
    labels: Sequence[str],
    strategy: Strategy = "first",
) -> list[Tag | None]:
    """The label of each word, as the strategy takes it from the tokens that begin in the word.

    A word reaches to the end of its last token, if that is farther.

    Args:
        probabilities_TL: of all labels, for each token.
        tokens: where each token is in the text, in order.
        words: where each word is in the text, in order.
        labels: the names of the labels.
        strategy: `first`, `average` or `max`.

    Returns:
        A tag for each word, or None for one in which no token begins.
    """
    tags: list[Tag | None] = []
    starts = [start for start, _ in tokens]
    bounds = np.searchsorted(starts, np.array(words, np.int64).reshape(-1, 2)).tolist()
    for (start, end), (first, stop) in zip(words, bounds, strict=True):
        if first == stop:
            tags.append(None)
            continue
        rows = probabilities_TL[first:stop]
        if strategy == "average":
            of_word = rows.mean(0)
        else:
            of_word = rows[rows.max(1).argmax() if strategy == "max" else 0]
        label = int(of_word.argmax())
        score = float(of_word[label])
        tags.append(Tag(labels[label], score, start, max(end, tokens[stop - 1][1])))
    return tags


def entities(tags: Sequence[Tag]) -> list[Entity]:
    """Consecutive tags of the same kind, those of `O` included.

    `B-X` begins an entity, and so does `I-X` after anything but `B-X` or `I-X`. A label without
    such a prefix continues the same label.
    """
    groups: list[list[Tag]] = []
    before = None
    for tag in tags:
        if _kind(tag.label) != before or tag.label.startswith("B-"):
            groups.append([])
        groups[-1].append(tag)
        before = _kind(tag.label)
    return [_joined(group) for group in groups]


def _joined(tags: Sequence[Tag]) -> Entity:
    score = sum(tag.score for tag in tags) / len(tags)
    return Entity(_kind(tags[0].label), score, tags[0].start, tags[-1].end)


def _kind(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] == "P"
