"""LevelDB tables, the sorted files of keys and values in which TensorFlow describes checkpoints.

A table is a row of blocks of entries, an index block with the last key and place of each, and a
footer. Source: `table_format.md` of LevelDB; `tensorflow/core/lib/io/table`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from albertlm.checkpoints import crc32c
from albertlm.protobuf import integer, read_integer

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
_FOOTER = 48
_TRAILER = 5
"""Bytes after a block: how it is compressed, and the checksum."""
_PLAIN, _SNAPPY = 0, 1
_BLOCK_BYTES = 1 << 18
_RESTART = 16
"""Entries until a key is stored in full again."""


def is_table(path: Path) -> bool:
    """Whether a file ends as a table does."""
    size = path.stat().st_size if path.is_file() else 0
    if size < _FOOTER:
        return False
    with path.open("rb") as file:
        file.seek(-len(MAGIC), 2)
        return file.read() == MAGIC


def read(path: Path) -> dict[bytes, bytes]:
    """The values of a table by key, in order.

    Raises:
        ValueError: the file is no table, is cut, or a checksum is wrong.
    """
    data = path.read_bytes()
    if len(data) < _FOOTER or not data.endswith(MAGIC):
        raise ValueError(f"{path} is cut or no table of TensorFlow; fetch it again")
    try:
        (start, size), position = _handle(data, len(data) - _FOOTER)
        _block(data, start, size)  # which TensorFlow leaves empty
        (start, size), _ = _handle(data, position)
        entries: dict[bytes, bytes] = {}
        for _, place in _entries(_block(data, start, size)):
            (start, size), _ = _handle(place, 0)
            entries |= dict(_entries(_block(data, start, size)))
    except (IndexError, struct.error):
        raise ValueError(f"{path} is damaged; fetch it again") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); fetch it again") from None
    return entries


def encode(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The bytes of a table; if it has one block, those that TensorFlow writes.

    Args:
        entries: keys, in ascending order, and values.
    """
    content = bytearray()
    index: list[tuple[bytes, bytes]] = []
    held: list[tuple[bytes, bytes]] = []
    size = 0
    for key, value in entries:
        if size >= _BLOCK_BYTES:
            index.append((held[-1][0], _append(content, held, _RESTART)))
            held, size = [], 0
        held.append((key, value))
        size += len(key) + len(value)
    last = _short_successor(held[-1][0]) if held else b""
    index.append((last, _append(content, held, _RESTART)))
    footer = _append(content, [], _RESTART) + _append(content, index, 1)
    return bytes(content) + footer.ljust(_FOOTER - len(MAGIC), b"\0") + MAGIC


def _append(content: bytearray, entries: list[tuple[bytes, bytes]], restart: int) -> bytes:
    """Append a block, and return its place as an encoded handle."""
    block, starts, before = bytearray(), [], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % restart == 0:
            starts.append(len(block))
        else:
            limit = min(len(before), len(key))
            while shared < limit and before[shared] == key[shared]:
                shared += 1
        block += integer(shared) + integer(len(key) - shared) + integer(len(value))
        block += key[shared:] + value
        before = key
    starts = starts or [0]
    block += struct.pack(f"<{len(starts) + 1}I", *starts, len(starts))
    place = integer(len(content)) + integer(len(block))
    block.append(_PLAIN)
    content += block + struct.pack("<I", crc32c.masked(bytes(block)))
    return place


def _short_successor(key: bytes) -> bytes:
    """A short key that is not before a key."""
    for number, byte in enumerate(key):
        if byte != 0xFF:
            return key[:number] + bytes([byte + 1])
    return key


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """The start and size of a block, and the position after them."""
    start, position = read_integer(data, position)
    size, position = read_integer(data, position)
    return (start, size), position


def _block(data: bytes, start: int, size: int) -> bytes:
    """The content of a block, verified and decompressed."""
    block, trailer = data[start : start + size + 1], data[start + size : start + size + _TRAILER]
    kind, checksum = struct.unpack("<BI", trailer)
    if crc32c.masked(block) != checksum:
        raise ValueError(f"the block at byte {start} has another checksum")
    if kind == _SNAPPY:
        return _from_snappy(block[:-1])
    if kind != _PLAIN:
        raise ValueError(f"the block at byte {start} is compressed in an unknown way, {kind}")
    return block[:-1]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = read_integer(block, position)
        rest, position = read_integer(block, position)
        size, position = read_integer(block, position)
        key = key[:shared] + block[position : position + rest]
        position += rest
        yield key, block[position : position + size]
        position += size


def _from_snappy(data: bytes) -> bytes:
    """Decompress a block. Source: `format_description.txt` of Snappy."""
    size, position = read_integer(data, 0)
    result = bytearray()
    while position < len(data):
        tag = data[position]
        position += 1
        kind, length = tag & 3, (tag >> 2) + 1
        if kind == 0:  # the bytes themselves; lengths above 60 follow in 1 to 4 bytes
            if length > 60:
                wide = length - 60
                length = int.from_bytes(data[position : position + wide], "little") + 1
                position += wide
            result += data[position : position + length]
            position += length
            continue
        wide = (1, 2, 4)[kind - 1]
        offset = int.from_bytes(data[position : position + wide], "little")
        position += wide
        if kind == 1:
            offset += tag >> 5 << 8
            length = (tag >> 2 & 7) + 4
        if not 0 < offset <= len(result):
            raise ValueError("a compressed block refers to what is before it")
        for _ in range(length):  # a copy may overlap what it writes
            result.append(result[-offset])
    if len(result) != size:
        raise ValueError("a compressed block has another size")
    return bytes(result)
