"""Test that every page of a dump is read once for any division, and that damage is reported."""

import bz2
import gzip
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop, Record, Span
from albertlm.corpus.formats import dump

SITEINFO = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="de">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>dewiki</dbname>
    <base>https://de.wikipedia.org/wiki/Wikipedia:Hauptseite</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">Datei</namespace>
      <namespace key="14" case="first-letter">Kategorie</namespace>
    </namespaces>
  </siteinfo>
"""


def page(
    number: int | str = 1,
    text: str = "Some prose.",
    title: str = "A title",
    *,
    ns: int = 0,
    model: str = "wikitext",
    timestamp: str = "2024-01-02T03:04:05Z",
    redirect: str = "",
) -> str:
    return f"""  <page>
    <title>{escape(title)}</title>
    <ns>{ns}</ns>
    <id>{number}</id>
    {redirect}
    <revision>
      <id>99</id>
      <timestamp>{timestamp}</timestamp>
      <model>{model}</model>
      <text bytes="9" xml:space="preserve">{escape(text)}</text>
    </revision>
  </page>
"""


def whole(*pages: str) -> bytes:
    return (SITEINFO + "".join(pages) + "</mediawiki>\n").encode()


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def read(path: str, span_bytes: int = files.SPAN_BYTES) -> list[Record]:
    return [record for span in dump.spans(path, span_bytes) for record in dump.read(span)]


MANY = [page(i, f"Page {i} has {'prose ' * i}& <ref>x</ref>more.", f"Title {i}") for i in range(40)]


def test_a_document(tmp_path):
    text = "[[Datei:A.jpg|mini]]'''Prose''' [[x|here]].\n\nMore.[[Kategorie:B]]"
    path = write(tmp_path / "a.xml", whole(page(7, text, 'Äpfel & "Birnen"? (a/b)')))
    assert read(path) == [
        Document(
            id="7",
            source="dewiki",
            text="Prose here.\nMore.",
            title='Äpfel & "Birnen"? (a/b)',
            url="https://de.wikipedia.org/wiki/%C3%84pfel_%26_%22Birnen%22%3F_(a/b)",
            licence="CC BY-SA 4.0",
        )
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (page(7, ns=1), "not an article"),
        (page(7, redirect='<redirect title="B" />'), "redirect"),
        (page(7, "#redirect [[B]]"), "redirect"),
        (page(7, "A may be:\n{{disambig}}"), "disambiguation"),
        (page(7, title="A (disambiguation)"), "disambiguation"),
        (page(7, "{{Infobox}}\n* a list\n== A heading =="), "no prose"),
        (page(7, ""), "no prose"),
        (page(7, model="json"), "not wikitext"),
    ],
)
def test_a_page_that_is_not_an_article_is_a_drop(tmp_path, bad, reason):
    path = write(tmp_path / "a.xml", whole(page(1), bad, page(2)))
    first, drop, last = read(path)
    assert isinstance(drop, Drop)
    assert (drop.id, drop.source, drop.reason) == ("7", "dewiki", reason)
    offset = whole(page(1)).index(b"</mediawiki>") + 2
    assert drop.where == f"{path} byte {offset}"
    assert (first.id, last.id) == ("1", "2")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"<page><title>A</page>", "malformed XML"),
        (page(7).replace("</page>", "").encode(), "malformed XML"),
        (page(7, "cut \0 here").encode(), "malformed XML"),
        (page(7, "&bogus;").replace("&amp;", "&").encode(), "malformed XML"),
        (page(7, "Sm\xf6rg\xe5sbord").encode("latin-1"), "not UTF-8"),
    ],
)
def test_a_broken_page_is_a_drop(tmp_path, bad, reason):
    data = whole(page(1), "HERE", page(2)).replace(b"HERE", bad)
    first, drop, last = read(write(tmp_path / "a.xml", data))
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.source) == (reason, "dewiki")
    assert (first.id, last.id) == ("1", "2")


def test_the_last_revision_is_read(tmp_path):
    old = "<revision><id>1</id><text>Old.</text></revision>\n    <revision>"
    path = write(tmp_path / "a.xml", whole(page(1, "New.").replace("<revision>", old)))
    assert [record.text for record in read(path)] == ["New."]


def test_pages_of_the_same_id_are_all_read(tmp_path):
    path = write(tmp_path / "a.xml", whole(page(1, "One."), page(1, "Two.")))
    assert [(record.id, record.text) for record in read(path)] == [("1", "One."), ("1", "Two.")]


@pytest.mark.parametrize(
    ("base", "timestamp", "licence"),
    [
        ("https://de.wikipedia.org/wiki/Main", "2023-06-06T23:59:59Z", "CC BY-SA 3.0"),
        ("https://de.wiktionary.org/wiki/Main", "2023-06-07T00:00:00Z", "CC BY-SA 4.0"),
        ("https://de.wikinews.org/wiki/Main", "2023-06-07T00:00:00Z", ""),
        ("https://wikipedia.org.example/wiki/Main", "2023-06-07T00:00:00Z", ""),
    ],
)
def test_licences(tmp_path, base, timestamp, licence):
    data = whole(page(1, timestamp=timestamp)).decode()
    data = data.replace("https://de.wikipedia.org/wiki/Wikipedia:Hauptseite", base)
    (document,) = read(write(tmp_path / "a.xml", data.encode()))
    assert isinstance(document, Document)
    assert document.licence == licence


@pytest.mark.parametrize(
    ("title", "article"),
    [
        ("Diskussion:Foo", False), ("vorlage:Bar", False), ("Benutzer Diskussion:Foo", False),
        ("Benutzer_Diskussion:Foo", False), ("File:A.jpg", False), ("Alien: Covenant", True),
        ("Diskussion", True),
    ],
)  # fmt: skip
def test_in_old_dumps_the_prefix_of_a_title_tells_the_namespace(tmp_path, title, article):
    spaces = """<namespace key="1">Diskussion</namespace>
      <namespace key="3">Benutzer Diskussion</namespace>
      <namespace key="10">Vorlage</namespace>"""
    data = whole(page(3, title=title).replace("<ns>0</ns>", "")).decode()
    data = data.replace("</namespaces>", f"{spaces}</namespaces>")
    (record,) = read(write(tmp_path / "a.xml", data.encode()))
    assert isinstance(record, Document if article else Drop)
    if isinstance(record, Drop):
        assert record.reason == "not an article"


@pytest.mark.parametrize(
    ("language", "database", "text"),
    [
        ('xml:lang="zh"', "zhwiki", "北京（Beijing）。"),
        ("", "zhwiki", "北京（Beijing）。"),
        ("", "enwiki", "北京（English: Beijing）。"),
        ('xml:lang="en"', "zhwiki", "北京（English: Beijing）。"),
        ("", "my_own", "北京（English: Beijing）。"),
    ],
)
def test_the_language_is_stated_or_in_the_name_of_the_database(tmp_path, language, database, text):
    data = whole(page(3, "北京（{{lang-en|Beijing}}）。")).decode()
    data = data.replace('xml:lang="de"', language).replace("dewiki", database)
    data = data.replace("</namespaces>", '<namespace key="1">Talk</namespace></namespaces>')
    (document,) = read(write(tmp_path / "a.xml", data.encode()))
    assert document.text == text


def test_without_siteinfo(tmp_path):
    start = SITEINFO.index("  <siteinfo>")
    data = (SITEINFO[:start] + page(3) + "</mediawiki>").encode()
    assert read(write(tmp_path / "mywiki.xml", data)) == [
        Document("3", "mywiki", "Some prose.", "A title")
    ]


@pytest.mark.parametrize("pack", [bytes, bz2.compress, gzip.compress, zstandard.compress])
def test_compressions(tmp_path, pack):
    suffix = {bytes: "", bz2.compress: ".bz2", gzip.compress: ".gz"}.get(pack, ".zst")
    path = write(tmp_path / f"a.xml{suffix}", pack(whole(*MANY)))
    assert [record.id for record in read(path)] == [str(i) for i in range(40)]


@pytest.mark.parametrize("span_bytes", [1, 7, 100, 1000, 5000, 10**9])
def test_spans_of_a_plain_file(tmp_path, span_bytes):
    path = write(tmp_path / "a.xml", whole(*MANY[:12]))
    assert [record.id for record in read(path, span_bytes)] == [str(i) for i in range(12)]


def test_spans_of_a_multistream_file(tmp_path):
    # as written by Wikimedia: the head, then streams of several pages each, then the end
    parts = [SITEINFO, *("".join(MANY[i : i + 4]) for i in range(0, 40, 4)), "</mediawiki>\n"]
    streams = [bz2.compress(part.encode()) for part in parts]
    path = write(tmp_path / "a.xml.bz2", b"".join(streams))
    spans = dump.spans(path, 4)
    assert len(spans) == len(streams)
    assert [len(list(dump.read(span))) for span in spans] == [0, *[4] * 10, 0]
    assert sum(span.size for span in spans) == 4 * Path(path).stat().st_size
    two = dump.spans(path, 4 * sum(map(len, streams)) // 2)
    assert len(two) == 2
    assert [r.id for span in two for r in dump.read(span)] == [str(i) for i in range(40)]


@given(st.lists(st.integers(0, len(whole(*MANY[:6]))), max_size=8), st.integers(1, 2000))
def test_streams_may_begin_anywhere(tmp_path_factory, cuts, span_bytes):
    data = whole(*MANY[:6])
    edges = [0, *sorted(cuts), len(data)]
    streams = [bz2.compress(data[a:b]) for a, b in pairwise(edges) if a < b]
    path = write(tmp_path_factory.getbasetemp() / "cut.xml.bz2", b"".join(streams))
    assert [record.id for record in read(path, span_bytes)] == [str(i) for i in range(6)]


@given(st.integers(0, 2000))
def test_a_tag_at_the_end_of_a_block(tmp_path_factory, block):
    path = write(tmp_path_factory.getbasetemp() / "block.xml", whole(*MANY[:6]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dump, "_BLOCK", 500 + block)
        assert [r.id for r in dump.read(Span(path, "dump"))] == [str(i) for i in range(6)]


@pytest.mark.slow
def test_a_page_of_five_megabytes(tmp_path):
    text = "Some prose in a [[long]] page. " * 170_000
    path = write(tmp_path / "a.xml.bz2", bz2.compress(whole(page(1, text), page(2))))
    assert [len(record.text) for record in read(path)] == [len(text) - 1 - 4 * 170_000, 11]


def test_a_page_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 10_000)
    monkeypatch.setattr(dump, "_BLOCK", 1000)
    path = write(tmp_path / "a.xml", whole(page(1), page(2, "x" * 20_000), page(3)))
    with pytest.raises(ValueError, match=r"a\.xml byte \d+ has a page of more than 10000 bytes"):
        read(path)


def test_truncated_xml(tmp_path):
    data = whole(page(1), page(2))
    within = data.index(b"<id>2</id>")
    with pytest.raises(ValueError, match=r"a\.xml byte \d+ has a page that is cut off"):
        read(write(tmp_path / "a.xml", data[:within]))
    between = data.index(b"</mediawiki>")
    with pytest.raises(ValueError, match=r"a\.xml byte \d+ lacks </mediawiki>"):
        read(write(tmp_path / "a.xml", data[:between]))


def test_damaged_bz2(tmp_path):
    packed = bz2.compress(whole(*MANY))
    with pytest.raises(ValueError, match=r"a\.xml\.bz2 .*byte \d+"):
        read(write(tmp_path / "a.xml.bz2", packed[:-20]))
    broken = bytearray(packed)
    broken[len(packed) // 2] ^= 0xFF
    with pytest.raises(ValueError, match=r"a\.xml\.bz2 .*byte \d+"):
        read(write(tmp_path / "a.xml.bz2", bytes(broken)))


@pytest.mark.parametrize("data", [b"", b"<html><body>x</body></html>", b"plain"])
def test_not_a_dump(tmp_path, data):
    with pytest.raises(ValueError, match="does not begin with <mediawiki"):
        dump.spans(write(tmp_path / "a.xml", data))


def test_broken_siteinfo(tmp_path):
    data = whole(page(1)).replace(b"</dbname>", b"")
    with pytest.raises(ValueError, match=r"a\.xml has a broken <siteinfo> at byte \d+"):
        dump.spans(write(tmp_path / "a.xml", data))


def test_a_real_dump(shared_data):
    path = str(shared_data / "wikipedia-dump" / "enwiki-sample-pages-articles.xml.bz2")
    records = read(path)
    documents = [record for record in records if isinstance(record, Document)]
    assert len(records) == 110
    assert len(documents) == 33
    assert documents[0].url == "https://en.wikipedia.org/wiki/Anarchism"
    assert {document.source for document in documents} == {"enwiki"}
    assert {document.licence for document in documents} == {"CC BY-SA 3.0"}
