"""The arguments of a template."""

from __future__ import annotations

import re
from collections.abc import Mapping

Arguments = Mapping[str, str]
"""Arguments by name; those without one under `1`, `2` and so on."""

_MARK = re.compile(r"\[\[|\]\]|\|")


def parse_arguments(content: str) -> Arguments:
    """The arguments of a template, stripped.

    Args:
        content: what is between its braces, with templates in it already expanded. Bars within
            links part nothing.
    """
    arguments = {}
    position = 0
    for part in _parts(content)[1:]:
        name, equals, value = part.partition("=")
        if equals and not any(char in name for char in "<[{"):
            arguments[name.strip()] = value.strip()
        else:
            position += 1
            arguments[str(position)] = part.strip()
    return arguments


def _parts(content: str) -> list[str]:
    if "[[" not in content:
        return content.split("|")
    parts = []
    depth = start = 0
    for mark in _MARK.finditer(content):
        if mark[0] != "|":
            depth = max(depth + (1 if mark[0] == "[[" else -1), 0)
        elif depth == 0:
            parts.append(content[start : mark.start()])
            start = mark.end()
    return [*parts, content[start:]]


def positional(arguments: Arguments) -> list[str]:
    """The arguments `1`, `2` and so on, up to the first that is not there."""
    values: list[str] = []
    while (value := arguments.get(str(len(values) + 1))) is not None:
        values.append(value)
    return values
