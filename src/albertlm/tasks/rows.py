"""Rows of tables with their places: TSV, CSV, JSON lines and parquet, compressed or not."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

_OPENERS: dict[str, Callable[[Path], Any]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}

FORMATS = (".tsv", ".txt", ".csv", ".jsonl", ".ndjson", ".parquet")
"""The suffixes of tables: the first two are read as TSV, but `.txt` as CSV if it has no tabs."""

_LONGEST_FIELD = 1 << 30


@dataclass(frozen=True)
class TableRow:
    """A row of a table: its cells by the names of their columns, and its place in the file."""

    cells: Mapping[str, Any]
    where: str

    def text(self, column: str) -> str:
        """The text in a column.

        Raises:
            ValueError: the row has none, as one of JSON lines or parquet may.
        """
        value = self.cells.get(column)
        if value is None:
            raise ValueError(f"{self.where} has no {column!r}; fill it in or remove the row")
        return str(value)


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Fields:
        path: the file.
        columns: the names of its columns; `0`, `1`, ... if it has no header.
        rows: the rows, which are made as they are asked for, once; a row that is not allowed is a
            ValueError.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Iterable[TableRow]

    def column(self, *names: str) -> str:
        """The first of some names that a column has.

        Raises:
            ValueError: none of them is the name of a column.
        """
        found = self.find(*names)
        if found is None:
            raise ValueError(
                f"{self.path}:1 has no column {' or '.join(map(repr, names))}; "
                f"its columns are {', '.join(self.columns)}"
            )
        return found

    def find(self, *names: str) -> str | None:
        """The first of some names that a column has, in upper or lower case; None if none has."""
        lower = {column.lower(): column for column in reversed(self.columns)}
        return next((lower[name.lower()] for name in names if name.lower() in lower), None)


def suffix_of(path: str | Path) -> str:
    """The suffix of a file's name without that of its compression: `.json` for `a.json.xz`."""
    pure = PurePath(path)
    return PurePath(pure.stem if pure.suffix in _OPENERS else pure.name).suffix.lower()


def read_text(path: str | Path) -> str:
    """The text of a file, decompressed if it ends in .xz, .gz or .bz2.

    Line ends are as in the file; a byte order mark is dropped.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not UTF-8, or the compressed data is damaged.
    """
    path = Path(path)
    try:
        if path.suffix in _OPENERS:
            with _OPENERS[path.suffix](path) as file:
                data: bytes = file.read()
        else:
            data = path.read_bytes()
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist; name a file that does") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 at byte {error.start}; convert it first") from None
    except (lzma.LZMAError, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged ({error}); fetch it again") from None


def read_json(path: str | Path) -> Any:
    """The value of a JSON file, compressed or not.

    Raises:
        ValueError: the file is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno} is not JSON ({error.msg})") from None


def read_json_lines(path: str | Path) -> Iterator[TableRow]:
    """The JSON objects in a file, one on each line; empty lines are skipped.

    Raises:
        ValueError: a line is not a JSON object.
    """
    for number, line in enumerate(lines_of(read_text(path)), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}:{number} is not JSON ({error.msg})") from None
        if not isinstance(value, dict):
            raise ValueError(f"{path}:{number} is not a JSON object; write one on each line")
        yield TableRow(value, f"{path}:{number}")


def refuse(where: str, columns: int) -> None:
    """Refuse a row that has another number of cells than the first.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        f"{where} does not have {columns} cells as the first row of the file has; texts with "
        "commas must be quoted in CSV, and tabs in texts be spaces in TSV"
    )


def read_table(
    path: str | Path,
    has_header: Callable[[Sequence[str]], bool] = bool,
    on_short: Callable[[str, int], None] = refuse,
) -> Table:
    """Read a table by the suffix of its name.

    A TSV file has no quoting; in CSV, fields may be quoted (RFC 4180). Their cells are texts, also
    `NA`, `null` and numbers; those of JSON lines and parquet have the types of the file.

    Args:
        path: a file that ends in one of `FORMATS`, possibly followed by .xz, .gz or .bz2.
        has_header: whether the first row of a TSV or CSV file, given as its cells, is a header.
        on_short: called for each row with another number of cells than the first, with its place
            and that number; the row is left out.

    Raises:
        OSError: the file cannot be read.
        ValueError: the format is unknown or violated, or the file is empty.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; name a file that does")
    suffix = suffix_of(path)
    if suffix in (".jsonl", ".ndjson"):
        rows = list(read_json_lines(path))
        return Table(path, tuple(dict.fromkeys(name for row in rows for name in row.cells)), rows)
    if suffix == ".parquet":
        return _read_parquet(path)
    if suffix not in FORMATS:
        raise ValueError(f"{path} ends in none of {', '.join(FORMATS)}; convert or rename it")
    has_commas = suffix == ".csv" or (suffix == ".txt" and "\t" not in read_text(path))
    lines = _csv(path) if has_commas else _tsv(path)
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{path} is empty; name a file that holds a table")
    if not has_header(first[1]):
        columns = tuple(map(str, range(len(first[1]))))
        return Table(path, columns, _rows(path, columns, chain([first], lines), on_short))
    columns = tuple(cell.strip() for cell in first[1])
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise ValueError(f"{path}:{first[0]} has two columns named {twice[0]!r}; rename one")
    return Table(path, columns, _rows(path, columns, lines, on_short))


def _rows(
    path: Path,
    columns: Sequence[str],
    lines: Iterable[tuple[int, list[str]]],
    on_short: Callable[[str, int], None],
) -> Iterator[TableRow]:
    for number, cells in lines:
        if len(cells) == len(columns):
            yield TableRow(dict(zip(columns, cells, strict=True)), f"{path}:{number}")
        else:
            on_short(f"{path}:{number}", len(columns))


def lines_of(text: str) -> Iterator[str]:
    r"""The lines of a text with their ends, one at a time.

    Only `\n` ends a line; `str.splitlines` would also split at rare characters within a text.
    """
    start = 0
    while start < len(text):
        stop = text.find("\n", start) + 1 or len(text)
        yield text[start:stop]
        start = stop


def _tsv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number of each line that is not empty, and its cells."""
    for number, line in enumerate(lines_of(read_text(path)), start=1):
        if line := line.removesuffix("\n").removesuffix("\r"):
            yield number, line.split("\t")


def _csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number of the first line of each record, and its cells."""
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(lines_of(read_text(path)), strict=True)
    first = 1
    try:
        for cells in reader:
            if cells:
                yield first, cells
            first = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}:{first} is not valid CSV ({error}); a field with quotes or line ends stands "
            "in quotes, and quotes within it are doubled"
        ) from None


def _read_parquet(path: Path) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path} is not a parquet file ({error})") from None
    places = (f"{path}:{number}" for number in range(1, table.num_rows + 1))
    rows = (TableRow(cells, where) for cells, where in zip(table.to_pylist(), places, strict=True))
    return Table(path, tuple(table.column_names), rows)
