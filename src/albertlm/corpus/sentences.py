"""Text to sentences, and how a corpus writes them down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from albertlm.corpus.wikitext.languages import WIKIS

LANGUAGES = WIKIS | {"nb"}
"""Codes that are taken. Where sentencex has no rules for one, it takes those of a related language
or of English."""

LONGEST = 10_000
"""Characters of the longest sentence. More at once would take sentencex a time quadratic in quotes
that are never closed."""

LONG = 300
"""Characters above which quotes and brackets no longer hold sentences together."""

_CAPITAL = "A-ZÀ-ÖØ-ÞΑ-ΫЁ-Я"
_OPENING = "\"'“‘„«("
_STOP_WITHIN = re.compile(rf"[.!?]['\"”’»)]* [{_OPENING}]*[{_CAPITAL}]")
_CLOSED_STOP_WITHIN = re.compile(rf"[.!?]['\"”’»)]+ [{_OPENING}]*[{_CAPITAL}]")
_QUOTE_OR_BRACKET = re.compile(r"[\"“”‘„«»()]|(?<!\w)['’]|['’](?!\w)")

_LEFT_OVER = re.compile(r"(?:[)\]}’”“»]+[.,;:!?]*|:\d[\d:,–-]*)(?:\s+|\Z)|[\W_]+\Z")
_ENUMERATOR = re.compile(r"\W*(?:\d{1,4}|[IVXLC]{1,6}|[A-Za-z])[.)]\s*\Z")
_NO_END = {
    "de": re.compile(r"\b\d{1,2}\. \w\Z"),  # ordinal numbers
    "en": re.compile(r"\b(?:apt|art|bk|chs?|chap|eqs?|par|pp?|pt|sec|vols?)\. \d\Z", re.IGNORECASE),
    "fr": re.compile(r"\bMM?\. \w\Z"),
    "hi": re.compile(r"(?:डॉ|पं|प्रो|मो)\. \w\Z"),
}
"""Full stops that end no sentence and that sentencex does not know: the word before, the character
after."""


def split_sentences(text: str, language: str) -> list[list[str]]:
    """The sentences of each paragraph that has any.

    Split by sentencex, whose mistakes that are frequent in books and encyclopedias are mended: the
    end of a quotation or bracket, or what begins in lower case, goes to the sentence before it; a
    number or letter of a list goes to the one after it; a quotation of several sentences that is
    long, or after whose last stop a new sentence begins, is split within. Inside a sentence every
    run of white space is one blank, so none holds a line break of any kind.

    Args:
        text: a paragraph a line.
        language: ISO 639 code; abbreviations and quotes are told by it.

    Raises:
        ValueError: the code is not one of a language.
    """
    check_language(language)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return [
        [sentence for part in _parts(line) for sentence in _sentences(part, language)]
        for line in lines
        if line
    ]


def check_language(language: str) -> None:
    """Raise a ValueError where a code is not one of a language, for sentencex would not."""
    if language not in LANGUAGES:
        raise ValueError(
            f"language {language!r} is not known; give the code of a Wikipedia, such as en or de, "
            "or that of a language with the same punctuation"
        )


def join_sentences(paragraphs: Iterable[Sequence[str]]) -> str:
    """Paragraphs of sentences as a corpus holds them: a sentence a line, a blank line between
    paragraphs. `paragraphs` is its inverse.
    """
    return "\n\n".join("\n".join(sentences) for sentences in paragraphs)


def paragraphs(text: str) -> list[list[str]]:
    """The paragraphs of sentences that `join_sentences` wrote."""
    return [part.split("\n") for part in text.split("\n\n")] if text else []


def _parts(paragraph: str) -> Iterator[str]:
    """A paragraph in parts of at most `LONGEST` characters, cut at a stop, or else at a blank."""
    while len(paragraph) > LONGEST:
        head = paragraph[:LONGEST]
        stops = [head.rfind(stop) + len(stop) for stop in (". ", "! ", "? ", "。") if stop in head]
        cut = max(stops, default=head.rfind(" ") + 1) or LONGEST
        yield paragraph[:cut]
        paragraph = paragraph[cut:]
    yield paragraph


def _sentences(paragraph: str, language: str) -> list[str]:
    import sentencex

    pieces = [
        part
        for piece in sentencex.segment(language, paragraph)
        for part in _split_within(piece, language)
    ]
    return [sentence for piece in _joined(pieces, language) if (sentence := piece.strip())]


def _split_within(piece: str, language: str) -> Iterator[str]:
    """A piece split again as if it had no quotes and brackets, where these seem to mislead."""
    import sentencex

    within = _STOP_WITHIN if len(piece) > LONG else _CLOSED_STOP_WITHIN
    if not within.search(piece):
        yield piece
        return
    start = end = 0
    for part in sentencex.segment(language, _QUOTE_OR_BRACKET.sub(" ", piece)):
        end += len(part)
        cut = end  # behind blanks and quotes: those that open belong to what comes
        while cut > start + 1 and piece[cut - 1] in _OPENING and piece[cut - 2] in _OPENING + " ":
            cut -= 1
        yield piece[start:cut]
        start = cut
    yield piece[start:]


def _joined(pieces: list[str], language: str) -> list[str]:
    """Pieces put together where one goes on with the sentence before."""
    joined = [pieces[0]]
    cased = not next(filter(str.isalpha, pieces[0]), "").islower()
    no_end = _NO_END.get(language)
    for piece in pieces[1:]:
        rest = piece
        if left_over := _LEFT_OVER.match(piece):
            joined[-1] += left_over.group()
            rest = piece[left_over.end() :]
        before = joined[-1]
        if not rest:
            continue
        if (
            rest[0] in ",;:"
            or (rest[0] in "-–—(" and not before[-1].isspace())
            or (cased and rest.lstrip("-–— ")[:1].islower())
            or _ENUMERATOR.fullmatch(before)
            or (no_end and no_end.search(before[-8:] + rest[0]))
        ):
            joined[-1] += rest
        else:
            joined.append(rest)
    return joined
