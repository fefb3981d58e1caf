"""What the formats of books share: one file, one document."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop, Record, Span
from albertlm.corpus.formats import gutenberg

LONG_LINE = 100
"""Characters that no line of hard-wrapped text has, but for a few."""

_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DECLARATION = re.compile(
    rb"(?:character set encoding:|\bcharset\s*=|\bencoding\s*=)[\s\"']*([\w .()/-]+)",
    re.IGNORECASE,
)


class UnreadableError(Exception):
    """A book that has to be left out: the reason, and the place within the file."""

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(reason)
        self.reason, self.place = reason, place


@dataclass(frozen=True, slots=True)
class Book:
    paragraphs: Sequence[str]
    title: str = ""
    url: str = ""
    licence: str = ""


def spans(path: str, format_: str) -> list[Span]:
    """The whole file."""
    return [Span(path, format_, size=files.text_size(path))]


def record(path: str, parse: Callable[[str], Book]) -> Record:
    """The file as a document, or why it is left out.

    Its id is the file's name, its source the name of the folder. Paragraphs without a letter or
    digit, such as rows of asterisks, go.
    """
    id_, source = files.name(path), files.folder(path)
    try:
        book = parse(path)
    except UnreadableError as error:
        return Drop(id_, source, error.reason, f"{path} {error.place}".rstrip())
    paragraphs = [" ".join(paragraph.split()) for paragraph in book.paragraphs]
    text = "\n".join(p for p in paragraphs if any(map(str.isalnum, p)))
    if not text:
        return Drop(id_, source, "empty", path)
    title = " ".join(book.title.split())
    return Document(id_, source, text, title, book.url, book.licence)


def contents(path: str) -> bytes:
    """All bytes of a file.

    Raises:
        UnreadableError: the file is compressed and broken, or over `MAX_DOCUMENT_BYTES`.
    """
    with files.open_bytes(path) as file:
        try:
            data = file.read(files.MAX_DOCUMENT_BYTES + 1)
        except ValueError as error:
            raise UnreadableError("broken file", f"({error})") from None
    if len(data) > files.MAX_DOCUMENT_BYTES:
        raise UnreadableError("too long")
    return data


def decode(data: bytes) -> str:
    """Text from bytes: by its byte order mark, as UTF-8, or as its head declares.

    Nothing is guessed: Latin-1 that does not say so is an error.

    Raises:
        UnreadableError: it is none of these, with the byte where it ceases to be UTF-8.
    """
    marked = next((e for mark, e in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(marked).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        place = f"byte {error.start}"
    if declared := _DECLARATION.search(data[:8192]):
        names = declared[1].decode(errors="replace").lower().split()
        for name in ("-".join(names), *(name.strip("()").removeprefix("iso-") for name in names)):
            try:
                return data.decode(name).encode().decode()  # some codecs give lone surrogates
            except (UnicodeError, LookupError):
                continue
    raise UnreadableError(f"not {marked.upper()}", place)


def join_lines(lines: Sequence[str]) -> list[str]:
    """Paragraphs of lines that may be hard-wrapped.

    Where over 5 % of the lines have more than 100 characters, or nothing sets paragraphs apart, a
    line is a paragraph. Else a paragraph ends at a blank line or, where there is none, before an
    indented line.
    """
    filled = [number for number, line in enumerate(lines) if line.strip()]
    if not filled:
        return []
    long = sum(len(lines[number]) > LONG_LINE for number in filled)
    spaced = filled[-1] - filled[0] >= len(filled)
    indented = any(lines[number][0].isspace() for number in filled)
    if long > 0.05 * len(filled) or not (spaced or indented):
        return [lines[number] for number in filled]
    paragraphs = []
    paragraph: list[str] = []
    for line in lines:
        blank = not line.strip()
        if paragraph and (blank or (not spaced and line[0].isspace())):
            paragraphs.append(" ".join(paragraph))
            paragraph = []
        if not blank:
            paragraph.append(line)
    return [*paragraphs, " ".join(paragraph)]


def without_licence(lines: Sequence[str], join: Callable[[Sequence[str]], Sequence[str]]) -> Book:
    """A book from its lines or paragraphs, Project Gutenberg's head and tail taken off."""
    head, lines = gutenberg.part(lines)
    if head is None:
        return Book(join(lines))
    return Book(gutenberg.tidy(join(lines)), head.title, head.url, head.licence)
