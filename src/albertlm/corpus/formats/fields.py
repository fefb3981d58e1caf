"""A row of a table or an object of JSON to a document."""

from __future__ import annotations

import re
from collections.abc import Mapping

from albertlm.corpus import files
from albertlm.corpus.cleaning import without_headings
from albertlm.corpus.documents import Document, Drop, Record

NAMES = ("id", "source", "title", "url", "licence", "license", "text")

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What JSON can write, but UTF-8 cannot."""


def record(fields: Mapping[str, object], *, path: str, number: str, where: str) -> Record:
    """The document that named fields make up; a text that is missing or blank is a drop.

    Strings and whole numbers count as values, anything else as missing. Where there is a title the
    text is an encyclopedia's and loses its headings (`without_headings`).

    Args:
        fields: any of `NAMES`.
        path: the file; its stem is the source where none is given.
        number: the id where none is given.
        where: file and place, for a person.
    """
    values = {name: _string(fields.get(name)) for name in NAMES}
    id_ = values["id"] or number
    source = values["source"] or files.stem(path)
    text = without_headings(values["text"], values["title"])
    if not text.strip():
        return Drop(id_, source, "empty", where, values["text"])
    return Document(
        id=id_,
        source=source,
        text=text,
        title=values["title"],
        url=values["url"],
        licence=values["licence"] or values["license"],
    )


def _string(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", str(value))
