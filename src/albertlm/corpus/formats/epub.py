"""EPUB: a book a file, a ZIP archive of XHTML pages."""

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

_PAGE_TYPES = ("application/xhtml+xml", "text/html")
_NO_PROSE = ("cover", "toc", "nav", "title-page", "titlepage", "copyright-page")
"""Types in the guide, and identifiers that publishers give to such pages."""

_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ElementTree.ParseError,
    EOFError,
    LookupError,
    NotImplementedError,  # of zipfile: a compression that it does not know
    ValueError,
)


def spans(path: str) -> list[Span]:
    """The whole file."""
    return [Span(path, "epub", size=files.size(path))]


def read(span: Span) -> Iterator[Record]:
    """The paragraphs of the book's pages in reading order, without Project Gutenberg's licence.

    Table of contents, cover and title page are left out.
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
    pages = _pages(package, posixpath.dirname(package_path))
    if _encrypted(archive, pages):
        raise books.UnreadableError("encrypted epub")
    if sum(archive.getinfo(page).file_size for page in pages) > files.MAX_DOCUMENT_BYTES:
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


def _pages(package: ElementTree.Element, folder: str) -> list[str]:
    """Names in the archive of the pages with prose, in reading order."""
    left_out = {
        _resolve(folder, node.attrib["href"])
        for node in package.iterfind("./{*}guide/{*}reference")
        if node.attrib.get("type") in _NO_PROSE
    }
    items = {
        node.attrib["id"]: _resolve(folder, node.attrib["href"])
        for node in package.iterfind("./{*}manifest/{*}item")
        if node.attrib.get("media-type") in _PAGE_TYPES
        and node.attrib["id"].lower() not in _NO_PROSE
        and "nav" not in node.attrib.get("properties", "").split()
    }
    order = (node.attrib["idref"] for node in package.iterfind("./{*}spine/{*}itemref"))
    return [items[name] for name in order if name in items and items[name] not in left_out]


def _encrypted(archive: zipfile.ZipFile, pages: list[str]) -> bool:
    """Whether pages are encrypted by a scheme of their own; where only fonts are, all is well."""
    if "META-INF/encryption.xml" not in archive.namelist():
        return False
    references = _xml(archive, "META-INF/encryption.xml").iterfind(".//{*}CipherReference")
    return any(unquote(node.attrib["URI"]) in pages for node in references)


def _paragraphs(archive: zipfile.ZipFile, page: str) -> list[str]:
    try:
        return html.paragraphs(_contents(archive, page, files.MAX_DOCUMENT_BYTES))[1]
    except books.UnreadableError as error:
        raise books.UnreadableError(error.reason, f"{page} {error.place}".rstrip()) from None


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    # expat bounds how far entities expand, and fetches none
    return ElementTree.fromstring(_contents(archive, name, MAX_PACKAGE_BYTES))  # noqa: S314


def _contents(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    entry = archive.getinfo(name)
    if entry.flag_bits & 1:
        raise books.UnreadableError("encrypted epub")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise books.UnreadableError("broken epub", "(EPUB has no such compression)")
    if entry.file_size > most:
        raise books.UnreadableError("too long")
    return archive.read(entry)


def _about(package: ElementTree.Element, name: str) -> Iterator[str]:
    for node in package.iter(f"{_DUBLIN_CORE}{name}"):
        if text := " ".join("".join(node.itertext()).split()):
            yield text


def _resolve(folder: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(link.partition("#")[0])))
