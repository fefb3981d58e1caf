"""JSON lines: a document a line, in the key `text`. WikiExtractor's `--json` is this too."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterator

from albertlm.corpus import files
from albertlm.corpus.documents import Drop, Record, Span
from albertlm.corpus.formats import fields, lines


def spans(path: str) -> list[Span]:
    """Ranges of bytes; a compressed file is one span.

    Raises:
        ValueError: the file is one JSON array, or is compressed and broken at its beginning.
    """
    with files.open_bytes(path) as file:
        if file.read(1024).removeprefix(BOM_UTF8).lstrip().startswith(b"["):
            raise ValueError(f"{path} is a JSON array; write a document a line instead")
    return lines.spans(path, "jsonl")


def read(span: Span) -> Iterator[Record]:
    """The documents whose lines start in the span; blank lines are nothing.

    A document without an id gets the name of the file and the byte at which its line starts.

    Raises:
        ValueError: the file is compressed, and truncated or broken.
    """
    for offset, line in lines.read(span):
        if span.stop is not None and offset >= span.stop:
            return
        if line.strip():
            yield _record(line, span.path, offset)


def _record(line: bytes, path: str, offset: int) -> Record:
    number, where = f"{files.name(path)}:{offset}", f"{path} byte {offset}"

    def drop(reason: str) -> Drop:
        return Drop(number, files.stem(path), reason, where, line.decode(errors="replace"))

    if len(line) > files.MAX_DOCUMENT_BYTES:
        return drop("too long")
    try:
        values = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return drop("not UTF-8")
    except (ValueError, RecursionError):
        return drop("not valid JSON")
    if not isinstance(values, dict) or not isinstance(values.get("text"), str):
        return drop("no text")
    return fields.record(values, path=path, number=number, where=where)
