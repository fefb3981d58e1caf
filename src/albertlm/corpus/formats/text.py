"""Plain text: a book a file."""

from __future__ import annotations

from collections.abc import Iterator

from albertlm.corpus.documents import Record, Span
from albertlm.corpus.formats import books


def spans(path: str) -> list[Span]:
    """The whole file."""
    return books.spans(path, "text")


def read(span: Span) -> Iterator[Record]:
    """The book, hard-wrapped lines joined into paragraphs, without Project Gutenberg's licence."""
    yield books.record(span.path, _parse)


def _parse(path: str) -> books.Book:
    lines = books.decode(books.contents(path)).splitlines()
    return books.without_licence(lines, books.join_lines)
