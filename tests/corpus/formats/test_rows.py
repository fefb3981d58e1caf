"""Test that each line is read once for any division of a file, and how fields make a document."""

import gzip
import io
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop, Span
from albertlm.corpus.formats import rows


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


@given(
    st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\xff"]), max_size=20).map(b"".join),
    st.lists(st.integers(0, 40), max_size=6),
)
def test_every_line_belongs_to_one_span(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[int]
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "lines", data)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    found = [
        (offset, line)
        for start, stop in pairwise(edges)
        for offset, line in rows.read_lines(Span(path, "any", start, stop))
        if offset < stop
    ]
    assert [line for _, line in found] == list(io.BytesIO(data))
    assert all(data[offset:].startswith(line) for offset, line in found)


def test_a_line_that_is_too_long_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 10)
    path = write(tmp_path / "lines", b"short\n" + b"x" * 35 + b"\nlast\n")
    assert list(rows.read_lines(Span(path, "any"))) == [
        (0, b"short\n"),
        (6, b"x" * 11),
        (42, b"last\n"),
    ]


def test_spans_of_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SPAN_BYTES", 10)
    plain = write(tmp_path / "a", b"x" * 25)
    assert rows.line_spans(plain, "any") == [
        Span(plain, "any", 0, 10, 10),
        Span(plain, "any", 10, 20, 10),
        Span(plain, "any", 20, 25, 5),
    ]
    packed = write(tmp_path / "a.gz", gzip.compress(b"x" * 25))
    assert [(span.start, span.stop) for span in rows.line_spans(packed, "any")] == [(0, None)]
    empty = write(tmp_path / "empty", b"")
    assert rows.line_spans(empty, "any") == [Span(empty, "any")]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        rows.line_spans(str(tmp_path / "nowhere"), "any")


@pytest.mark.parametrize(
    ("fields", "record"),
    [
        ({"text": "A."}, Document("f.x:3", "f", "A.")),
        (
            {"text": "A.", "id": 7, "source": "s", "url": "u", "license": "l", "other": []},
            Document("7", "s", "A.", url="u", licence="l"),
        ),
        ({"text": "A.", "licence": "one", "license": "other"},
         Document("f.x:3", "f", "A.", licence="one")),
        # neither strings nor integers
        ({"text": "A.", "id": True, "source": 1.5, "url": ["u"]}, Document("f.x:3", "f", "A.")),
        # with a title, lines of few words are headings
        (
            {"text": "Rome\nHistory.\nOne two three four five six seven.", "title": "Rome"},
            Document("f.x:3", "f", "One two three four five six seven.", "Rome"),
        ),
        # what UTF-8 cannot represent
        ({"text": "a \udfff.", "id": "\ud800"}, Document("\ufffd", "f", "a \ufffd.")),
        ({"text": " \n "}, Drop("f.x:3", "f", "empty", "f.x byte 3", " \n ")),
        ({"text": None, "id": "1", "source": "s"}, Drop("1", "s", "empty", "f.x byte 3")),
        ({}, Drop("f.x:3", "f", "empty", "f.x byte 3")),
        ({"text": "Rome", "title": "Rome"}, Drop("f.x:3", "f", "empty", "f.x byte 3", "Rome")),
    ],
)  # fmt: skip
def test_records(fields: dict[str, object], record: Document | Drop) -> None:
    assert rows.record(fields, path="/in/f.x", number="f.x:3", where="f.x byte 3") == record


WRAPPED = """The fox and the dog had known each other for longer than either of
them cared to remember. On that morning the one ran across the
field after the other.

Nobody saw them, since everybody was asleep or away, and the mill
stood still.
"""
JOINED = (
    "The fox and the dog had known each other for longer than either of them cared to remember. "
    "On that morning the one ran across the field after the other.\n"
    "Nobody saw them, since everybody was asleep or away, and the mill stood still."
)


@pytest.mark.parametrize("title", ["", "A Title"])
def test_hard_wrapped_text_is_read_as_from_a_file_of_text(title: str) -> None:
    fields = {"text": WRAPPED.replace("\n", "\r\n"), "title": title}
    record = rows.record(fields, path="f.x", number="1", where="")
    assert record == Document("1", "f", JOINED, title)


def test_a_message_of_one_hard_wrapped_paragraph_is_joined() -> None:
    text = WRAPPED.partition("\n\n")[0]
    record = rows.record({"text": text}, path="f.x", number="1", where="")
    assert record == Document("1", "f", JOINED.partition("\n")[0])


def test_licences_of_project_gutenberg_are_removed() -> None:
    start, end = (f"*** {word} OF THE PROJECT GUTENBERG EBOOK A ***" for word in ("START", "END"))
    text = f"Title: A\n[eBook #12]\n{start}\n\n{WRAPPED}\n{end}\nLicence"
    record = rows.record({"text": text}, path="f.x", number="1", where="")
    url, licence = "https://www.gutenberg.org/ebooks/12", "Public domain in the USA"
    assert record == Document("1", "f", JOINED, "A", url, licence)
    given = {"text": text, "title": "B", "url": "u", "licence": "l"}
    record = rows.record(given, path="f.x", number="1", where="")
    assert record == Document("1", "f", JOINED, "B", "u", "l")


@pytest.mark.parametrize(
    "text",
    [
        # a paragraph per line, a list, and an article of short lines
        "He came in.\n\nShe went out and did not come back.\nNobody saw it happen.",
        "John Smith, an actor and singer of note\nJane Roe, a poet\nJack, a king of old times",
        "Rome is a city in Italy with many ruins.\nIt was founded long ago by two brothers.",
    ],
)
def test_lines_that_are_not_hard_wrapped_stay(text: str) -> None:
    record = rows.record({"text": text}, path="f.x", number="1", where="")
    assert record == Document("1", "f", text)
