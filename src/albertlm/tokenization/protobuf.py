"""The little of protobuf's wire format that `spiece.model` needs."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_INTEGER, _BYTES, _FLOAT = 0, 2, 5
"""Wire types."""


def read_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The numbers and contents of a message's strings, if all else in it are integers."""
    position = 0
    while position < len(message):
        key, position = _read_integer(message, position)
        value, position = _read_integer(message, position)
        if key & 7 == _BYTES:
            yield key >> 3, message[position : position + value]
            position += value


def field(number: int, value: int | float | bytes) -> bytes:
    """One field of a message; a string or a message within is given as its bytes."""
    if isinstance(value, bytes):
        return _integer(number << 3 | _BYTES) + _integer(len(value)) + value
    if isinstance(value, float):
        return _integer(number << 3 | _FLOAT) + struct.pack("<f", value)
    return _integer(number << 3 | _INTEGER) + _integer(value)


def _read_integer(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _integer(value: int) -> bytes:
    value &= (1 << 64) - 1  # a negative one takes 64 bits
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
