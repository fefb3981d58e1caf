"""What the stages of a corpus pass on: documents, drops, and spans of inputs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

HELD_OUT_IN = 100


@dataclass(frozen=True, slots=True)
class Document:
    """A document, with what is known of where it comes from.

    Fields:
        id: names it within its source.
        source: a collection, such as `enwiki`.
        text: as a reader gives it, a paragraph a line; in a corpus that was built, a sentence a
            line and paragraphs apart by a blank line.
        title, url, licence: empty where unknown.
    """

    id: str
    source: str
    text: str
    title: str = ""
    url: str = ""
    licence: str = ""

    @property
    def held_out(self) -> bool:
        """Whether no model may train on this document: about 1 % of all, by a hash of the id.

        The first 8 bytes of the SHA-256 of the UTF-8 id, as a big-endian integer, are divisible
        by 100. The rule is fixed for good: every held-out figure of the project rests on it.
        """
        head = hashlib.sha256(self.id.encode()).digest()[:8]
        return int.from_bytes(head, "big") % HELD_OUT_IN == 0


@dataclass(frozen=True, slots=True)
class Drop:
    """A document left out.

    Fields:
        id, source: as in `Document`; empty where it could not even be read.
        reason: a few words that many drops share, to be counted by.
        where: file and place, for a person who wants to look.
        text: what was left out, as far as it was read.
    """

    id: str
    source: str
    reason: str
    where: str = ""
    text: str = ""


Record = Document | Drop


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an input that one worker can read alone.

    Fields:
        path: a local path or an fsspec URL.
        format: the name of the module in `formats` that reads it.
        start, stop: bytes of a dump or of JSON lines, row groups of a parquet file; the whole file
            where there is nothing to part it by. `stop` None is the end.
        size: about how many bytes of work it is.
    """

    path: str
    format: str
    start: int = 0
    stop: int | None = None
    size: int = 0
