"""Reading of documents, and the split that every held-out figure rests on."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from albertlm.corpus.documents import Document, read_documents
from albertlm.corpus.sentences import sentences


def parquet(path: Path, **columns: list[str] | list[int]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_columns(tmp_path: Path) -> None:
    wiki = parquet(tmp_path / "wiki.parquet", id=["7"], title=["A"], text=["A\n\nText."], url=["u"])
    books = parquet(tmp_path / "books.parquet", id=["1", "2"], source=["x", "y"], text=["Hi.", ""])
    assert list(read_documents([wiki, books])) == [
        Document(id="7", source="wiki", text="A\n\nText.", title="A"),
        Document(id="1", source="x", text="Hi."),
    ]


def test_text_file(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("One.\nTwo.", encoding="utf-8")
    assert list(read_documents([path])) == [
        Document(id="book.txt", source=tmp_path.name, text="One.\nTwo.")
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.pdf", b"", "suffix '.pdf'"),
        ("a.txt", b"\xff\xfe", "not UTF-8"),
        ("a.parquet", b"PAR1 cut short", "not a whole parquet file"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said):
        list(read_documents([tmp_path / name]))


def test_missing_file_and_column(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a file"):
        list(read_documents([tmp_path / "none.parquet"]))
    with pytest.raises(ValueError, match="it needs id and text"):
        list(read_documents([parquet(tmp_path / "a.parquet", id=["1"], body=["x"])]))
    with pytest.raises(ValueError, match="text of int64; it must hold strings"):
        list(read_documents([parquet(tmp_path / "b.parquet", id=["1"], text=[7])]))


def test_held_out_is_one_in_a_hundred_by_the_stated_hash() -> None:
    documents = [Document(id=str(number), source="", text="") for number in range(20_000)]
    held_out = [document.id for document in documents if document.held_out]
    assert 0.008 < len(held_out) / len(documents) < 0.012
    expected = [
        document.id
        for document in documents
        if int(hashlib.sha256(document.id.encode()).hexdigest()[:16], 16) % 100 == 0
    ]
    assert held_out == expected


def test_titles_and_headings_go_only_where_there_is_a_title() -> None:
    text = "Mars\n\nMars is a planet. It is red, said Dr. Smith to me.\nHistory.\nIt is old.<br />"
    encyclopedia = Document(id="1", source="", text=text, title="Mars")
    assert sentences(encyclopedia) == ["Mars is a planet.", "It is red, said Dr. Smith to me."]
    book = Document(id="1", source="", text=text)
    assert sentences(book)[:2] == ["Mars", "Mars is a planet."]
    assert sentences(book)[-2:] == ["History.", "It is old."]


def test_only_tags_are_taken_out() -> None:
    text = 'Where a <b and c> d holds, <span class="x">x</span> is </dl> less.'
    assert sentences(Document(id="1", source="", text=text)) == [
        "Where a <b and c> d holds,  x  is   less."
    ]
