"""Documents from files, one at a time, and the split into training and held-out documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_IN = 100


@dataclass(frozen=True)
class Document:
    """A document: `id` in its `source`, an optional `title`, and `text` (a paragraph a line)."""

    id: str
    source: str
    text: str
    title: str = ""

    @property
    def held_out(self) -> bool:
        """Whether no model may train on this document: about 1 % of all, by a hash of the id.

        The first 8 bytes of the SHA-256 of the UTF-8 id, as a big-endian integer, are divisible
        by 100. The rule is fixed for good: every held-out figure of the project rests on it.
        """
        head = hashlib.sha256(self.id.encode()).digest()[:8]
        return int.from_bytes(head, "big") % HELD_OUT_IN == 0


def read_documents(paths: Iterable[str | Path]) -> Iterator[Document]:
    """The documents of parquet files (columns `id`, `text`, optional `title`, `source`) or of text
    files (one document each), in the order given.

    Args:
        paths: files; the kind is told by the suffix, `.parquet` or `.txt`.

    Raises:
        ValueError: a file has another suffix, or a parquet file is broken or lacks a column.
        OSError: a file cannot be read.
    """
    for path in map(Path, paths):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not a file; name parquet or text files")
        if path.suffix == ".parquet":
            yield from _from_parquet(path)
        elif path.suffix == ".txt":
            yield _from_text(path)
        else:
            raise ValueError(
                f"{path} has the suffix {path.suffix!r}; .parquet and .txt can be read"
            )


def _from_parquet(path: Path) -> Iterator[Document]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not a whole parquet file; fetch it again") from error
    names = file.schema_arrow.names
    for column in ("id", "text"):
        if column not in names:
            raise ValueError(f"{path} has the columns {', '.join(names)}; it needs id and text")
    kind = file.schema_arrow.field("text").type
    if kind not in (pa.string(), pa.large_string()):
        raise ValueError(f"{path} has a column text of {kind}; it must hold strings")
    columns = [name for name in ("id", "source", "title", "text") if name in names]
    for batch in file.iter_batches(batch_size=256, columns=columns):
        for row in batch.to_pylist():
            if row["text"]:
                yield Document(
                    id=str(row["id"]),
                    source=row.get("source") or path.stem,
                    title=row.get("title") or "",
                    text=row["text"],
                )


def _from_text(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 (byte {error.start}); convert it first") from error
    return Document(id=path.name, source=path.parent.name, text=text)
