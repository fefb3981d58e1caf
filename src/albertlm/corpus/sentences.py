"""Text to sentences, and how a corpus writes them down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from albertlm.corpus.cleaning import without_headings
from albertlm.corpus.documents import Document

_TAGS = (
    "b|big|blockquote|br|center|cite|code|dd|div|dl|dt|em|font|hr|i|li|ol|p|pre|s|small|span|"
    "strong|sub|sup|table|td|th|tr|tt|u|ul"
)
_MARKUP = re.compile(rf"</?(?:{_TAGS})(?:\s+\w+=[^<>]*)?\s*/?>", re.IGNORECASE)


def split_sentences(text: str, language: str) -> list[list[str]]:
    """The sentences of each paragraph that has any.

    Inside a sentence every run of white space becomes one blank, so no sentence holds a line break
    of any kind.

    Args:
        text: a paragraph a line.
        language: ISO 639-1 code; abbreviations and quotes are told by it.
    """
    import sentencex

    lines = (" ".join(line.split()) for line in text.split("\n"))
    return [[s.strip() for s in sentencex.segment(language, line)] for line in lines if line]


def join_sentences(paragraphs: Iterable[Sequence[str]]) -> str:
    """Paragraphs of sentences as a corpus holds them: a sentence a line, a blank line between
    paragraphs. `paragraphs` is its inverse.
    """
    return "\n\n".join("\n".join(sentences) for sentences in paragraphs)


def paragraphs(text: str) -> list[list[str]]:
    """The paragraphs of sentences that `join_sentences` wrote."""
    return [part.split("\n") for part in text.split("\n\n")] if text else []


def sentences(document: Document, language: str = "en") -> list[str]:
    """The sentences of a document as a reader gives it, in order."""
    import sentencex

    found = []
    for line in without_headings(document.text, document.title).split("\n"):
        if paragraph := _MARKUP.sub(" ", line).strip():
            found += [s for part in sentencex.segment(language, paragraph) if (s := part.strip())]
    return found
