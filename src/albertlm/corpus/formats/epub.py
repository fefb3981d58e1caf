"""Read EPUB books, which are ZIP archives of XHTML pages."""

from __future__ import annotations

import errno
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote
from xml.etree import ElementTree

from albertlm.corpus import files
from albertlm.corpus.documents import Record, Span
from albertlm.corpus.formats import books, html

MAX_PACKAGE_BYTES = 4 << 20

_PAGE_TYPES = (
    "application/xhtml+xml",
    "text/html",
    "text/x-oeb1-document",  # before EPUB
    "application/x-dtbook+xml",
    "application/xml",
    "text/xml",
)
_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ElementTree.ParseError,
    EOFError,
    LookupError,
    NotImplementedError,  # raised by zipfile for an unknown compression
    ValueError,
)


def spans(path: str) -> list[Span]:
    """Return the whole file as one span."""
    return [Span(path, "epub", size=files.size(path))]


def read(span: Span) -> Iterator[Record]:
    """Yield the book: its pages in reading order, without Project Gutenberg's licence.

    The table of contents, cover and title page are left out.
    """
    yield books.record(span.path, _parse)


def _parse(path: str) -> books.Book:
    with files.open_stored(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _book(archive)
        except (*_BROKEN, OSError) as error:
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise
            raise books.UnreadableError("broken epub", f"({type(error).__name__})") from None


def _book(archive: zipfile.ZipFile) -> books.Book:
    rootfile = _xml(archive, "META-INF/container.xml").find(".//{*}rootfile")
    if rootfile is None:
        raise books.UnreadableError("broken epub", "(no rootfile)")
    package_path = rootfile.attrib["full-path"]
    package = _xml(archive, package_path)
    pages = _pages(archive, package, posixpath.dirname(package_path))
    if _encrypted(archive, pages):
        raise books.UnreadableError("encrypted epub")
    if sum(_entry(archive, page).file_size for page in pages) > files.MAX_DOCUMENT_BYTES:
        raise books.UnreadableError("too long")
    parts = [part for page in pages for part in _paragraphs(archive, page)]
    book = books.without_licence(parts, list)
    links = (link for link in _about(package, "identifier") if link.startswith("http"))
    return replace(
        book,
        title=next(_about(package, "title"), book.title),
        url=book.url or next(links, ""),
        licence=book.licence or next(_about(package, "rights"), ""),
    )


def _pages(archive: zipfile.ZipFile, package: ElementTree.Element, folder: str) -> list[str]:
    """Return the names in the archive of the pages that hold prose, in reading order."""
    names = {name.lower(): name for name in archive.namelist()}

    def find(link: str) -> str:
        """Return the entry for a link, which may differ in case or begin at the root."""
        relative = link.lstrip("/")
        paths = (_resolve(folder, link), _resolve(folder, relative), _resolve("", relative))
        return next((names[path.lower()] for path in paths if path.lower() in names), paths[0])

    items = {node.attrib["id"]: node.attrib for node in package.iterfind("./{*}manifest/{*}item")}
    left_out = {
        find(node.attrib["href"])
        for node in package.iterfind("./{*}guide/{*}reference")
        if node.attrib.get("type", "").lower() in html.NO_PROSE_TYPES
    }
    is_navigation = {
        name: "nav" in item.get("properties", "").split() for name, item in items.items()
    }
    # a book has one, and no more are read
    for name in [name for name, holds in is_navigation.items() if holds][:1]:
        left_out |= _without_prose(archive, find(items[name]["href"]))
    pages = {
        name: item
        for name, item in items.items()
        if not is_navigation[name] and _identifier(name) not in html.NO_PROSE_TYPES
    }
    order = [node.attrib["idref"] for node in package.iterfind("./{*}spine/{*}itemref")]
    types = {pages[name].get("media-type", "no type") for name in order if name in pages}
    if types and types.isdisjoint(_PAGE_TYPES):
        raise books.UnreadableError("empty", f"(its pages are {', '.join(sorted(types))})")
    found = [
        find(pages[name]["href"])
        for name in order
        if name in pages and pages[name].get("media-type") in _PAGE_TYPES
    ]
    # a page that the order names several times is read once
    return [page for page in dict.fromkeys(found) if page not in left_out]


def _without_prose(archive: zipfile.ZipFile, navigation: str) -> set[str]:
    """Return the pages that the landmarks of an EPUB 3 book name as title page, imprint and so on.

    A page of which only a part is named stays.
    """
    try:
        links = html.landmarks(_contents(archive, navigation, MAX_PACKAGE_BYTES))
    except books.UnreadableError:
        return set()  # the navigation itself is not part of the text
    folder = posixpath.dirname(navigation)
    return {
        _resolve(folder, link)
        for kind, link in links
        if kind in html.NO_PROSE_TYPES and "#" not in link
    }


def _identifier(name: str) -> str:
    """Return the identifier of a page in lower case, without the suffix of a file."""
    return posixpath.splitext(name.lower())[0]


def _encrypted(archive: zipfile.ZipFile, pages: list[str]) -> bool:
    """Return whether pages are encrypted; encrypted fonts do not matter."""
    if "META-INF/encryption.xml" not in archive.namelist():
        return False
    references = _xml(archive, "META-INF/encryption.xml").iterfind(".//{*}CipherReference")
    return not {unquote(node.attrib["URI"]) for node in references}.isdisjoint(pages)


def _paragraphs(archive: zipfile.ZipFile, page: str) -> list[str]:
    try:
        return html.paragraphs(_contents(archive, page, files.MAX_DOCUMENT_BYTES))[1]
    except books.UnreadableError as error:
        raise books.UnreadableError(error.reason, f"{page} {error.place}".rstrip()) from None


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    # expat limits the expansion of entities and does not fetch external ones
    return ElementTree.fromstring(_contents(archive, name, MAX_PACKAGE_BYTES))  # noqa: S314


def _contents(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    entry = _entry(archive, name)
    if entry.flag_bits & 1:
        raise books.UnreadableError("encrypted epub")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise books.UnreadableError("broken epub", "(EPUB has no such compression)")
    if entry.file_size > most:
        raise books.UnreadableError("too long")
    return archive.read(entry)


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(name)
    except KeyError:
        raise books.UnreadableError("broken epub", f"(it lacks {name})") from None


def _about(package: ElementTree.Element, name: str) -> Iterator[str]:
    for node in package.iter(f"{_DUBLIN_CORE}{name}"):
        if text := " ".join("".join(node.itertext()).split()):
            yield text


def _resolve(folder: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(link.partition("#")[0])))
