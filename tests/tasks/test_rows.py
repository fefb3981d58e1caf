"""Tables are read by the rules of their formats, with the lines of their rows."""

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from albertlm.tasks.rows import read_json, read_json_lines, read_table, read_text, suffix_of

Write = Callable[[str, str], Path]


def cells(path: Path) -> list[tuple[object, ...]]:
    return [tuple(row.cells.values()) for row in read_table(path).rows]


def test_tsv_has_no_quoting_and_no_missing_values(write: Write) -> None:
    path = write("a.tsv", 'label\ttext\n1\t" unbalanced\n0\tNA\n0\tnull\r\n1\tline\u2028end\n')
    assert cells(path) == [
        ("1", '" unbalanced'),
        ("0", "NA"),
        ("0", "null"),
        ("1", "line\u2028end"),
    ]
    assert [row.where for row in read_table(path).rows] == [f"{path}:{n}" for n in (2, 3, 4, 5)]


def test_csv_has_quotes_and_the_line_where_a_record_begins(write: Write) -> None:
    path = write("a.csv", 'text,label\n"two\nlines, ""quoted""",x\n\nnan,y\n')
    assert cells(path) == [('two\nlines, "quoted"', "x"), ("nan", "y")]
    assert [row.where for row in read_table(path).rows] == [f"{path}:2", f"{path}:5"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8"), min_size=1)] * 2), min_size=1, max_size=5
    )
)
def test_csv_is_what_the_standard_library_writes(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    path = tmp_path / "a.csv"
    path.write_bytes(file.getvalue().encode())
    assert cells(path) == rows


def test_json_lines_and_parquet_have_types(write: Write, tmp_path: Path) -> None:
    rows = [{"text": "a", "label": 1}, {"text": "b", "label": 2}]
    lines = write("a.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    parquet = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), parquet)
    assert cells(lines) == cells(parquet) == [("a", 1), ("b", 2)]
    assert read_table(lines).columns == read_table(parquet).columns == ("text", "label")
    assert [row.where for row in read_table(parquet).rows] == [f"{parquet}:1", f"{parquet}:2"]


@pytest.mark.parametrize(("suffix", "module"), [(".xz", lzma), (".gz", gzip), (".bz2", bz2)])
def test_compressed_files(suffix: str, module: object, tmp_path: Path) -> None:
    path = tmp_path / f"a.json{suffix}"
    path.write_bytes(module.compress('\ufeff{"é": 1}'.encode()))  # type: ignore[attr-defined]
    assert read_json(path) == {"é": 1}
    assert suffix_of(path) == ".json"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"is damaged .*; fetch it again"):
        read_text(path)


def test_columns_are_found_by_name(write: Write) -> None:
    table = read_table(write("a.tsv", "Label\tText\n1\tx\n"))
    assert (table.column("sentence", "text"), table.find("id")) == ("Text", None)
    with pytest.raises(
        ValueError, match=r"a\.tsv:1 has no column 'id' or 'index'; its columns are L"
    ):
        table.column("id", "index")


def test_rows_with_other_numbers_of_cells_are_named(write: Write) -> None:
    path = write("a.tsv", "label\ttext\n1\ta\tb\n\n2\tc\n")
    with pytest.raises(ValueError, match=r"a\.tsv:2 does not have 2 cells"):
        list(read_table(path).rows)
    short = []
    table = read_table(path, on_short=lambda where, columns: short.append((where, columns)))
    assert [row.cells["text"] for row in table.rows] == ["c"]
    assert short == [(f"{path}:2", 2)]


def test_a_file_without_a_header_has_numbers_for_names(write: Write) -> None:
    table = read_table(write("a.tsv", "x\ty\n"), lambda _: False)
    assert (table.columns, [row.cells for row in table.rows]) == (
        ("0", "1"),
        [{"0": "x", "1": "y"}],
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", 'text\n"open\n', r"a\.csv:2 is not valid CSV"),
        ("a.csv", "text,text\n", r"a\.csv:1 has two columns named 'text'"),
        ("a.jsonl", '{"a": 1}\n{', r"a\.jsonl:2 is not JSON"),
        ("a.jsonl", "[1]\n", r"a\.jsonl:1 is not a JSON object"),
        ("a.parquet", "x", r"a\.parquet is not a parquet file"),
        ("a.tsv", "\n", r"a\.tsv is empty; name a file that holds a table"),
        ("a.xlsx", "x", r"a\.xlsx ends in none of \.tsv, "),
    ],
)
def test_bad_tables(write: Write, name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cells(write(name, text))


def test_bad_files(tmp_path: Path, write: Write) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.tsv does not exist; name"):
        read_table(tmp_path / "none.tsv")
    (tmp_path / "a.tsv").write_bytes(b"a\xff")
    with pytest.raises(ValueError, match="is not UTF-8 at byte 1"):
        read_table(tmp_path / "a.tsv")
    with pytest.raises(ValueError, match=r"a\.json:2 is not JSON"):
        read_json(write("a.json", "{\n"))
    assert list(read_json_lines(write("b.jsonl", "\n"))) == []
