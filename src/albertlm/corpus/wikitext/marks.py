"""Unicode noncharacters that stand for something while a page is taken apart.

U+FDD0 to U+FDEF are set aside by Unicode for a program's internal use, so no page holds them; where
one does all the same, `clean` takes it out first.
"""

from __future__ import annotations

import re

HOLE = "\ufdd0"
"""Something that a reader would have seen was taken out here."""

UNCLOSED = "\ufdd1"
"""Braces or brackets that are not closed so far."""

INDENT = "\ufdd2"
"""The space that a line of the page began with."""

_MARKUP = "[]{}|'<>=*#:;!-_"
_PROTECTED = {ord(char): chr(0xFDE0 + i) for i, char in enumerate(_MARKUP)}
_RESTORED = {ord(mark): chr(char) for char, mark in _PROTECTED.items()}
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef]+")


def clean(text: str) -> str:
    """The text without noncharacters."""
    return _NONCHARACTERS.sub("", text)


def protect(text: str) -> str:
    """Text in which no character is read as markup until `restore`."""
    return text.translate(_PROTECTED)


def restore(text: str) -> str:
    """The text with what `protect` hid; other marks, if any are left, go."""
    return _NONCHARACTERS.sub(lambda marks: marks[0].translate(_RESTORED), text)
