"""Read plain text, and provide what all formats with one document per file share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop, Record, Span
from albertlm.corpus.formats import encodings, gutenberg, transcription, wrapped


class UnreadableError(Exception):
    """Raised for a book that has to be left out, with the reason and the position in the file."""

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(reason)
        self.reason, self.place = reason, place


@dataclass(frozen=True, slots=True)
class Book:
    paragraphs: Sequence[str]
    title: str = ""
    url: str = ""
    licence: str = ""


def spans(path: str) -> list[Span]:
    """Return the whole file as one span."""
    return [whole_file(path, "text")]


def read(span: Span) -> Iterator[Record]:
    """Yield the book without Project Gutenberg's licence, with hard-wrapped lines joined."""
    yield record(span.path, _parse)


def whole_file(path: str, format_: str) -> Span:
    """Return the only span of a file that cannot be divided."""
    return Span(path, format_, size=files.text_size(path))


def record(path: str, parse: Callable[[str], Book]) -> Record:
    """Return the file as a document, or the reason why it is left out.

    The id is the file's name, and the source is the name of its folder.
    """
    id_, source = files.name(path), files.folder(path)
    try:
        book = parse(path)
    except UnreadableError as error:
        return Drop(id_, source, error.reason, f"{path} {error.place}".rstrip())
    text = prose(book.paragraphs)
    if not text:
        return Drop(id_, source, "empty", path)
    title = " ".join(book.title.split())
    return Document(id_, source, text, title, book.url, book.licence)


def contents(path: str) -> bytes:
    """Return all bytes of a file.

    Raises:
        UnreadableError: the file is compressed and broken, or exceeds `MAX_DOCUMENT_BYTES`.
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
    """Decode a text; see `encodings.decode`.

    Raises:
        UnreadableError: the encoding is unknown; the position is the first byte that is not UTF-8.
    """
    try:
        return encodings.decode(data)
    except UnicodeDecodeError as error:
        name = error.encoding.partition("-le")[0].upper()
        raise UnreadableError(f"not {name}", f"byte {error.start}") from None


def without_licence(lines: Sequence[str], join: Callable[[Sequence[str]], Sequence[str]]) -> Book:
    """Return a book from its lines or paragraphs, without Project Gutenberg's head and tail."""
    head, lines = gutenberg.part(lines)
    if head is None:
        return Book(join(lines))
    return Book(transcription.tidy(join(lines)), head.title, head.url, head.licence)


def of_lines(lines: Sequence[str]) -> Book:
    """Return the book that plain text holds, with hard-wrapped lines joined to paragraphs."""
    return without_licence(lines, wrapped.join_lines)


def prose(paragraphs: Iterable[str]) -> str:
    """Return paragraphs as text; those without a letter, such as numbers of pages, are removed."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in paragraphs)
    return "\n".join(paragraph for paragraph in paragraphs if any(map(str.isalpha, paragraph)))


def _parse(path: str) -> Book:
    return of_lines(decode(contents(path)).splitlines())
