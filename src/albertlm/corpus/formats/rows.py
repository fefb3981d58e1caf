"""Provide what formats with many documents per file share: lines and named fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from albertlm.corpus import files
from albertlm.corpus.cleaning import without_headings
from albertlm.corpus.documents import Document, Drop, Record, Span
from albertlm.corpus.formats import books, gutenberg, wrapped

FIELDS = ("id", "source", "title", "url", "licence", "license", "text")

_LICENCE = 30_000
"""The number of characters at both ends of a text that name Project Gutenberg if it is its book."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What JSON can represent but UTF-8 cannot."""


def line_spans(path: str, format_: str) -> list[Span]:
    """Divide a file into spans of `SPAN_BYTES`; a compressed file is one span."""
    size = files.text_size(path)
    if files.is_compressed(path) or not size:
        return [Span(path, format_, size=size)]
    edges = [*range(0, size, files.SPAN_BYTES), size]
    return [Span(path, format_, start, stop, stop - start) for start, stop in pairwise(edges)]


def read_lines(span: Span) -> Iterator[tuple[int, bytes]]:
    """Yield the byte offset and the bytes of each line that starts in the span or after it.

    The caller stops at the first line that starts at `span.stop` or later. A line longer than
    `MAX_DOCUMENT_BYTES` is truncated to one byte more than that.

    Raises:
        ValueError: the file is compressed, and truncated or broken.
    """
    # from the byte before, whose line belongs to the previous span
    offset = max(span.start - 1, 0)
    with files.open_bytes(span.path, start=offset) as file:
        inside = span.start > 0
        while line := file.readline(files.MAX_DOCUMENT_BYTES + 1):
            if not inside:
                yield offset, line
            inside = not line.endswith(b"\n")
            offset += len(line)


def record(fields: Mapping[str, object], *, path: str, number: str, where: str) -> Record:
    """Return the document with the given fields, or a drop if its text is missing or blank.

    Strings and integers count as values and everything else as missing. Hard-wrapped text and
    Project Gutenberg's books are read as from a file of plain text. Any other text with a title is
    assumed to be from an encyclopedia, and its headings are removed (`without_headings`).

    Args:
        fields: any of `FIELDS`.
        path: the file, whose stem is the default source.
        number: the default id.
        where: the file and position, for the drop.
    """
    values = {name: _string(fields.get(name)) for name in FIELDS}
    id_ = values["id"] or number
    source = values["source"] or files.stem(path)
    if book := _book(values["text"]):
        text = books.prose(book.paragraphs)
    else:
        book, text = books.Book(()), without_headings(values["text"], values["title"])
    if not text.strip():
        return Drop(id_, source, "empty", where, values["text"])
    return Document(
        id=id_,
        source=source,
        text=text,
        title=values["title"] or book.title,
        url=values["url"] or book.url,
        licence=values["licence"] or values["license"] or book.licence,
    )


def _book(text: str) -> books.Book | None:
    """Return the book that a text is, or None for texts with one paragraph per line."""
    long = len(text) > wrapped.LONG_LINE * (text.count("\n") + 1)
    ends = text[:_LICENCE] + text[-_LICENCE:]
    named = "Gutenberg" in ends or "GUTENBERG" in ends
    if long and not named:
        return None
    lines = text.splitlines()
    if (named and gutenberg.part(lines)[0]) or wrapped.is_wrapped(lines):
        return books.of_lines(lines)
    return None


def _string(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", str(value))
