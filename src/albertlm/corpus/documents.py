"""Documents from files, one at a time, and the split into training and held-out documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_IN = 100


@dataclass(frozen=True, slots=True)
class Document:
    """A document, with what is known of where it comes from.

    Fields:
        id: names it within its source.
        source: a collection, such as `enwiki`.
        text: as a reader gives it, a paragraph a line; in a corpus that was built, a sentence a
            line and paragraphs apart by a blank line.
        title, url, licence: empty where unknown.
    """

    id: str
    source: str
    text: str
    title: str = ""
    url: str = ""
    licence: str = ""

    @property
    def held_out(self) -> bool:
        """Whether no model may train on this document: about 1 % of all, by a hash of the id.

        The first 8 bytes of the SHA-256 of the UTF-8 id, as a big-endian integer, are divisible
        by 100. The rule is fixed for good: every held-out figure of the project rests on it.
        """
        head = hashlib.sha256(self.id.encode()).digest()[:8]
        return int.from_bytes(head, "big") % HELD_OUT_IN == 0


@dataclass(frozen=True, slots=True)
class Drop:
    """A document left out.

    Fields:
        id, source: as in `Document`; empty where it could not even be read.
        reason: a few words that many drops share, to be counted by.
        where: file and place, for a person who wants to look.
        text: what was left out, as far as it was read.
    """

    id: str
    source: str
    reason: str
    where: str = ""
    text: str = ""


Record = Document | Drop


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an input that one worker can read alone.

    Fields:
        path: a local path or an fsspec URL.
        format: the name of the module in `formats` that reads it.
        start, stop: bytes of a dump or of JSON lines, row groups of a parquet file; the whole file
            where there is nothing to part it by. `stop` None is the end.
        size: about how many bytes of work it is.
    """

    path: str
    format: str
    start: int = 0
    stop: int | None = None
    size: int = 0


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
