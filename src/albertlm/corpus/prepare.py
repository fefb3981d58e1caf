"""The first step of a build: spans of inputs to clean, split documents and their fingerprints."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from albertlm import storage
from albertlm.corpus import inputs
from albertlm.corpus.cleaning import clean
from albertlm.corpus.documents import Document, Drop, Record, Span
from albertlm.corpus.filters import Filters
from albertlm.corpus.fingerprints import FingerprintWriter
from albertlm.corpus.sentences import join_sentences, split_sentences
from albertlm.corpus.shards import DOCUMENT_COLUMNS, DROP_COLUMNS, RowWriter

_M_MMAP_THRESHOLD = -3
"""As `malloc.h` has it."""

_MAPPED_BYTES = 128 << 10


@dataclass(frozen=True)
class PrepareTask:
    """What one worker prepares.

    Fields:
        spans: of inputs.
        folder: gets `documents.parquet`, `dropped.parquet`, `fingerprints.npy` and `counts.json`.
        language: sentences are split by its rules.
        filters: what a document must be like.
    """

    spans: tuple[Span, ...]
    folder: Path
    language: str
    filters: Filters


def prepare(task: PrepareTask) -> dict[str, Any]:
    """Write a task's folder, all of it or nothing; one that is there stays.

    Returns:
        `read`, the number of documents, and `dropped`, how many of them by reason.

    Raises:
        ValueError: an input is damaged.
        OSError: an input cannot be read, or the disk is full.
    """
    if not task.folder.exists():
        _give_memory_back()
        with storage.atomic_path(task.folder) as folder:
            folder.mkdir()
            _write(task, folder)
    return storage.read_json(task.folder / "counts.json")


def _give_memory_back() -> None:
    """Return large blocks to the system once they are free, else a worker grows with its input.

    pyarrow's own pools keep what they once needed. glibc maps blocks of 128 KiB and more apart,
    but raises that bound to 32 MiB as it meets larger ones; long texts then leave holes there.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(AttributeError, OSError, TypeError):  # another C library has no such call
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


def _write(task: PrepareTask, folder: Path) -> None:
    read = 0
    dropped: Counter[str] = Counter()
    with (
        RowWriter(folder / "documents.parquet", DOCUMENT_COLUMNS) as documents,
        RowWriter(folder / "dropped.parquet", DROP_COLUMNS) as drops,
        FingerprintWriter(folder / "fingerprints.npy") as fingerprints,
    ):
        for record in _records(task):
            read += 1
            if isinstance(record, Document):
                documents.add(record)
                fingerprints.add(record)
            else:
                drops.add(record)
                dropped[record.reason] += 1
    counts = {"read": read, "dropped": dict(sorted(dropped.items()))}
    storage.write_json(folder / "counts.json", counts)


def _records(task: PrepareTask) -> Iterator[Record]:
    for record in inputs.read(task.spans):
        if isinstance(record, Drop):
            yield record
            continue
        text = clean(record.text)
        if reason := task.filters.reason(text):
            yield Drop(record.id, record.source, reason, text=text)
        else:
            sentences = split_sentences(text, task.language)
            yield replace(record, text=join_sentences(sentences))
