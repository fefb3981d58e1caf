"""HTML and XHTML: a book or page a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from albertlm.corpus.documents import Record, Span
from albertlm.corpus.formats import books, gutenberg

MAX_DEPTH = 1000
"""Elements within elements; the time of the parser grows with the square of it."""

MAX_TAGS = 300_000
"""The parser's memory is bounded by them; a novel of 5 MB has a third as many."""

_NO_PROSE = (
    "script, style, template, noscript, iframe, object, svg, math, nav, aside, form, button, "
    "select, textarea, table, ul, ol, dl, h1, h2, h3, h4, h5, h6, figure, figcaption, rt, rp, "
    # classes in Project Gutenberg's books
    ".caption, .figcenter, .figleft, .figright, .fnanchor, .pagenum, .toc"
)
_BLOCKS = (
    "address, article, blockquote, center, dd, div, dt, fieldset, footer, header, hr, li, main, p, "
    "section"
)
_BREAK = "\x1e"

_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_SELF_CLOSING = re.compile(
    rf"<(?!(?:{_VOID})\b)([a-z][\w:-]*)((?:\s[^<>]*)?)(?<!/)/>", re.IGNORECASE
)
"""`<title/>` and `<a id="x"/>` are elements of XHTML; to an HTML parser they stay open."""

_NESTING_TAG = re.compile(rf"<(/?)(?!(?:{_VOID}|p|li|dt|dd|tr|td|th|option)\b)[a-z]", re.IGNORECASE)


def spans(path: str) -> list[Span]:
    """The whole file."""
    return books.spans(path, "html")


def read(span: Span) -> Iterator[Record]:
    """The paragraphs of the page, without Project Gutenberg's licence."""
    yield books.record(span.path, _parse)


def paragraphs(data: bytes) -> tuple[str, list[str]]:
    """Title and paragraphs of a page.

    Headings, tables, lists, navigation, captions, scripts and styles are left out.

    Raises:
        UnreadableError: the page's encoding is unknown, or it has too many elements or nests them
            too deeply.
    """
    from selectolax.lexbor import LexborHTMLParser

    markup = _SELF_CLOSING.sub(r"<\1\2></\1>", books.decode(data))
    if markup.count("<") > MAX_TAGS:
        raise books.UnreadableError("too many elements")
    steps = (-1 if tag[1] else 1 for tag in _NESTING_TAG.finditer(markup))
    if max(accumulate(steps), default=0) > MAX_DEPTH:
        raise books.UnreadableError("nested too deeply")
    tree = LexborHTMLParser(markup)
    heading = tree.css_first("head > title")
    title = heading.text() if heading else ""
    if tree.body is None:
        return title, []
    for node in reversed(tree.css(_NO_PROSE)):  # what is within comes before what is around
        node.decompose()
    for node in tree.css("br"):
        node.insert_before(" ")
    for node in tree.css("pre"):
        node.replace_with(_BREAK.join(["", *_preformatted(node.text()), ""]))
    for node in tree.css(_BLOCKS):
        node.insert_before(_BREAK)
        node.insert_after(_BREAK)
    text = tree.body.text(deep=True, separator="")
    parts = (" ".join(part.split()) for part in text.split(_BREAK))
    return title, [part for part in parts if part]


def _preformatted(text: str) -> Sequence[str]:
    """Old pages have Project Gutenberg's licence in one block, whose lines tell where it ends."""
    lines = text.splitlines()
    return lines if gutenberg.NAME.search(text) else books.join_lines(lines)


def _parse(path: str) -> books.Book:
    title, parts = paragraphs(books.contents(path))
    book = books.without_licence(parts, list)
    return replace(book, title=book.title or gutenberg.title_of(title))
