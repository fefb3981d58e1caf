"""Documents to sentences."""

from __future__ import annotations

import re

from albertlm.corpus.documents import Document

HEADING_WORDS = 6
_TAGS = (
    "b|big|blockquote|br|center|cite|code|dd|div|dl|dt|em|font|hr|i|li|ol|p|pre|s|small|span|"
    "strong|sub|sup|table|td|th|tr|tt|u|ul"
)
_MARKUP = re.compile(rf"</?(?:{_TAGS})(?:\s+\w+=[^<>]*)?\s*/?>", re.IGNORECASE)
"""HTML that an extractor left behind, and no more: `a <b and c> d` is prose."""


def sentences(document: Document, language: str = "en") -> list[str]:
    """The sentences of a document, in order.

    A document with a title comes from an encyclopedia whose extractor left the title and the
    section headings as lines of their own. There, the line that is the title goes, and so does
    every line of at most six words: a stated rule, which takes a few short paragraphs with it.

    HTML tags are taken out everywhere.

    Args:
        document: its paragraphs are its lines.
        language: ISO 639-1 code; abbreviations and quotes are told by it.
    """
    import sentencex

    found = []
    for line in document.text.split("\n"):
        paragraph = _MARKUP.sub(" ", line).strip()
        if document.title and len(paragraph.split()) <= HEADING_WORDS:
            continue
        if paragraph and paragraph != document.title:
            found += [s for part in sentencex.segment(language, paragraph) if (s := part.strip())]
    return found
