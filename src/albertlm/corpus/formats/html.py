"""Read the prose of HTML and XHTML pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from albertlm.corpus import files
from albertlm.corpus.documents import Record, Span
from albertlm.corpus.formats import books, gutenberg, html_limits, wrapped

NO_PROSE_TYPES = frozenset(
    """
    colophon copyright-page cover cover-page credits frontcover halftitle half-title-page
    halftitle-page halftitlepage imprimatur imprint landmarks loi lot nav other-credits
    page-list seriespage title-page titlepage toc uncopyright
    """.split()  # noqa: SIM905
)
"""Types of parts of a book without prose (https://www.w3.org/TR/epub-ssv-11/), in the guides of
EPUB 2 and the markup of EPUB 3, and identifiers that publishers use for them."""

_NOTES = "noteref footnote footnotes endnote endnotes rearnote rearnotes".split()  # noqa: SIM905
_TYPES = sorted({*NO_PROSE_TYPES, *_NOTES, "index", "pagebreak"})
_NO_PROSE = (
    "script, style, template, noscript, iframe, object, canvas, audio, video, svg, math, nav, "
    "aside, form, button, select, textarea, table, ul, ol, dl, h1, h2, h3, h4, h5, h6, figure, "
    "figcaption, rt, rp, "
    # elements of DTBook
    "pagenum, noteref, note, prodnote, doctitle, docauthor, "
    # classes in Project Gutenberg's books, and what others use for notes
    ".caption, .figcenter, .figleft, .figright, .fnanchor, .footnote, .footnotes, .pagenum, .toc, "
    + ", ".join(rf'[epub\:type~="{kind}"], [role~="doc-{kind}"]' for kind in _TYPES)
)
_BLOCKS = (
    "address, article, blockquote, center, dd, div, dt, fieldset, footer, header, hr, li, main, p, "
    "section"
)
_BREAK = "\x1e"

_NOTE_MARK = re.compile(
    r"\s*(?:(\[\w{1,4}\]|[*†‡§¶]{1,3}\d{0,3})|\d{1,4}|\(\w{1,3}\)|([A-Za-z]))\s*"
)
"""The text of a link to a note. Numbers can also be links to pages, and letters anything."""

_INITIAL = re.compile(r"\s*[\"'“‘«„]?[^\W\d_]\s*")
_DOCTYPE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*)?<!DOCTYPE[^\[>]*\[", re.IGNORECASE
)
_ENTITY = re.compile(r"""<!ENTITY\s+([\w.-]+)\s+(?:"([^"]*)"|'([^']*)')\s*>""")
_REFERENCE = re.compile(r"&([\w.-]+);")

_SELF_CLOSING = re.compile(
    rf"<(?!(?:{html_limits.VOID})\b)([a-z][\w:-]*)((?:\s[^<>]*)?)(?<!/)/>", re.IGNORECASE
)
"""`<title/>` and `<a id="x"/>` are empty elements in XHTML; an HTML parser leaves them open."""


def spans(path: str) -> list[Span]:
    """Return the whole file as one span."""
    return [books.whole_file(path, "html")]


def read(span: Span) -> Iterator[Record]:
    """Yield the page without Project Gutenberg's licence."""
    yield books.record(span.path, _parse)


def paragraphs(data: bytes) -> tuple[str, list[str]]:
    """Return the title and paragraphs of a page.

    Headings, tables, lists, navigation, captions, notes and their marks, numbers of pages, scripts
    and styles are left out, and parts that are marked as a title page, imprint or the like.

    Raises:
        UnreadableError: the encoding of the page is unknown, or it is beyond one of `html_limits`.
    """
    from selectolax.lexbor import LexborHTMLParser

    markup = _SELF_CLOSING.sub(r"<\1\2></\1>", _without_xml(books.decode(data)))
    if reason := html_limits.reason(markup):
        raise books.UnreadableError(reason)
    tree = LexborHTMLParser(markup)
    heading = tree.css_first("head > title")
    title = heading.text() if heading else ""
    for node in tree.css("img[alt]"):
        _show_initial(node)
    for node in tree.css("a[href*='#']"):
        if _marks_note(node):
            node.decompose()
    for node in reversed(tree.css(_NO_PROSE)):  # inner elements before outer ones
        node.decompose()
    if tree.body is None:  # a page of frames, or a part without prose
        return title, []
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


def landmarks(data: bytes) -> list[tuple[str, str]]:
    """Return the type and target of each link in the navigation of an EPUB 3 book.

    Raises:
        UnreadableError: see `paragraphs`.
    """
    from selectolax.lexbor import LexborHTMLParser

    markup = _without_xml(books.decode(data))
    if reason := html_limits.reason(markup):
        raise books.UnreadableError(reason)
    links = LexborHTMLParser(markup).css("nav a[href]")
    return [
        (kind, str(link.attributes["href"]))
        for link in links
        for kind in (link.attributes.get("epub:type") or "").split()
    ]


def _without_xml(markup: str) -> str:
    """Resolve what HTML does not have: entities that the page defines, and CDATA sections.

    Entities are resolved once, so that they cannot multiply.

    Raises:
        UnreadableError: the entities are too long.
    """
    first, *sections = markup.split("<![CDATA[")
    parts = [first]
    for section in sections:
        content, _, rest = section.partition("]]>")
        parts += [escape(content, quote=False), rest]
    markup = "".join(parts)
    doctype = _DOCTYPE.match(markup)
    if not doctype:
        return markup
    subset, end, rest = markup[doctype.end() :].partition("]")
    rest = rest.partition(">")[2] if end else subset
    entities = {name: one or other for name, one, other in _ENTITY.findall(subset)}
    longer = sum(len(entities.get(name, "")) for name in _REFERENCE.findall(rest))
    if longer > files.MAX_DOCUMENT_BYTES:
        raise books.UnreadableError("too long")
    return _REFERENCE.sub(lambda entity: entities.get(entity[1], entity[0]), rest)


def _show_initial(image: Any) -> None:
    """Replace a picture of a paragraph's first letter by this letter."""
    letter, after = image.attributes["alt"] or "", image.next
    if _INITIAL.fullmatch(letter) and after and after.text()[:1].isalpha():
        image.replace_with(letter.strip())


def _marks_note(link: Any) -> bool:
    """Return whether a link is the mark of a note: raised, in brackets, or glued to a word."""
    mark = _NOTE_MARK.fullmatch(link.text())
    if not mark:
        return False
    raised = link.parent.tag == "sup" or link.css_first("sup") is not None
    before = link.prev.text()[-1:] if link.prev else ""
    glued = before != "" and not before.isspace()
    return raised or bool(mark[1]) or (glued and not mark[2])


def _preformatted(text: str) -> Sequence[str]:
    """Return the paragraphs of a preformatted block.

    In old pages, such a block can be Project Gutenberg's licence, whose lines are needed
    separately.
    """
    lines = text.splitlines()
    return lines if gutenberg.NAME.search(text) else wrapped.join_lines(lines)


def _parse(path: str) -> books.Book:
    title, parts = paragraphs(books.contents(path))
    book = books.without_licence(parts, list)
    return replace(book, title=book.title or gutenberg.title_of(title))
