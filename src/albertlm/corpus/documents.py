"""The records that the stages of a build exchange: documents, drops and spans of inputs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

HELD_OUT_IN = 100


@dataclass(frozen=True, slots=True)
class Document:
    """A document and its origin.

    Fields:
        id: identifies the document within its source.
        source: a collection, such as `enwiki`.
        text: one paragraph per line when it comes from a reader; in a finished corpus, one sentence
            per line and a blank line between paragraphs.
        title: empty if unknown.
        url: empty if unknown.
        licence: empty if unknown.
    """

    id: str
    source: str
    text: str
    title: str = ""
    url: str = ""
    licence: str = ""

    @property
    def held_out(self) -> bool:
        """Whether this document is held out from training, as about 1 % of all documents are.

        A document is held out if the first 8 bytes of the SHA-256 of its UTF-8 id, as a big-endian
        integer, are divisible by 100. This rule must never change: every held-out figure of the
        project depends on it.
        """
        head = hashlib.sha256(self.id.encode()).digest()[:8]
        return int.from_bytes(head, "big") % HELD_OUT_IN == 0


@dataclass(frozen=True, slots=True)
class Drop:
    """A document that was left out.

    Fields:
        id: as in `Document`; empty if the document could not be parsed.
        source: as in `Document`.
        reason: a short phrase that drops are counted by.
        where: the file and position, for people who want to inspect it.
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
    """A part of an input that a worker can read independently of the others.

    Fields:
        path: a local path or an fsspec URL.
        format: a key of `inputs.READERS`.
        start: the first byte of a dump or of a file of lines, or the first row group of a parquet
            file; 0 for formats that cannot be divided.
        stop: the byte or row group to end before; None is the end of the file.
        size: about how many bytes of text it holds.
    """

    path: str
    format: str
    start: int = 0
    stop: int | None = None
    size: int = 0
