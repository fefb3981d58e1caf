"""Plain text books: wrapped and not, in several encodings, with Project Gutenberg's licences."""

import gzip
from pathlib import Path

import fsspec
import pytest

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop, Record
from albertlm.corpus.formats import text

BODY = "It was a dark night. The\nwind blew.\n\n“Who is there?” asked\nJohn.\n\n* * *\n\nNobody.\n"
PARAGRAPHS = ["It was a dark night. The wind blew.", "“Who is there?” asked John.", "Nobody."]


def read(path: Path, data: bytes | str) -> Record:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (span,) = text.spans(str(path))
    (record,) = text.read(span)
    return record


def paragraphs(path: Path, data: bytes | str) -> list[str]:
    record = read(path, data)
    assert isinstance(record, Document)
    return record.text.split("\n")


def test_a_book(tmp_path):
    path = tmp_path / "shelf" / "book.txt"
    assert read(path, BODY) == Document("book.txt", "shelf", "\n".join(PARAGRAPHS))
    (span,) = text.spans(str(path))
    assert (span.format, span.size) == ("text", len(BODY.encode()))


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends(tmp_path, end):
    assert paragraphs(tmp_path / "a.txt", BODY.replace("\n", end)) == PARAGRAPHS


def test_long_lines_are_paragraphs(tmp_path):
    lines = ["A paragraph that goes on and on. " * 9 + f"{n}." for n in range(3)]
    lines.insert(1, "A short one.")
    assert paragraphs(tmp_path / "a.txt", "\n".join(lines)) == lines
    assert paragraphs(tmp_path / "a.txt", "\n\n".join(lines)) == lines


def test_a_few_long_lines_do_not_make_lines_paragraphs(tmp_path):
    assert paragraphs(tmp_path / "a.txt", f"{BODY}\n" * 10 + "x" * 200)[:3] == PARAGRAPHS


def test_indented_lines_begin_paragraphs_where_there_are_no_blank_ones(tmp_path):
    body = "   One line\nand another.\n   A second\nparagraph.\n"
    assert paragraphs(tmp_path / "a.txt", body) == ["One line and another.", "A second paragraph."]
    verse = "One line\n   and another.\n\nA second\n   paragraph.\n"
    assert paragraphs(tmp_path / "a.txt", verse) == ["One line and another.", "A second paragraph."]


def test_lines_with_nothing_to_set_them_apart_are_paragraphs(tmp_path):
    lines = ["A sentence a line.", "Another one.", "And one more."]
    assert paragraphs(tmp_path / "a.txt", "\n".join(lines) + "\n\n") == lines


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(tmp_path, encoding):
    assert paragraphs(tmp_path / "a.txt", BODY.encode(encoding)) == PARAGRAPHS


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("ISO-8859-1", "latin-1"),
        ("ISO Latin-1", "latin-1"),
        ("iso-latin-1", "latin-1"),
        ("ISO 8859-1 (Latin-1)", "latin-1"),
        ("Windows Codepage 1252", "cp1252"),
        ("ISO-8859-2", "iso8859-2"),
    ],
)
def test_a_declared_encoding_is_honoured(tmp_path, name, codec):
    book = f"Title: Élan\n\nCharacter set encoding: {name}\n\nUn café, s'il vous plaît."
    expected = book.encode(codec, "replace").decode(codec)
    assert paragraphs(tmp_path / "a.txt", book.encode(codec, "replace"))[-1] in expected


def test_utf8_is_tried_before_what_is_declared(tmp_path):
    book = "Character set encoding: ISO-8859-1\n\nUn café."
    assert paragraphs(tmp_path / "a.txt", book)[-1] == "Un café."


@pytest.mark.parametrize(
    ("data", "reason", "place"),
    [
        (b"the\xe9 au lait", "not UTF-8", "byte 3"),
        (b"Character set encoding: klingon\n\nthe\xe9", "not UTF-8", "byte 36"),
        (b"Character set encoding: utf-7\n\n+2AA-\xe9", "not UTF-8", "byte 36"),
        (b"\xff\xfea", "not UTF-16", "byte 2"),
        (b"", "empty", ""),
        (b" \n* * *\n", "empty", ""),
    ],
)
def test_what_cannot_be_read_is_a_drop(tmp_path, data, reason, place):
    path = tmp_path / "shelf" / "a.txt"
    assert read(path, data) == Drop("a.txt", "shelf", reason, f"{path} {place}".rstrip())


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
        text.spans(str(tmp_path / "a.txt"))


def test_urls():
    with fsspec.open("memory://shelf/book.txt", "wb") as file:
        file.write(BODY.encode())
    (span,) = text.spans("memory://shelf/book.txt")
    assert list(text.read(span)) == [Document("book.txt", "shelf", "\n".join(PARAGRAPHS))]
