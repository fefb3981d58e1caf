"""Read JSON lines with the key `text`, including the output of WikiExtractor's `--json`."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterator

from albertlm.corpus import files
from albertlm.corpus.documents import Drop, Record, Span
from albertlm.corpus.formats import rows


def spans(path: str) -> list[Span]:
    """Divide the file by bytes; a compressed file is one span.

    Raises:
        ValueError: the file is a JSON array, or is compressed and broken at its beginning.
    """
    with files.open_bytes(path) as file:
        if file.read(1024).removeprefix(BOM_UTF8).lstrip().startswith(b"["):
            raise ValueError(f"{path} is a JSON array; write one document per line instead")
    return rows.line_spans(path, "jsonl")


def read(span: Span) -> Iterator[Record]:
    """Yield the documents whose lines start in the span; blank lines are skipped.

    The id of a document without one is the name of the file and the byte at which its line starts.

    Raises:
        ValueError: the file is compressed, and truncated or broken.
    """
    for offset, line in rows.read_lines(span):
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
    return rows.record(values, path=path, number=number, where=where)
