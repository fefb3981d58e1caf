"""Read MediaWiki XML dumps, such as `enwiki-latest-pages-articles.xml.bz2`.

A page belongs to the span in which its `<page>` tag begins. A plain file can therefore be divided
at any byte, and a `.bz2` of several streams (as written by Wikimedia and pbzip2) between streams.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote
from xml.etree import ElementTree as ET

from albertlm.corpus import files
from albertlm.corpus.documents import Document, Drop, Record, Span
from albertlm.corpus.wikitext import Wiki, extract, is_disambiguation

_OPEN, _CLOSE, _END = b"<page>", b"</page>", b"</mediawiki>"
_BLOCK = 1 << 20
_STREAM = re.compile(rb"BZh[1-9]1AY&SY")
_STREAM_BYTES = 10
_COMPRESSION = 4
"""The approximate ratio of the size of wikitext in XML to that of its .bz2."""

_LANGUAGE = re.compile(rb"""<mediawiki\b[^>]*\sxml:lang\s*=\s*["']([\w-]+)""")
_DATABASE = re.compile(
    r"(\w+?)wik(?:i|tionary|ibooks|iquote|isource|iversity|ivoyage|inews)(?![a-z])"
)
"""The name of a Wikimedia wiki's database, which begins with the code of its language."""

_WIKIMEDIA = re.compile(
    r"https?://[\w-]+\."
    r"(?:wikipedia|wikibooks|wikiquote|wikisource|wikiversity|wikivoyage|wiktionary)\.org/"
)
_RELICENSED = "2023-06-07"
"""The day on which these wikis moved from CC BY-SA 3.0 to 4.0; older revisions are under 3.0."""


@dataclass(frozen=True)
class Site:
    """The wiki that the head of a dump describes.

    Fields:
        source: the name of the wiki's database, such as `enwiki`.
        base: the common prefix of the URLs of its pages.
        wiki: its language, and its names of files and categories.
        not_articles: the prefixes, in lower case, of titles outside the main namespace.
    """

    source: str
    base: str
    wiki: Wiki
    not_articles: frozenset[str] = frozenset()


def spans(path: str, span_bytes: int = files.SPAN_BYTES) -> list[Span]:
    """Divide a plain file by bytes and a .bz2 by streams; other compressed files are one span.

    Args:
        path: a local path or an fsspec URL.
        span_bytes: the approximate number of bytes of XML in a span.

    Raises:
        ValueError: the beginning of the file is not that of a dump, or is damaged.
    """
    _site(path)
    stored, ratio = files.size(path), 1
    starts = [0]
    if path.endswith(".bz2"):
        ratio = _COMPRESSION
        starts += _streams(path, max(span_bytes // ratio, 1))
    elif files.is_compressed(path):
        ratio = _COMPRESSION
    else:
        starts += range(span_bytes, stored, span_bytes)
    sizes = [(stop - start) * ratio for start, stop in pairwise([*starts, stored])]
    stops = [*starts[1:], None]
    return [
        Span(path, "dump", start, stop, size)
        for start, stop, size in zip(starts, stops, sizes, strict=True)
    ]


def read(span: Span) -> Iterator[Record]:
    """Yield a record for each page that begins in the span.

    A document has the id of its page and the text of the page's last revision in the dump.

    Raises:
        ValueError: the file is broken or truncated.
    """
    site = _site(span.path)
    for offset, page in _pages(span):
        yield _record(page, site, _where(span, offset))


def _streams(path: str, step: int) -> Iterator[int]:
    """Yield positions, at least `step` bytes apart, where streams of a .bz2 begin.

    Streams are recognised by their first bytes. Only the part of the file between each step and the
    next stream is read.
    """
    with files.open_stored(path) as file:
        place = file.seek(step)
        data = b""
        while block := file.read(_BLOCK):
            data += block
            if found := _STREAM.search(data):
                place += found.start()
                yield place
                place = file.seek(place + step)
                data = b""
            else:
                place += max(len(data) - _STREAM_BYTES, 0)
                data = data[-_STREAM_BYTES:]


def _pages(span: Span) -> Iterator[tuple[int, bytes]]:
    """Yield the pages that begin in a span, each with its offset in the span's XML.

    A page without an end tag extends to the next page, and is therefore malformed.
    """
    data = end = b""
    offset = 0  # of `data`
    limit = None  # the offset of the end of the span, once it is known
    for block in _blocks(span):
        if block is None:
            limit = offset + len(data)
        else:
            data += block
            end = (end + block)[-64:]
        done = 0
        while (start := data.find(_OPEN, done)) >= 0:
            if limit is not None and offset + start >= limit:
                return
            close = data.find(_CLOSE, start)
            if close < 0:
                break
            again = data.find(_OPEN, start + 1, close)
            done = again if again >= 0 else close + len(_CLOSE)
            yield offset + start, data[start:done]
        if start < 0:  # a tag may have begun
            start = data.rfind(b"<", max(done, len(data) - len(_OPEN) + 1))
        keep = start if start >= 0 else len(data)
        offset += keep
        data = data[keep:]
        if limit is not None and offset >= limit:
            return
        if len(data) > files.MAX_DOCUMENT_BYTES:
            raise ValueError(
                f"{_where(span, offset)} has a page of more than {files.MAX_DOCUMENT_BYTES} "
                "bytes; give a dump of articles without their history"
            )
    if data.startswith(_OPEN):
        raise ValueError(f"{_where(span, offset)} has a page that is cut off; fetch the file again")
    end = end.strip()  # in a span of a few bytes, a part of the last tag
    if limit is None and not (end.endswith(_END) or _END.endswith(end)):
        raise ValueError(f"{_where(span, offset)} lacks {_END.decode()}; fetch the file again")


def _blocks(span: Span) -> Iterator[bytes | None]:
    """Yield the XML of a span, then None, then what follows in the file for as long as needed."""
    start, stop = span.start, span.stop
    while True:
        with files.open_bytes(span.path, start=start, stop=stop) as file:
            while block := file.read(_BLOCK):
                yield block
        if stop is None:
            return
        yield None
        start, stop = stop, None


def _where(span: Span, offset: int) -> str:
    if files.is_compressed(span.path):
        return f"{span.path} (byte {offset} of the XML from stored byte {span.start} on)"
    return f"{span.path} byte {span.start + offset}"


def _site(path: str) -> Site:
    head = b""
    with files.open_bytes(path) as file:
        while len(head) < _BLOCK and (block := file.read(1 << 14)):
            head += block
            if b"</siteinfo>" in head or _OPEN in head:
                break
    if b"<mediawiki" not in head:
        raise ValueError(f"{path} does not begin with <mediawiki; give a MediaWiki XML dump")
    stated = _LANGUAGE.search(head)
    language = stated[1].decode() if stated else ""
    start, stop = head.find(b"<siteinfo>"), head.find(b"</siteinfo>")
    if start < 0 or stop < 0:
        return Site(files.stem(path), "", Wiki.of(language or _language(files.stem(path)), {}))
    try:
        info = ET.fromstring(head[start : stop + len(b"</siteinfo>")])  # noqa: S314  no entities
    except ET.ParseError as error:
        raise ValueError(f"{path} has a broken <siteinfo> at byte {start} ({error})") from None
    names = {space.get("key", ""): space.text or "" for space in info.iter("namespace")}
    main_page = info.findtext("base") or ""
    source = info.findtext("dbname") or files.stem(path)
    wiki = Wiki.of(language or _language(source), names)
    return Site(
        source=source,
        base=main_page.rpartition("/")[0] + "/" if main_page else "",
        wiki=wiki,
        not_articles=wiki.hidden | {name.lower() for key, name in names.items() if key != "0"},
    )


def _language(database: str) -> str:
    """Return the code in the name of a database such as `dewiki`, or an empty string."""
    match = _DATABASE.match(database)
    return match[1] if match else ""


def _record(data: bytes, site: Site, where: str) -> Record:
    try:
        page = ET.fromstring(data)  # noqa: S314  a part of a file defines no entities
    except ET.ParseError:
        text = data.decode(errors="replace")
        reason = "not UTF-8" if text.encode() != data else "malformed XML"
        return Drop("", site.source, reason, where, text)
    title, number = page.findtext("title") or "", page.findtext("id") or ""
    *_, revision = [page, *page.iterfind("revision")]
    text = revision.findtext("text") or ""
    reason = _reason(page, revision, site, text)
    prose = "" if reason else extract(text, title=title, wiki=site.wiki)
    if not prose:
        return Drop(number, site.source, reason or "no prose", where, text)
    return Document(
        id=number,
        source=site.source,
        text=prose,
        title=title,
        url=_url(site.base, title),
        licence=_licence(site.base, revision.findtext("timestamp", "")),
    )


def _reason(page: ET.Element, revision: ET.Element, site: Site, text: str) -> str:
    """Return why a page is not an article, or an empty string if it is one."""
    title = page.findtext("title") or ""
    if (number := page.findtext("ns")) is None:  # in dumps made before 2012
        prefix, colon, _ = title.partition(":")
        if colon and prefix.replace("_", " ").strip().lower() in site.not_articles:
            return "not an article"
    elif number != "0":
        return "not an article"
    if page.find("redirect") is not None or text.lstrip()[:9].upper() == "#REDIRECT":
        return "redirect"
    if revision.findtext("model", "wikitext") != "wikitext":
        return "not wikitext"
    return "disambiguation" if is_disambiguation(text, title) else ""


def _url(base: str, title: str) -> str:
    """Return the URL of a page, in which the same characters stay unquoted as in MediaWiki's."""
    return base + quote(title.replace(" ", "_"), safe="/:;@$!*(),~") if base and title else ""


def _licence(base: str, timestamp: str) -> str:
    """Return the licence of a revision, or an empty string if the wiki's terms are unknown."""
    if not (_WIKIMEDIA.match(base) and timestamp):
        return ""
    return "CC BY-SA 3.0" if timestamp < _RELICENSED else "CC BY-SA 4.0"
