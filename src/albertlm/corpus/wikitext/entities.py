"""Character references."""

from __future__ import annotations

import re
from html.entities import html5

from albertlm.corpus.wikitext.marks import protect

_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]*));")


def unescape(text: str) -> str:
    """The text with the characters that entities stand for, protected from being read as markup.

    A semicolon ends an entity, so `AT&T` and `&copy` stay as they are.
    """
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    decimal, hexadecimal, name = entity.groups()
    if name:
        return protect(html5.get(f"{name};", entity[0]))
    code = int(decimal) if decimal else int(hexadecimal, 16)
    printable = code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code <= 0x10FFFF
    return protect(chr(code)) if printable else " "
