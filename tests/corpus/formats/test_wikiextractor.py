"""Test WikiExtractor's documents, for any division and with damage."""

import bz2
import tempfile
from itertools import chain, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop, Span
from albertlm.corpus.formats import wikiextractor

PROSE = "Seven words or more make a paragraph."
HEAD = '<doc id="{}" url="https://en.wikipedia.org/wiki?curid={}" title="{}">\n'


def document(number: int, title: str, text: str = PROSE) -> bytes:
    return f"{HEAD.format(number, number, title)}{title}\n\n{text}\n\n</doc>\n".encode()


def write(path: Path, data: bytes) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return str(path)


def read(path: str) -> list[Document | Drop]:
    return [record for span in wikiextractor.spans(path) for record in wikiextractor.read(span)]


@pytest.mark.parametrize(("name", "pack"), [("wiki_00", bytes), ("wiki_00.bz2", bz2.compress)])
def test_documents(tmp_path, name, pack):
    text = f"{PROSE}\nHistory.\n{PROSE}"
    stored = document(12, "Anarchism", text) + document(13, '"Heroes"') + document(14, "A &amp; B")
    first, *others = read(write(tmp_path / "AA" / name, pack(stored)))
    assert first == Document(
        id="12",
        source="en.wikipedia.org",
        text=f"{PROSE}\n{PROSE}",
        title="Anarchism",
        url="https://en.wikipedia.org/wiki?curid=12",
    )
    assert [d.title for d in others if isinstance(d, Document)] == ['"Heroes"', "A & B"]


def test_more_attributes_and_escaped_text(tmp_path):
    head = '<doc id="1" revid="9" url="u" title="x="y" z">\n'
    stored = f"{head}It is known that a &lt; b &amp;amp; c.\n</doc>\n".encode()
    (found,) = read(write(tmp_path / "wiki_01", stored))
    assert isinstance(found, Document)
    assert (found.id, found.source, found.url) == ("1", "wiki_01", "u")
    assert found.text == "It is known that a < b &amp; c."


def test_a_document_without_text_is_a_drop(tmp_path):
    path = write(tmp_path / "wiki_00", document(1, "Rome", "History.") + document(2, "Paris"))
    drop, kept = read(path)
    assert isinstance(drop, Drop)
    assert (drop.id, drop.reason, drop.where) == ("1", "empty", f"{path} byte 0")
    assert kept.id == "2"


def test_a_file_that_ends_within_a_document_is_an_error(tmp_path):
    whole = document(1, "Rome")
    path = write(tmp_path / "wiki_00", whole + document(2, "Paris")[:-8])
    with pytest.raises(
        ValueError, match=rf"wiki_00 is cut off in the document at byte {len(whole)};"
    ):
        read(path)


def test_damage_within_a_file_is_a_drop(tmp_path):
    parts = [
        document(1, "Rome")[:-8],
        document(2, "Paris"),
        b"\nstray\n",
        document(3, "Bonn").replace(b"Seven", b"Sept \xe9"),
        document(4, "Oslo"),
    ]
    path = write(tmp_path / "wiki_00", b"".join(parts))
    records = read(path)
    offset = [sum(map(len, parts[:n])) for n in range(5)]
    assert [(r.reason, r.where) for r in records if isinstance(r, Drop)] == [
        ("no </doc>", f"{path} byte 0"),
        ("outside <doc>", f"{path} byte {offset[2] + 1}"),
        ("not UTF-8", f"{path} byte {offset[3]}"),
    ]
    assert [r.id for r in records if isinstance(r, Document)] == ["2", "4"]


def test_a_document_without_an_end_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 1000)
    path = write(tmp_path / "wiki_00", document(1, "Rome", f"{PROSE}\n" * 100))
    with pytest.raises(ValueError, match="wiki_00 has no </doc> for the document at byte 0"):
        read(path)


def test_another_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.txt does not begin with <doc"):
        wikiextractor.spans(write(tmp_path / "a.txt", b"Once upon a time"))


@given(
    parts=st.lists(
        st.sampled_from([document(1, "Rome"), document(2, "a"), document(3, "b")[:-8], b"stray\n"])
    ),
    cuts=st.lists(st.integers(0, 900)),
)
def test_spans_cover_each_document_once(parts, cuts):
    stored = b"".join([document(0, "first"), *parts, document(9, "last")])
    edges = sorted({0, len(stored), *(cut for cut in cuts if cut < len(stored))})
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "wiki_00"), stored)
        whole = list(wikiextractor.read(Span(path, "wikiextractor")))
        found = [
            list(wikiextractor.read(Span(path, "wikiextractor", start, stop)))
            for start, stop in pairwise(edges)
        ]
    assert list(chain(*found)) == whole
    strays = [r for r in whole if isinstance(r, Drop) and r.reason == "outside <doc>"]
    assert len(whole) - len(strays) == stored.count(b"<doc ")
