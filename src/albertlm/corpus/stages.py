"""The two steps of a build that process every document.

`prepare` turns spans of inputs into clean, sentence-split documents and their fingerprints. `write`
writes those that are not duplicates to a shard of the corpus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from albertlm import allocator, storage
from albertlm.corpus import inputs
from albertlm.corpus.cleaning import clean
from albertlm.corpus.documents import Document, Drop, Record, Span
from albertlm.corpus.duplicates import KEPT, REASONS
from albertlm.corpus.filters import Filters
from albertlm.corpus.fingerprints import FingerprintWriter
from albertlm.corpus.sentences import join_sentences, paragraphs, split_sentences
from albertlm.corpus.shards import (
    DOCUMENT_COLUMNS,
    DROP_COLUMNS,
    RowWriter,
    read_documents,
    read_drops,
)


@dataclass(frozen=True)
class PrepareTask:
    """A task of `prepare`.

    Fields:
        spans: the parts of inputs to read.
        folder: where to write `documents.parquet`, `dropped.parquet`, `fingerprints.npy` and
            `counts.json`.
        language: selects the rules for splitting sentences.
        filters: which documents to keep.
    """

    spans: tuple[Span, ...]
    folder: Path
    language: str
    filters: Filters


def prepare(task: PrepareTask) -> dict[str, Any]:
    """Write a task's folder completely or not at all; an existing folder is not changed.

    Returns:
        `read`, the number of documents, and `dropped`, the number left out for each reason.

    Raises:
        ValueError: an input is damaged.
        OSError: an input cannot be read, or the disk is full.
    """
    if not task.folder.exists():
        _give_memory_back()
        with storage.atomic_path(task.folder) as folder:
            folder.mkdir()
            _write_prepared(task, folder)
    return storage.read_json(task.folder / "counts.json")


def _give_memory_back() -> None:
    """Make the allocators return large free blocks to the system, so that workers do not grow.

    pyarrow's own pools keep all memory that they once needed.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    allocator.return_blocks()


def _write_prepared(task: PrepareTask, folder: Path) -> None:
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


@dataclass(frozen=True)
class WriteTask:
    """A task of `write`.

    Fields:
        prepared: the folder of a `PrepareTask`; its name is its number, and the folders of all
            other tasks are its siblings. `write` adds the marker `written.json`.
        shard: the parquet file to write.
        verdicts: (D,) of `VERDICT`, one for each prepared document.
        dropped: a parquet file for everything that the build left out, or None.
    """

    prepared: Path
    shard: Path
    verdicts: NDArray[Any]
    dropped: Path | None


def write(task: WriteTask) -> dict[str, Any]:
    """Write a shard and then a marker; if the marker exists, nothing is written.

    Returns:
        The shard's `documents`, `paragraphs`, `sentences`, `words` (separated by whitespace),
        `bytes` of text in UTF-8, and `sha256`.

    Raises:
        OSError: the disk is full.
    """
    marker = task.prepared / "written.json"
    if not marker.is_file():
        with storage.atomic_path(task.shard) as path:
            counts = _write_documents(task, path)
        if task.dropped:
            with storage.atomic_path(task.dropped) as path:
                _write_drops(task, path)
        storage.write_json(marker, {**counts, "sha256": storage.sha256(task.shard)})
    return storage.read_json(marker)


def _write_documents(task: WriteTask, path: Path) -> dict[str, int]:
    counts: Counter[str] = Counter(documents=0, paragraphs=0, sentences=0, words=0, bytes=0)
    documents = read_documents(task.prepared / "documents.parquet")
    with RowWriter(path, DOCUMENT_COLUMNS) as kept:
        for document, reason in zip(documents, task.verdicts["reason"], strict=True):
            if reason != KEPT:
                continue
            kept.add(document)
            parts = paragraphs(document.text)
            counts["documents"] += 1
            counts["paragraphs"] += len(parts)
            counts["sentences"] += sum(map(len, parts))
            counts["words"] += len(document.text.split())
            counts["bytes"] += len(document.text.encode())
    return dict(counts)


def _write_drops(task: WriteTask, path: Path) -> None:
    copies = task.verdicts[task.verdicts["reason"] != KEPT]
    everything = sorted(task.prepared.parent.glob("[0-9]*"), key=lambda folder: int(folder.name))
    originals = _names(everything, copies["repeats"])
    documents = read_documents(task.prepared / "documents.parquet")
    with RowWriter(path, DROP_COLUMNS) as drops:
        for drop in read_drops(task.prepared / "dropped.parquet"):
            drops.add(drop)
        for document, (reason, original) in zip(documents, task.verdicts, strict=True):
            if reason != KEPT:
                where = f"repeats {originals[original]}"
                drops.add(Drop(document.id, document.source, REASONS[reason], where, document.text))


def _names(prepared: Iterable[Path], documents: NDArray[np.int64]) -> dict[int, str]:
    """Return the source and id of documents, given their numbers across all folders."""
    import pyarrow.parquet as pq

    names: dict[int, str] = {}
    start = 0
    for folder in prepared:
        path = folder / "documents.parquet"
        count = pq.read_metadata(path).num_rows
        here = np.unique(documents[(start <= documents) & (documents < start + count)])
        if len(here):
            rows = pq.read_table(path, columns=["source", "id"]).take(here - start).to_pylist()
            names |= {
                number: f"{row['source']} {row['id']}"
                for number, row in zip(here.tolist(), rows, strict=True)
            }
        start += count
    return names
