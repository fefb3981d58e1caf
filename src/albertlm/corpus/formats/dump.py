"""MediaWiki XML dumps, such as `enwiki-latest-pages-articles.xml.bz2`.

A page belongs to the span in which its `<page>` tag begins, so a file may be parted at any byte: a
plain one anywhere, a `.bz2` of several streams (as Wikimedia and pbzip2 write it) between them.
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
from albertlm.corpus.wikitext import ENGLISH, Namespaces, extract, is_disambiguation

_OPEN, _CLOSE, _END = b"<page>", b"</page>", b"</mediawiki>"
_BLOCK = 1 << 20
_STREAM = re.compile(rb"BZh[1-9]1AY&SY")
_STREAM_BYTES = 10
_COMPRESSION = 4
"""XML of wikitext is about this many times as long as its .bz2."""

_WIKIMEDIA = re.compile(
    r"https?://[\w-]+\."
    r"(?:wikipedia|wikibooks|wikiquote|wikisource|wikiversity|wikivoyage|wiktionary)\.org/"
)
_RELICENSED = "2023-06-07"
"""The day these wikis went from CC BY-SA 3.0 to 4.0: what was written before is under 3.0."""


@dataclass(frozen=True)
class Site:
    """What the head of a dump says of its wiki.

    Fields:
        source: the name of its database, such as `enwiki`.
        base: what the addresses of its pages begin with.
        namespaces: its names for files and categories.
    """

    source: str
    base: str
    namespaces: Namespaces


def spans(path: str, span_bytes: int = files.SPAN_BYTES) -> list[Span]:
    """Ranges of bytes of a plain file or of streams of a .bz2; any other compressed file is one.

    Args:
        path: a local path or an fsspec URL.
        span_bytes: about so many bytes of XML make a span.

    Raises:
        ValueError: the file does not begin as a dump does, or is damaged there.
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
    """The pages that begin in the span: documents, or why they are none.

    A document has the id of its page and the text of the page's last revision in the dump.

    Raises:
        ValueError: the file is broken or ends too early.
    """
    site = _site(span.path)
    for offset, page in _pages(span):
        yield _record(page, site, _where(span, offset))


def _streams(path: str, step: int) -> Iterator[int]:
    """Where streams of a .bz2 begin, at least `step` bytes apart, told by their first bytes.

    Only what lies between each step and the next beginning is read.
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
    """The pages that begin in a span, and at which byte of its XML.

    One that has no end of its own goes up to the next page, and is no XML then.
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
                "bytes; give a dump of articles, without their history"
            )
    if data.startswith(_OPEN):
        raise ValueError(f"{_where(span, offset)} has a page that is cut off; fetch the file again")
    end = end.strip()  # in a span of a few bytes, a part of the last tag
    if limit is None and not (end.endswith(_END) or _END.endswith(end)):
        raise ValueError(f"{_where(span, offset)} lacks {_END.decode()}; fetch the file again")


def _blocks(span: Span) -> Iterator[bytes | None]:
    """The XML of a span, then None, then, as far as it is asked for, what follows in the file."""
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
    start, stop = head.find(b"<siteinfo>"), head.find(b"</siteinfo>")
    if start < 0 or stop < 0:
        return Site(files.stem(path), "", ENGLISH)
    try:
        info = ET.fromstring(head[start : stop + len(b"</siteinfo>")])  # noqa: S314  no entities
    except ET.ParseError as error:
        raise ValueError(f"{path} has a broken <siteinfo> at byte {start} ({error})") from None
    names = {space.get("key", ""): space.text or "" for space in info.iter("namespace")}
    main_page = info.findtext("base") or ""
    return Site(
        source=info.findtext("dbname") or files.stem(path),
        base=main_page.rpartition("/")[0] + "/" if main_page else "",
        namespaces=Namespaces.from_siteinfo(names),
    )


def _record(data: bytes, site: Site, where: str) -> Record:
    try:
        page = ET.fromstring(data)  # noqa: S314  a part of a file has no entities of its own
    except ET.ParseError:
        text = data.decode(errors="replace")
        reason = "not UTF-8" if text.encode() != data else "malformed XML"
        return Drop("", site.source, reason, where, text)
    title, number = page.findtext("title") or "", page.findtext("id") or ""
    *_, revision = [page, *page.iterfind("revision")]
    text = revision.findtext("text") or ""
    reason = _reason(page, revision, title, text)
    prose = "" if reason else extract(text, title=title, namespaces=site.namespaces)
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


def _reason(page: ET.Element, revision: ET.Element, title: str, text: str) -> str:
    """Why a page holds no article, or nothing."""
    if page.findtext("ns", "0") != "0":
        return "not an article"
    if page.find("redirect") is not None or text.lstrip()[:9].upper() == "#REDIRECT":
        return "redirect"
    if revision.findtext("model", "wikitext") != "wikitext":
        return "not wikitext"
    return "disambiguation" if is_disambiguation(text, title) else ""


def _url(base: str, title: str) -> str:
    """A page's address, with the characters that MediaWiki leaves as they are."""
    return base + quote(title.replace(" ", "_"), safe="/:;@$!*(),~") if base and title else ""


def _licence(base: str, timestamp: str) -> str:
    """The licence of a revision's text; empty for wikis whose terms are not known here."""
    if not (_WIKIMEDIA.match(base) and timestamp):
        return ""
    return "CC BY-SA 3.0" if timestamp < _RELICENSED else "CC BY-SA 4.0"
