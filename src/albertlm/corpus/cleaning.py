"""Text as it comes, to clean text: damaged characters, left-over markup, headings."""

from __future__ import annotations

import re

HEADING_WORDS = 6
_TAGS = (
    "b|big|blockquote|br|center|cite|code|dd|div|dl|dt|em|font|hr|i|li|ol|p|pre|s|small|span|"
    "strong|sub|sup|table|td|th|tr|tt|u|ul"
)
MARKUP = re.compile(rf"</?(?:{_TAGS})(?:\s+\w+=[^<>]*)?\s*/?>", re.IGNORECASE)
"""HTML that an extractor left behind, and no more: `a <b and c> d` is prose."""


def clean(text: str) -> str:
    """Text without left-over HTML tags and runs of blanks; lines stay lines."""
    return "\n".join(" ".join(MARKUP.sub(" ", line).split()) for line in text.split("\n"))


def without_headings(text: str, title: str) -> str:
    """Text without its title and its section headings, where an extractor left them as lines.

    The line that is the title goes, and so does every line of at most six words: a stated rule,
    which takes a few short paragraphs with it. Without a title the text stays as it is.

    Args:
        text: a paragraph a line.
        title: the document's title, empty where it has none.
    """
    if not title:
        return text
    return "\n".join(line for line in text.split("\n") if not _is_heading(line, title))


def _is_heading(line: str, title: str) -> bool:
    bare = MARKUP.sub(" ", line).strip()
    return bare == title or len(bare.split()) <= HEADING_WORDS
