"""Read WikiExtractor's files: `<doc id="…" url="…" title="…">`, lines of text, `</doc>`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from albertlm.corpus import files
from albertlm.corpus.documents import Drop, Record, Span
from albertlm.corpus.formats import rows

_ATTRIBUTE = re.compile(r'(\w+)="(.*?)"(?=\s+\w+="|\s*>$)')
"""An attribute; titles may contain quotation marks, which WikiExtractor does not escape."""

_HOST = re.compile(r"\w+://([^/?#]+)")


def spans(path: str) -> list[Span]:
    """Divide the file by bytes; a compressed file is one span.

    Raises:
        ValueError: the file does not begin with a document.
    """
    with files.open_bytes(path) as file:
        if not file.read(1024).lstrip().startswith(b"<doc "):
            raise ValueError(f"{path} does not begin with <doc; give WikiExtractor's output")
    return rows.line_spans(path, "wikiextractor")


def read(span: Span) -> Iterator[Record]:
    """Yield the documents that start in the span. Their source is the host of their URL.

    Raises:
        ValueError: the file ends within a document, or is compressed and truncated or broken.
    """
    document: list[bytes] = []
    start = length = 0
    begun = False
    for offset, line in rows.read_lines(span):
        if line.startswith(b"<doc "):
            if document:
                yield _drop(span.path, start, "no </doc>", document)
            if span.stop is not None and offset >= span.stop:
                return
            document, start, length, begun = [line], offset, 0, True
        elif document and line.rstrip() == b"</doc>":
            yield _record(span.path, start, document)
            document = []
        elif document:
            document.append(line)
            length += len(line)
            if length > files.MAX_DOCUMENT_BYTES:
                raise ValueError(f"{span.path} has no </doc> for the document at byte {start}")
        elif begun and line.strip():  # before the first document, it belongs to the previous span
            yield _drop(span.path, offset, "outside <doc>", [line])
    if document:
        raise ValueError(f"{span.path} is cut off in the document at byte {start}; make it again")


def _record(path: str, start: int, document: list[bytes]) -> Record:
    try:
        head, text = document[0].decode(), b"".join(document[1:]).decode()
    except UnicodeDecodeError:
        return _drop(path, start, "not UTF-8", document)
    values: dict[str, object] = {
        name: html.unescape(value) for name, value in _ATTRIBUTE.findall(head.strip())
    }
    values["text"] = html.unescape(text)
    if host := _HOST.match(str(values.get("url"))):
        values["source"] = host[1]
    return rows.record(values, path=path, number=_number(path, start), where=_where(path, start))


def _drop(path: str, start: int, reason: str, document: list[bytes]) -> Drop:
    text = b"".join(document).decode(errors="replace")
    return Drop(_number(path, start), files.stem(path), reason, _where(path, start), text)


def _number(path: str, start: int) -> str:
    return f"{files.name(path)}:{start}"


def _where(path: str, start: int) -> str:
    return f"{path} byte {start}"
