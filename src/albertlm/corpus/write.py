"""The last step of a build: prepared documents without duplicates to a shard of the corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from albertlm import storage
from albertlm.corpus.documents import Drop
from albertlm.corpus.duplicates import KEPT, REASONS
from albertlm.corpus.sentences import paragraphs
from albertlm.corpus.shards import (
    DOCUMENT_COLUMNS,
    DROP_COLUMNS,
    RowWriter,
    read_documents,
    read_drops,
)


@dataclass(frozen=True)
class WriteTask:
    """What one worker writes.

    Fields:
        prepared: the folder of a `PrepareTask`, by its number beside those of all others; gets the
            marker `written.json`.
        shard: the parquet file to write.
        verdicts: (D,) of `VERDICT`, for each prepared document whether it repeats another.
        dropped: a parquet file for all that the build left out, or None.
    """

    prepared: Path
    shard: Path
    verdicts: NDArray[Any]
    dropped: Path | None


def write(task: WriteTask) -> dict[str, Any]:
    """Write a shard, and a marker once it is whole; what the marker stands for stays.

    Returns:
        The shard's `documents`, `paragraphs`, `sentences`, `words` (between blanks), `bytes` of
        text in UTF-8, and `sha256`.

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
    """Source and id of documents by their numbers through all folders."""
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
