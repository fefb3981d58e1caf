"""Read parquet files with a column `text`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from albertlm.corpus import files
from albertlm.corpus.documents import Drop, Record, Span
from albertlm.corpus.formats import rows

BATCH_ROWS = 16
"""The most rows that are read at a time."""


def spans(path: str) -> list[Span]:
    """Divide the file by row groups into spans of about `SPAN_BYTES` of text.

    Raises:
        ValueError: the file is broken, or has no string column `text`.
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
    """Yield the documents of a range of row groups.

    The id of a row without one is the file's stem and the row number; with the number alone, the
    same rows of every file would be held out. Memory holds a page of the file and a few rows, or a
    single one where rows can be large, regardless of the size of a row group.

    Raises:
        ValueError: the file is broken (the message names the last row that was read).
    """
    import pyarrow as pa

    with _open(span.path) as table:
        groups = range(span.start, table.num_row_groups if span.stop is None else span.stop)
        names = [name for name in rows.FIELDS if name in table.schema_arrow.names]
        row = sum(table.metadata.row_group(group).num_rows for group in range(span.start))
        try:
            for group in groups:
                # each thread of pyarrow would use memory, and a worker has one core
                for batch in table.iter_batches(
                    _batch_rows(table, group),
                    row_groups=[group],
                    columns=names,
                    use_threads=False,
                ):
                    for index in range(batch.num_rows):
                        yield _record(batch, index, span.path, row)
                        row += 1
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{span.path} is damaged after row {row} ({error})") from None


def _batch_rows(table: Any, group: int) -> int:
    """Return how many rows of a group cannot exceed `MAX_DOCUMENT_BYTES`, unless one does.

    A row may have as many bytes as its columns in the whole group: with a dictionary, each row may
    have the same long text.
    """
    metadata = table.metadata.row_group(group)
    columns = map(metadata.column, range(metadata.num_columns))
    sizes = [each.total_uncompressed_size for each in columns if each.path_in_schema in rows.FIELDS]
    fitting: int = files.MAX_DOCUMENT_BYTES // max(sum(sizes), 1)
    return min(max(fitting, 1), BATCH_ROWS)


def _record(batch: Any, index: int, path: str, row: int) -> Record:
    number, where = f"{files.stem(path)}-{row}", f"{path} row {row}"
    cells = {name: batch.column(name)[index] for name in batch.schema.names}
    if any(_size(cell) > files.MAX_DOCUMENT_BYTES for cell in cells.values()):
        return Drop(number, files.stem(path), "too long", where)
    try:
        values = {name: cell.as_py() for name, cell in cells.items()}
    except UnicodeDecodeError:
        return Drop(number, files.stem(path), "not UTF-8", where)
    return rows.record(values, path=path, number=number, where=where)


def _size(cell: Any) -> int:
    """Return the number of bytes of a string, without a copy of it."""
    return cell.as_buffer().size if cell.is_valid and hasattr(cell, "as_buffer") else 0


@contextmanager
def _open(path: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with files.open_stored(path) as file:
        try:
            # otherwise whole columns of a row group are read before the first row
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
