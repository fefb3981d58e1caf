"""Test parquet files of several schemas, with several row groups, and broken ones."""

from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop
from albertlm.corpus.formats import parquet

PROSE = "Seven words or more make a paragraph."


def write(path: Path, columns: dict[str, Any], **options: Any) -> str:
    pq.write_table(pa.table(columns), path, **options)
    return str(path)


def read(path: str) -> list[Document | Drop]:
    return [record for span in parquet.spans(path) for record in parquet.read(span)]


def test_all_columns(tmp_path):
    columns = {
        "id": [7],
        "source": ["s"],
        "title": ["Rome"],
        "url": ["u"],
        "licence": ["l"],
        "text": [f"Rome\n\n{PROSE}\nHistory.\n{PROSE}"],
        "other": [[1, 2]],
    }
    path = write(tmp_path / "a.parquet", columns)
    assert read(path) == [Document("7", "s", f"{PROSE}\n{PROSE}", "Rome", "u", "l")]


def test_only_text(tmp_path):
    path = write(tmp_path / "a.b.parquet", {"text": [f"{n}" for n in range(40)]}, row_group_size=9)
    assert read(path) == [Document(f"a.b-{n}", "a.b", f"{n}") for n in range(40)]


def test_missing_values(tmp_path):
    columns = {"id": ["x", None, "z", "w"], "title": [None] * 4, "text": ["a", "b", None, " \n"]}
    path = write(tmp_path / "a.parquet", columns)
    assert read(path) == [
        Document("x", "a", "a"),
        Document("a-1", "a", "b"),
        Drop("z", "a", "empty", f"{path} row 2", ""),
        Drop("w", "a", "empty", f"{path} row 3", " \n"),
    ]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view()])
def test_other_strings(tmp_path, kind):
    path = write(tmp_path / "a.parquet", {"text": pa.array(["a", "é"], kind)})
    assert [document.text for document in read(path)] == ["a", "é"]


def test_a_row_that_is_not_utf8_is_a_drop(tmp_path):
    text = pa.array([b"a", b"the\xe9", b"b"]).view(pa.string())
    path = write(tmp_path / "a.parquet", {"text": text})
    first, drop, last = read(path)
    assert (first.text, last.text) == ("a", "b")
    assert drop == Drop("a-1", "a", "not UTF-8", f"{path} row 1")


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}])
def test_long_cells_are_drops_and_read_one_at_a_time(tmp_path, monkeypatch, options):
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 1000)
    texts = ["a", *["é" * 501] * 30, "b" * 1000, None]
    urls = ["u"] * 31 + ["v" * 1001, "w"]
    path = write(tmp_path / "a.parquet", {"text": texts, "url": urls}, **options)
    batches = []
    iterate = pq.ParquetFile.iter_batches

    def counted(*given: Any, **named: Any) -> Any:
        for batch in iterate(*given, **named):
            batches.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    first, *dropped, last = read(path)
    assert (first.text, last) == ("a", Drop("a-32", "a", "empty", f"{path} row 32"))
    assert dropped == [Drop(f"a-{n}", "a", "too long", f"{path} row {n}") for n in range(1, 32)]
    assert set(batches) == {1}


def test_spans_are_ranges_of_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SPAN_BYTES", 2500)
    texts = [f"{n:01000}" for n in range(10)]
    options = {"row_group_size": 1, "use_dictionary": False, "write_statistics": False}
    path = write(tmp_path / "a.parquet", {"text": texts}, **options)
    spans = parquet.spans(path)
    assert [(span.start, span.stop) for span in spans] == [(0, 3), (3, 6), (6, 9), (9, 10)]
    assert all(1000 <= span.size <= 3100 for span in spans)
    assert [document.text for document in read(path)] == texts
    assert [document.id for document in parquet.read(spans[2])] == ["a-6", "a-7", "a-8"]


def test_a_file_without_rows(tmp_path):
    path = write(tmp_path / "a.parquet", {"text": pa.array([], pa.string())})
    assert read(path) == []


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["1"], "body": ["x"]}, r"a\.parquet has the columns id, body; it needs text"),
        ({"text": [1]}, r"a\.parquet has a column text of int64; it must hold strings"),
        ({"text": [["x"]]}, r"a\.parquet has a column text of list<.*>; it must hold strings"),
    ],
)
def test_a_wrong_schema_is_an_error(tmp_path, columns, message):
    path = write(tmp_path / "a.parquet", columns)
    with pytest.raises(ValueError, match=message):
        parquet.spans(path)


@pytest.mark.parametrize("part", [slice(0, 0), slice(0, 3), slice(0, -1), slice(9, None)])
def test_a_truncated_file_is_an_error(tmp_path, part):
    path = Path(write(tmp_path / "a.parquet", {"text": ["x" * 1000] * 1000}))
    path.write_bytes(path.read_bytes()[part])
    with pytest.raises(ValueError, match=r"a\.parquet (is not a whole parquet file|is damaged)"):
        read(str(path))


def test_damage_within_a_file_is_named_with_the_row(tmp_path):
    columns = {"text": [f"{n * 7919:0100}" for n in range(10_000)]}
    path = Path(
        write(tmp_path / "a.parquet", columns, row_group_size=1000, write_page_checksum=True)
    )
    stored = bytearray(path.read_bytes())
    middle = pq.ParquetFile(path).metadata.row_group(5).column(0).data_page_offset + 1000
    stored[middle : middle + 4] = b"----"
    path.write_bytes(stored)
    with pytest.raises(ValueError, match=r"a\.parquet is damaged after row (5000|49\d\d) \("):
        read(str(path))


def test_urls():
    with fsspec.open("memory://parquet/a.parquet", "wb") as file:
        pq.write_table(pa.table({"text": ["a"]}), file)
    assert read("memory://parquet/a.parquet") == [Document("a-0", "a", "a")]


@pytest.mark.slow
def test_real_files(shared_data):
    path = str(shared_data / "corpus" / "wikipedia-en-2015-00003-of-00004.parquet")
    (span,) = parquet.spans(path)
    assert (span.start, span.stop) == (0, 3)
    found = list(parquet.read(span))
    assert len(found) == pq.ParquetFile(path).metadata.num_rows
    documents = [record for record in found if isinstance(record, Document)]
    assert len(documents) > 0.9 * len(
        found
    )  # the others are lists of names, which the extractor removed
    first = documents[0]
    assert (first.title, first.source) == ("Nucleariid", "wikipedia-en-2015-00003-of-00004")
    assert first.url == f"http://en.wikipedia.org/wiki?curid={first.id}"
    assert "Nucleariid" not in first.text.split("\n")

    (books,) = parquet.spans(str(shared_data / "corpus" / "books-en-public-domain.parquet"))
    assert next(iter(parquet.read(books))).source == "americanliterature"
