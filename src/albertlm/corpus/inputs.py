"""Divide inputs of any format into spans, and read documents from spans."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from albertlm.corpus import files
from albertlm.corpus.compression import COMPRESSED
from albertlm.corpus.documents import Record, Span
from albertlm.corpus.formats import books, dump, epub, html, jsonl, parquet, wikiextractor


class Reader(Protocol):
    """The functions of a module in `formats`; they import heavy libraries when they are called."""

    def spans(self, path: str) -> list[Span]:
        """Return the parts of a file that workers can read independently."""

    def read(self, span: Span) -> Iterator[Record]:
        """Yield the documents of a span, and what has to be left out."""


READERS: Mapping[str, Reader] = {
    "dump": dump,
    "epub": epub,
    "html": html,
    "jsonl": jsonl,
    "parquet": parquet,
    "text": books,
    "wikiextractor": wikiextractor,
}
"""The module that reads each format."""

SUFFIXES = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".xml": "dump",
    ".txt": "text",
    ".htm": "html",
    ".html": "html",
    ".xhtml": "html",
    ".epub": "epub",
}
"""The format for each suffix, after that of a compression is removed."""

_BEGINNINGS = {
    b"PAR1": "parquet",
    b"<mediawiki": "dump",
    b"<doc ": "wikiextractor",
    b"{": "jsonl",
    b"[": "jsonl",
    b"PK\x03\x04": "epub",
    b"<!DOCTYPE html": "html",
    b"<!doctype html": "html",
    b"<html": "html",
}
"""The format for the first bytes of a file."""

_AMBIGUOUS = (None, "text", "jsonl", "dump")
"""Formats of suffixes that other files have too; the content decides."""

_BEFORE_CONTENT = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?")


@dataclass(frozen=True)
class Inputs:
    """The inputs of a build.

    Fields:
        files: paths and URLs, in the order of the inputs.
        ignored: files in the given folders that are of no supported format.
        tasks: spans in the order of the files, one group for each task.
    """

    files: tuple[str, ...]
    ignored: tuple[str, ...]
    tasks: tuple[tuple[Span, ...], ...]


def find(inputs: Sequence[str], task_bytes: int) -> Inputs:
    """Find the files of all inputs and divide them into tasks.

    Args:
        inputs: local paths or fsspec URLs of files or folders.
        task_bytes: a task ends once it has at least this many bytes.

    Raises:
        FileNotFoundError: an input does not exist.
        ValueError: an input is of no supported format or contains no file of one, a file is named
            twice, or a dump or JSON lines are in UTF-16.
    """
    paths: list[str] = []
    ignored: list[str] = []
    spans: list[Span] = []
    for given in inputs:
        readable = False
        for path in files.list_files(given):
            format_ = _format(path)
            if format_ is None:
                ignored.append(path)
                continue
            readable = True
            paths.append(path)
            spans += READERS[format_].spans(files.absolute(path))
        if not readable:
            raise ValueError(
                f"{given} is of no supported format; the formats are MediaWiki XML, "
                f"WikiExtractor's <doc> files, and {', '.join(SUFFIXES)}, some also with "
                f"{', '.join(COMPRESSED)}"
            )
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ValueError(f"{twice} is named twice; name each input once")
    return Inputs(tuple(paths), tuple(ignored), tuple(_group(spans, task_bytes)))


def read(spans: Iterable[Span]) -> Iterator[Record]:
    """Yield the documents of spans, and what had to be left out.

    Raises:
        ValueError: a file that holds many documents is damaged.
    """
    for span in spans:
        yield from READERS[span.format].read(span)


def _format(path: str) -> str | None:
    name = files.name(path)
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    by_suffix = SUFFIXES.get(PurePosixPath(name).suffix.lower())
    if by_suffix not in _AMBIGUOUS:
        return by_suffix
    try:
        with files.open_bytes(path) as file:
            head = _BEFORE_CONTENT.sub(b"", file.read(200), count=1)
    except ValueError:
        return by_suffix  # its reader reports the damage
    if by_suffix in {"jsonl", "dump"} and head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise ValueError(
            f"{path} is in UTF-16; convert it to UTF-8, for example with `iconv -f UTF-16 -t UTF-8`"
        )
    by_content = next((f for start, f in _BEGINNINGS.items() if head.startswith(start)), None)
    if by_suffix is None or by_content == "wikiextractor":
        return by_content
    if by_suffix in (by_content, "text") or not head:
        return by_suffix
    return None


def _group(spans: Sequence[Span], task_bytes: int) -> Iterator[tuple[Span, ...]]:
    group: list[Span] = []
    size = 0
    for span in spans:
        group.append(span)
        size += span.size
        if size >= task_bytes:
            yield tuple(group)
            group, size = [], 0
    if group:
        yield tuple(group)
