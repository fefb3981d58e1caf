"""Test books as files of plain text, and what is left out."""

import gzip
from pathlib import Path

import fsspec
import pytest

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop, Record
from albertlm.corpus.formats import books

BODY = "It was a dark night. The\nwind blew.\n\n“Who is there?” asked\nJohn.\n\n* * *\n\nNobody.\n"
PARAGRAPHS = ["It was a dark night. The wind blew.", "“Who is there?” asked John.", "Nobody."]


def read(path: Path, data: bytes | str) -> Record:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (span,) = books.spans(str(path))
    (record,) = books.read(span)
    return record


def paragraphs(path: Path, data: bytes | str) -> list[str]:
    record = read(path, data)
    assert isinstance(record, Document)
    return record.text.split("\n")


def test_a_book(tmp_path):
    path = tmp_path / "shelf" / "book.txt"
    assert read(path, BODY) == Document("book.txt", "shelf", "\n".join(PARAGRAPHS))
    (span,) = books.spans(str(path))
    assert (span.format, span.size) == ("text", len(BODY.encode()))


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends(tmp_path, end):
    assert paragraphs(tmp_path / "a.txt", BODY.replace("\n", end)) == PARAGRAPHS


def test_a_declared_encoding_is_honoured(tmp_path):
    book = "Character set encoding: ISO-8859-1\n\nUn café."
    assert paragraphs(tmp_path / "a.txt", book.encode("latin-1"))[-1] == "Un café."


@pytest.mark.parametrize(
    ("data", "reason", "place"),
    [
        (b"the\xe9 au lait", "not UTF-8", "byte 3"),
        (b"Character set encoding: klingon\n\nthe\xe9", "not UTF-8", "byte 36"),
        (b"Character set encoding: utf-7\n\n+2AA-\xe9", "not UTF-8", "byte 36"),
        (b"\xff\xfea", "not UTF-16", "byte 2"),
        (b"", "empty", ""),
        (b" \n* * *\n\n12\n\n13.\n", "empty", ""),
    ],
)
def test_what_cannot_be_read_is_a_drop(tmp_path, data, reason, place):
    path = tmp_path / "shelf" / "a.txt"
    assert read(path, data) == Drop("a.txt", "shelf", reason, f"{path} {place}".rstrip())


def test_a_book_of_project_gutenberg(tmp_path):
    start, end = (f"*** {word} OF THE PROJECT GUTENBERG EBOOK A ***" for word in ("START", "END"))
    book = f"Title: A\n\n{start}\n\nProduced by X\n\n{BODY}\n[Illustration]\n\n12\n\n{end}\nLicence"
    document = read(tmp_path / "a.txt", book)
    assert isinstance(document, Document)
    assert document.text.split("\n") == PARAGRAPHS
    assert (document.title, document.licence) == ("A", "Public domain in the USA")


def test_a_book_that_is_too_long_is_a_drop(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 100)
    drop = read(tmp_path / "a.txt", "word " * 21)
    assert isinstance(drop, Drop)
    assert drop.reason == "too long"


def test_a_truncated_book_is_a_drop(tmp_path):
    stored = gzip.compress(BODY.encode())
    path = tmp_path / "a.txt.gz"
    assert read(path, stored).text == "\n".join(PARAGRAPHS)
    drop = read(path, stored[:-4])
    assert isinstance(drop, Drop)
    assert drop.reason == "broken file"
    assert f"cut off at byte {len(stored) - 4}" in drop.where


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.txt does not exist"):
        books.spans(str(tmp_path / "a.txt"))


def test_urls():
    with fsspec.open("memory://shelf/book.txt", "wb") as file:
        file.write(BODY.encode())
    (span,) = books.spans("memory://shelf/book.txt")
    assert list(books.read(span)) == [Document("book.txt", "shelf", "\n".join(PARAGRAPHS))]
