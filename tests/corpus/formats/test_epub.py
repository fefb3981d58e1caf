"""Test the reading order of EPUB books, what is left out, and broken archives."""

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop, Record
from albertlm.corpus.formats import epub

CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/package.xml" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""

PACKAGE = """<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>A Dark
Night</dc:title><dc:language>en</dc:language>
<dc:identifier>urn:uuid:1</dc:identifier><dc:identifier>https://example.org/1</dc:identifier>
<dc:rights>CC BY 4.0</dc:rights></metadata>
<manifest>
<item id="two" href="text/chapter%202.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="text/one.xhtml" media-type="application/xhtml+xml"/>
<item id="cover" href="text/cover.xhtml" media-type="application/xhtml+xml"/>
<item id="contents" href="text/toc.xhtml" media-type="application/xhtml+xml"/>
<item id="menu" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav scripted"/>
<item id="unused" href="text/unused.xhtml" media-type="application/xhtml+xml"/>
<item id="image" href="image.jpg" media-type="image/jpeg"/>
</manifest>
<spine><itemref idref="cover"/><itemref idref="menu"/><itemref idref="contents"/>
<itemref idref="one"/><itemref idref="image"/><itemref idref="two"/></spine>
<guide><reference type="toc" href="text/toc.xhtml#start"/></guide>
</package>"""

ENCRYPTION = """<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<EncryptedData xmlns="http://www.w3.org/2001/04/xmlenc#"><CipherData>
<CipherReference URI="{}"/></CipherData></EncryptedData></encryption>"""


def page(*paragraphs: str) -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head><title/></head><body><h1>Chapter</h1>{body}</body></html>"
    )


BOOK = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OEBPS/package.xml": PACKAGE,
    "OEBPS/text/one.xhtml": page("One.", "Two."),
    "OEBPS/text/chapter 2.xhtml": page("Three."),
    **{f"OEBPS/text/{name}.xhtml": page("Not prose.") for name in ("cover", "toc", "unused")},
    "OEBPS/nav.xhtml": page("Not prose."),
}


def pack(book: Mapping[str, str | bytes]) -> bytes:
    stored = BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in book.items():
            archive.writestr(name, text)
    return stored.getvalue()


def read(path: Path, data: bytes) -> Record:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    (span,) = epub.spans(str(path))
    (record,) = epub.read(span)
    return record


def reason(path: Path, book: dict[str, str]) -> str:
    drop = read(path, pack(book))
    assert isinstance(drop, Drop)
    return drop.reason


def test_a_book(tmp_path):
    assert read(tmp_path / "shelf" / "a.epub", pack(BOOK)) == Document(
        id="a.epub",
        source="shelf",
        text="One.\nTwo.\nThree.",
        title="A Dark Night",
        url="https://example.org/1",
        licence="CC BY 4.0",
    )


def test_a_page_is_read_once(tmp_path):
    order = '<itemref idref="one"/>' * 60 + '<itemref idref="again"/>'
    again = '<item id="again" href="text/./one.xhtml" media-type="application/xhtml+xml"/>'
    package = PACKAGE.replace("</manifest>", f"{again}</manifest>")
    package = package.replace("<spine>", f"<spine>{order}")
    book = BOOK | {"OEBPS/package.xml": package, "OEBPS/text/one.xhtml": page("a" * 400_000)}
    document = read(tmp_path / "a.epub", pack(book))
    assert isinstance(document, Document)
    assert document.text == "a" * 400_000 + "\nThree."


def test_one_navigation_is_read(tmp_path, monkeypatch):
    navigation = '<item id="n{}" href="nav.xhtml" media-type="text/html" properties="nav"/>'
    items = "".join(navigation.format(number) for number in range(60))
    package = PACKAGE.replace("</manifest>", f"{items}</manifest>")
    names = []
    read_entry = zipfile.ZipFile.read

    def recorded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
        names.append(entry.filename)
        return read_entry(archive, entry)

    monkeypatch.setattr(zipfile.ZipFile, "read", recorded)
    book = BOOK | {"OEBPS/package.xml": package}
    assert isinstance(read(tmp_path / "a.epub", pack(book)), Document)
    assert len(names) == len(set(names))


def test_a_page_that_is_hard_to_parse_is_named(tmp_path):
    attributes = " ".join(f"a{i}" for i in range(80_000))
    book = BOOK | {"OEBPS/text/one.xhtml": page("One.").replace("<p>", f"<p {attributes}>")}
    drop = read(tmp_path / "a.epub", pack(book))
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.where.rpartition("/")[2]) == ("too many attributes", "one.xhtml")
    # of the navigation, only its landmarks are used
    book = BOOK | {"OEBPS/nav.xhtml": f"<p {attributes}>"}
    assert isinstance(read(tmp_path / "b.epub", pack(book)), Document)


def test_a_book_of_project_gutenberg(tmp_path):
    start, end = (f"*** {word} OF THE PROJECT GUTENBERG EBOOK A ***" for word in ("START", "END"))
    pages = {
        "OEBPS/text/one.xhtml": page("Title: B", "[eBook #12]", start, "Produced by X", "One."),
        "OEBPS/text/chapter 2.xhtml": page("Two.", end, "Updated editions"),
    }
    document = read(tmp_path / "a.epub", pack(BOOK | pages))
    assert isinstance(document, Document)
    assert document.text == "One.\nTwo."
    assert (document.title, document.url) == ("A Dark Night", "https://www.gutenberg.org/ebooks/12")
    assert document.licence == "Public domain in the USA"


def test_urls():
    with fsspec.open("memory://shelf/a.epub", "wb") as file:
        file.write(pack(BOOK))
    (span,) = epub.spans("memory://shelf/a.epub")
    (document,) = epub.read(span)
    assert (document.source, document.text) == ("shelf", "One.\nTwo.\nThree.")


def test_books_without_what_is_optional(tmp_path):
    package = PACKAGE[: PACKAGE.index("<metadata")] + PACKAGE[PACKAGE.index("<manifest>") :]
    package = package[: package.index("<guide>")] + "</package>"
    document = read(tmp_path / "a.epub", pack(BOOK | {"OEBPS/package.xml": package}))
    assert isinstance(document, Document)
    assert (document.title, document.url, document.licence) == ("", "", "")
    assert document.text == "Not prose.\nOne.\nTwo.\nThree."


@pytest.mark.parametrize("identifier", ["imprint.xhtml", "Colophon.xhtml", "uncopyright"])
def test_identifiers_of_pages_without_prose(tmp_path, identifier):
    package = PACKAGE.replace('"one"', f'"{identifier}"')
    document = read(tmp_path / "a.epub", pack(BOOK | {"OEBPS/package.xml": package}))
    assert document.text == "Three."


def test_landmarks_of_pages_without_prose(tmp_path):
    navigation = """<nav epub:type="landmarks"><a epub:type="imprint" href="text/one.xhtml">A</a>
    <a epub:type="bodymatter" href="text/chapter%202.xhtml">B</a>
    <a epub:type="toc" href="text/chapter%202.xhtml#toc">C</a></nav>"""
    document = read(tmp_path / "a.epub", pack(BOOK | {"OEBPS/nav.xhtml": navigation}))
    assert document.text == "Three."


@pytest.mark.parametrize("link", ["/OEBPS/text/one.xhtml", "Text/One.XHTML", "/text/one.xhtml"])
def test_links_from_the_root_or_of_another_case(tmp_path, link):
    package = PACKAGE.replace("text/one.xhtml", link)
    document = read(tmp_path / "a.epub", pack(BOOK | {"OEBPS/package.xml": package}))
    assert document.text == "One.\nTwo.\nThree."


@pytest.mark.parametrize(
    "kind", ["text/x-oeb1-document", "application/x-dtbook+xml", "application/xml"]
)
def test_other_types_of_pages(tmp_path, kind):
    package = PACKAGE.replace("application/xhtml+xml", kind)
    document = read(tmp_path / "a.epub", pack(BOOK | {"OEBPS/package.xml": package}))
    assert document.text == "One.\nTwo.\nThree."


def test_a_book_of_pages_that_cannot_be_read_is_a_drop_that_names_their_type(tmp_path):
    package = PACKAGE.replace("application/xhtml+xml", "application/pdf")
    drop = read(tmp_path / "a.epub", pack(BOOK | {"OEBPS/package.xml": package}))
    assert isinstance(drop, Drop)
    assert drop.reason == "empty"
    assert drop.where == f"{tmp_path}/a.epub (its pages are application/pdf, image/jpeg)"


def test_a_missing_page_is_named(tmp_path):
    package = PACKAGE.replace("one.xhtml", "none.xhtml")
    drop = read(tmp_path / "a.epub", pack(BOOK | {"OEBPS/package.xml": package}))
    assert isinstance(drop, Drop)
    assert drop.reason == "broken epub"
    assert drop.where == f"{tmp_path}/a.epub (it lacks OEBPS/text/none.xhtml)"


def test_encrypted_pages_are_a_drop(tmp_path):
    path = tmp_path / "a.epub"
    encryption = ENCRYPTION.format("OEBPS/text/chapter%202.xhtml")
    assert reason(path, BOOK | {"META-INF/encryption.xml": encryption}) == "encrypted epub"
    fonts = {"META-INF/encryption.xml": ENCRYPTION.format("OEBPS/font.otf")}
    assert isinstance(read(path, pack(BOOK | fonts)), Document)


def test_a_password_is_a_drop(tmp_path):
    stored = bytearray(pack(BOOK))
    for name in (b"PK\1\2", b"PK\3\4"):
        at = -1
        while (at := stored.find(name, at + 1)) >= 0:
            stored[at + (8 if name == b"PK\1\2" else 6)] |= 1
    drop = read(tmp_path / "a.epub", bytes(stored))
    assert isinstance(drop, Drop)
    assert drop.reason == "encrypted epub"


@pytest.mark.parametrize(
    "change",
    [
        {"META-INF/container.xml": "<container/>"},
        {"META-INF/container.xml": "<container"},
        {"META-INF/container.xml": CONTAINER.replace("package.xml", "none.xml")},
        {"META-INF/container.xml": CONTAINER.replace("full-path", "path")},
        {"OEBPS/package.xml": "no XML"},
        {"OEBPS/package.xml": PACKAGE.replace("one.xhtml", "none.xhtml")},
        {"OEBPS/package.xml": PACKAGE.replace('id="one"', "")},
        {"META-INF/encryption.xml": ENCRYPTION.replace("URI", "X")},
    ],
)
def test_a_broken_book_is_a_drop(tmp_path, change):
    assert reason(tmp_path / "a.epub", BOOK | change) == "broken epub"


@pytest.mark.parametrize("part", [slice(0, 0), slice(0, 100), slice(0, -10), slice(100, None)])
def test_a_truncated_book_is_a_drop(tmp_path, part):
    drop = read(tmp_path / "shelf" / "a.epub", pack(BOOK)[part])
    assert isinstance(drop, Drop)
    assert (drop.id, drop.source, drop.reason) == ("a.epub", "shelf", "broken epub")
    assert drop.where.startswith(f"{tmp_path}/shelf/a.epub (")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression_is_a_drop(tmp_path, method):
    stored = BytesIO()
    with zipfile.ZipFile(stored, "w", method) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
    drop = read(tmp_path / "a.epub", stored.getvalue())
    assert isinstance(drop, Drop)
    assert drop.reason == "broken epub"


def test_a_bad_page_is_named(tmp_path):
    drop = read(tmp_path / "a.epub", pack(BOOK | {"OEBPS/text/one.xhtml": b"the\xe9"}))
    assert isinstance(drop, Drop)
    assert drop.reason == "not UTF-8"
    assert drop.where == f"{tmp_path}/a.epub OEBPS/text/one.xhtml byte 3"


@pytest.mark.parametrize(
    "name", ["OEBPS/text/one.xhtml", "OEBPS/package.xml", "META-INF/container.xml"]
)
def test_bombs_are_not_unpacked(tmp_path, name):
    assert reason(tmp_path / "a.epub", BOOK | {name: " " * 20_000_000}) == "too long"


def test_many_pages_are_bounded_together(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 300)
    assert reason(tmp_path / "a.epub", BOOK) == "too long"


def test_entities_that_multiply_are_not_expanded(tmp_path):
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "0123456789">{entities}]><x>&e11;</x>'
    assert reason(tmp_path / "a.epub", BOOK | {"OEBPS/package.xml": bomb}) == "broken epub"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damage_is_a_drop_or_harmless(tmp_path_factory, data):
    stored = bytearray(pack(BOOK))
    for _ in range(data.draw(st.integers(1, 4))):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    record = read(tmp_path_factory.getbasetemp() / "damaged" / "a.epub", bytes(stored))
    reasons = {"broken epub", "encrypted epub", "too long", "not UTF-8", "empty"}
    assert isinstance(record, Document) or record.reason in reasons
