"""Unicode noncharacters that mark places in a page while it is processed.

Unicode reserves U+FDD0 to U+FDEF for internal use by programs, so pages should not contain them;
`without_noncharacters` removes those that occur nevertheless.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.entities import html5

HOLE = "\ufdd0"
"""Something visible to readers was removed here."""

UNCLOSED = "\ufdd1"
"""Braces or brackets that have not been closed yet."""

INDENT = "\ufdd2"
"""The space at the beginning of a line."""

_MARKUP = "[]{}|'<>=*#:;!-_"
_PROTECTED = {ord(char): chr(0xFDE0 + i) for i, char in enumerate(_MARKUP)}
_RESTORED = {ord(mark): chr(char) for char, mark in _PROTECTED.items()}
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef]+")
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]*));")


def without_noncharacters(text: str) -> str:
    """Remove noncharacters."""
    return _NONCHARACTERS.sub("", text)


def protect(text: str) -> str:
    """Hide markup characters from the passes that follow, until `restore`."""
    return text.translate(_PROTECTED)


def restore(text: str) -> str:
    """Restore the characters that `protect` hid."""
    return _NONCHARACTERS.sub(lambda marks: marks[0].translate(_RESTORED), text)


def unescape(text: str) -> str:
    """Replace entities by their characters, protected from being read as markup.

    Only entities that end with a semicolon are replaced, so `AT&T` and `&copy` stay unchanged.
    """
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    decimal, hexadecimal, name = entity.groups()
    if name:
        return protect(html5.get(f"{name};", entity[0]))
    code = int(decimal) if decimal else int(hexadecimal, 16)
    printable = code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code <= 0x10FFFF
    return protect(chr(code)) if printable else " "


def cut(text: str, parts: Iterable[tuple[int, int]]) -> str:
    """Replace parts of a text by holes.

    Args:
        text: any text.
        parts: the start and end of each part; parts may be nested and may overlap.
    """
    kept = []
    done = 0
    for start, stop in sorted(parts):
        if start >= done:
            kept += [text[done:start], HOLE]
        done = max(done, stop)
    return "".join([*kept, text[done:]])
