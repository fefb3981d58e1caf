"""Test that JSON lines are read once for any division, and that bad lines do not affect others."""

import gzip
import json
import tempfile
from itertools import chain, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop, Span
from albertlm.corpus.formats import jsonl

LINE = b'{"text": "Some text."}\n'


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def read(path: str) -> list[Document | Drop]:
    return [record for span in jsonl.spans(path) for record in jsonl.read(span)]


def test_all_fields(tmp_path):
    text = "A line of more than six words stays."
    row = {"id": 7, "source": "s", "title": "t", "url": "u", "license": "l", "text": text}
    path = write(tmp_path / "a.jsonl", json.dumps(row).encode())
    assert read(path) == [Document("7", "s", text, "t", "u", "l")]


def test_defaults_come_from_the_file(tmp_path):
    stored = b"\n" + LINE + b'{"id": null, "source": 1.5, "title": false, "text": "More."}'
    plain, packed = tmp_path / "a.b.jsonl", tmp_path / "a.b.ndjson.gz"
    assert read(write(plain, stored)) == [
        Document("a.b.jsonl:1", "a.b", "Some text."),
        Document(f"a.b.jsonl:{1 + len(LINE)}", "a.b", "More."),
    ]
    assert [d.id for d in read(write(packed, gzip.compress(stored)))] == [
        "a.b.ndjson.gz:1",
        f"a.b.ndjson.gz:{1 + len(LINE)}",
    ]


def test_a_text_with_a_title_loses_its_headings(tmp_path):
    prose = "One two three four five six seven."
    row = {"title": "Rome", "text": f"Rome\n\nHistory.\n{prose}"}
    (document,) = read(write(tmp_path / "a.jsonl", json.dumps(row).encode()))
    assert document.text == prose


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "cut', "not valid JSON"),
        (b"plain text", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"text": "the\xe9"}', "not UTF-8"),
        (b'{"body": "x"}', "no text"),
        (b'{"text": null}', "no text"),
        (b'{"text": ["x"]}', "no text"),
        (b'"text"', "no text"),
        (b'{"text": " \\n "}', "empty"),
    ],
)
def test_a_bad_line_is_a_drop(tmp_path, line, reason):
    path = write(tmp_path / "a.jsonl", LINE + line + b"\n" + LINE)
    first, drop, last = read(path)
    assert isinstance(drop, Drop)
    assert (drop.id, drop.source) == (f"a.jsonl:{len(LINE)}", "a")
    assert (drop.reason, drop.where) == (reason, f"{path} byte {len(LINE)}")
    assert first.text == last.text == "Some text."


def test_a_line_that_is_too_long_is_a_drop(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 100)
    path = write(tmp_path / "a.jsonl", json.dumps({"text": "x" * 1000}).encode() + b"\n" + LINE)
    drop, document = read(path)
    assert isinstance(drop, Drop)
    assert (drop.reason, document.text) == ("too long", "Some text.")


def test_lone_surrogates_are_replaced(tmp_path):
    (document,) = read(write(tmp_path / "a.jsonl", rb'{"id": "\ud800", "text": "a \udfff."}'))
    assert (document.id, document.text) == ("\ufffd", "a \ufffd.")


def test_a_byte_order_mark_is_skipped(tmp_path):
    (document,) = read(write(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + LINE))
    assert document.text == "Some text."


def test_an_array_is_refused(tmp_path):
    path = write(tmp_path / "a.json", b' [{"text": "x"}]')
    with pytest.raises(ValueError, match=r"a\.json is a JSON array; write one document per line"):
        jsonl.spans(path)


def test_a_truncated_file_is_an_error(tmp_path):
    lines = b"".join(b'{"text": "%d"}\n' % n for n in range(10_000))
    stored = gzip.compress(lines)[:-9]
    path = write(tmp_path / "a.jsonl.gz", stored)
    with pytest.raises(ValueError, match=rf"a\.jsonl\.gz is cut off at byte {len(stored)}"):
        read(path)


def test_an_empty_file_has_no_documents(tmp_path):
    assert read(write(tmp_path / "a.jsonl", b"")) == []


@given(
    lines=st.lists(st.sampled_from([b"", b'{"text": "a"}', b'{"text": "longer"}', b"x"])),
    end=st.sampled_from([b"", b"\n"]),
    cuts=st.lists(st.integers(0, 200)),
)
def test_spans_cover_each_line_once(lines, end, cuts):
    stored = b"\n".join(lines) + end
    edges = sorted({0, len(stored), *(cut for cut in cuts if cut < len(stored))})
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "a.jsonl"), stored)
        whole = list(jsonl.read(Span(path, "jsonl")))
        parts = [
            list(jsonl.read(Span(path, "jsonl", start, stop))) for start, stop in pairwise(edges)
        ]
    assert list(chain(*parts)) == whole
    assert len(whole) == sum(map(bool, lines))


def test_large_files_are_divided(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SPAN_BYTES", 50)
    path = write(tmp_path / "a.jsonl", LINE * 5)
    spans = jsonl.spans(path)
    assert [(span.start, span.stop) for span in spans] == [(0, 50), (50, 100), (100, 115)]
    assert sum(span.size for span in spans) == 5 * len(LINE)
    assert len(read(path)) == 5
    (packed,) = jsonl.spans(write(tmp_path / "a.jsonl.gz", gzip.compress(LINE * 5)))
    assert packed.stop is None
