"""Documents to sentences."""

from __future__ import annotations

import re

from albertlm.corpus.documents import Document

HEADING_WORDS = 6
_MARKUP = re.compile(r"</?\w[^>]*>")


def sentences(document: Document, language: str = "en") -> list[str]:
    """The sentences of a document, in order.

    A document with a title comes from an encyclopedia whose extractor left the title and the
    section headings as lines of their own. There, the line that is the title goes, and so does
    every line of at most six words: a stated rule, which takes a few short paragraphs with it.

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
