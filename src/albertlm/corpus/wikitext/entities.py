"""Character references."""

from __future__ import annotations

import re
from html.entities import html5

_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]*));")


def unescape(text: str) -> str:
    """The text with the characters that entities stand for; a semicolon ends an entity."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    decimal, hexadecimal, name = entity.groups()
    if name:
        return html5.get(f"{name};", entity[0])
    code = int(decimal) if decimal else int(hexadecimal, 16)
    printable = code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code <= 0x10FFFF
    return chr(code) if printable else " "
