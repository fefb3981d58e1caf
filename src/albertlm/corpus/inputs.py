"""Inputs of any format to spans that workers read, and spans to documents."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from albertlm.corpus import files
from albertlm.corpus.documents import Record, Span

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
"""The format of a file by its suffix, that of a compression taken off."""

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
"""The format of a file by its first bytes."""

_AMBIGUOUS = (None, "text", "jsonl", "dump")
"""What a suffix stands for when the content decides: many things are called `.json` or `.xml`."""

_BEFORE_CONTENT = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?")


@dataclass(frozen=True)
class Inputs:
    """What a corpus is made from.

    Fields:
        files: paths and URLs, in the order of the inputs.
        ignored: files found in folders that no format can read.
        tasks: spans in the order of the files, in groups for one worker each.
    """

    files: tuple[str, ...]
    ignored: tuple[str, ...]
    tasks: tuple[tuple[Span, ...], ...]


def find(inputs: Sequence[str], task_bytes: int) -> Inputs:
    """Look up files and folders and part them into tasks.

    Args:
        inputs: local paths or fsspec URLs of files or folders.
        task_bytes: a task ends once it has so many bytes.

    Raises:
        FileNotFoundError: an input does not exist.
        ValueError: no format reads a named file, a folder holds no file that one reads, or a file
            is named twice.
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
            spans += _module(format_).spans(files.absolute(path))
        if not readable:
            raise ValueError(
                f"{given} is of no format that can be read; the formats are MediaWiki XML, "
                f"WikiExtractor's <doc> files, and {', '.join(SUFFIXES)}, some also with "
                f"{', '.join(files.COMPRESSED)}"
            )
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ValueError(f"{twice} is named twice; name each input once")
    return Inputs(tuple(paths), tuple(ignored), tuple(_group(spans, task_bytes)))


def read(spans: Iterable[Span]) -> Iterator[Record]:
    """The documents of spans, and what had to be left out while reading.

    Raises:
        ValueError: a file of many documents is damaged.
    """
    for span in spans:
        yield from _module(span.format).read(span)


def _format(path: str) -> str | None:
    name = files.name(path)
    for suffix in files.COMPRESSED:
        name = name.removesuffix(suffix)
    by_suffix = SUFFIXES.get(PurePosixPath(name).suffix.lower())
    if by_suffix not in _AMBIGUOUS:
        return by_suffix
    try:
        with files.open_bytes(path) as file:
            head = _BEFORE_CONTENT.sub(b"", file.read(200), count=1)
    except ValueError:
        return by_suffix  # its reader says what is damaged
    by_content = next((f for start, f in _BEGINNINGS.items() if head.startswith(start)), None)
    if by_suffix is None or by_content == "wikiextractor":
        return by_content
    if by_suffix in (by_content, "text") or not head:
        return by_suffix
    return None


def _module(format_: str) -> Any:
    return importlib.import_module(f"albertlm.corpus.formats.{format_}")


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
