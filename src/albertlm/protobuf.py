"""The fields of protobuf messages, as far as vocabularies and checkpoints have them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

_INTEGER, _LONG, _BYTES, _FLOAT = 0, 1, 2, 5
"""Wire types."""


def field(number: int, value: int | float | bytes) -> bytes:
    """One encoded field of a message; a string or nested message is given as bytes."""
    if isinstance(value, bytes):
        return integer(number << 3 | _BYTES) + integer(len(value)) + value
    if isinstance(value, float):
        return integer(number << 3 | _FLOAT) + struct.pack("<f", value)
    return integer(number << 3 | _INTEGER) + integer(value)


def fields(message: bytes) -> dict[int, list[Any]]:
    """The values of each field of a message: integers, and bytes for everything else.

    Raises:
        IndexError: the message is cut within a number.
    """
    found: dict[int, list[Any]] = {}
    for number, value in _read(message):
        found.setdefault(number, []).append(value)
    return found


def after_repeated(message: bytes, number: int) -> bytes:
    """What follows the strings with this number that a message begins with.

    It is much faster than reading them, and a vocabulary has tens of thousands.
    """
    key = number << 3 | _BYTES
    position = 0
    while position < len(message) and message[position] == key:
        size, position = read_integer(message, position + 1)
        position += size
    return message[position:]


def _read(message: bytes) -> Iterator[tuple[int, Any]]:
    position = 0
    while position < len(message):
        key, position = read_integer(message, position)
        number, kind = key >> 3, key & 7
        if kind == _INTEGER:
            value, position = read_integer(message, position)
            yield number, value
            continue
        size = {_LONG: 8, _FLOAT: 4}.get(kind)
        if size is None:
            size, position = read_integer(message, position)
        content = message[position : position + size]
        yield number, content
        position += size


def read_integer(message: bytes, position: int) -> tuple[int, int]:
    """An integer of variable length, and the position after it."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def integer(value: int) -> bytes:
    """An integer in its encoding of variable length."""
    value &= (1 << 64) - 1  # a negative number takes 64 bits
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
