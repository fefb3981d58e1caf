"""Parquet files: a document a row, in the column `text`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from albertlm.corpus import files
from albertlm.corpus.documents import Drop, Record, Span
from albertlm.corpus.formats import fields

BATCH_ROWS = 16


def spans(path: str) -> list[Span]:
    """Ranges of row groups, of about `SPAN_BYTES` of text each.

    Raises:
        ValueError: the file is broken, or has no column `text` of strings.
    """
    with _open(path) as table:
        column = table.schema_arrow.names.index("text")
        sizes = [
            table.metadata.row_group(group).column(column).total_uncompressed_size
            for group in range(table.num_row_groups)
        ]
    found = []
    start = size = 0
    for stop, group_size in enumerate(sizes, 1):
        size += group_size
        if size >= files.SPAN_BYTES or stop == len(sizes):
            found.append(Span(path, "parquet", start, stop, size))
            start, size = stop, 0
    return found


def read(span: Span) -> Iterator[Record]:
    """The documents of a range of row groups.

    A row without an id gets the file's stem and its row number: the number alone would hold out
    the same rows of every file. Memory holds a page of the file and a few rows, whatever the size
    of a row group.

    Raises:
        ValueError: the file is broken (named with the row that was reached).
    """
    import pyarrow as pa

    with _open(span.path) as table:
        groups = range(span.start, table.num_row_groups if span.stop is None else span.stop)
        names = [name for name in fields.NAMES if name in table.schema_arrow.names]
        row = sum(table.metadata.row_group(group).num_rows for group in range(span.start))
        # threads of pyarrow would each hold memory, and a worker has one core
        batches = table.iter_batches(
            BATCH_ROWS, row_groups=groups, columns=names, use_threads=False
        )
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise ValueError(f"{span.path} is damaged after row {row} ({error})") from None
            if batch is None:
                return
            for index in range(batch.num_rows):
                yield _record(batch, index, span.path, row)
                row += 1


def _record(batch: Any, index: int, path: str, row: int) -> Record:
    number, where = f"{files.stem(path)}-{row}", f"{path} row {row}"
    try:
        values = {name: batch.column(name)[index].as_py() for name in batch.schema.names}
    except UnicodeDecodeError:
        return Drop(number, files.stem(path), "not UTF-8", where)
    return fields.record(values, path=path, number=number, where=where)


@contextmanager
def _open(path: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with files.open_stored(path) as file:
        try:
            # else whole columns of a row group are read before the first row comes
            streamed = {"pre_buffer": False, "buffer_size": 1 << 20}
            table = pq.ParquetFile(file, page_checksum_verification=True, **streamed)
        except pa.ArrowInvalid:
            raise ValueError(f"{path} is not a whole parquet file; fetch it again") from None
        schema = table.schema_arrow
        if "text" not in schema.names:
            raise ValueError(f"{path} has the columns {', '.join(schema.names)}; it needs text")
        kind = schema.field("text").type
        if kind not in (pa.string(), pa.large_string(), pa.string_view()):
            raise ValueError(f"{path} has a column text of {kind}; it must hold strings")
        yield table
