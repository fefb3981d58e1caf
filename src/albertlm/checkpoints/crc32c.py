"""The checksum CRC-32C (Castagnoli), by `google-crc32c` where it is installed, else in NumPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78
"""Reversed: bit 0 is the coefficient of the highest power."""

Registers = np.ndarray[Any, np.dtype[np.uint32]]


def crc32c(data: bytes | np.ndarray) -> int:
    """The CRC-32C of bytes, or of the bytes of an array.

    Source: RFC 3720, appendix B.4.
    """
    buffer = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
    buffer = np.ascontiguousarray(buffer).reshape(-1).view(np.uint8)
    try:
        import google_crc32c
    except ImportError:
        return _in_numpy(buffer)
    return int(google_crc32c.value(buffer.tobytes()))


def masked(data: bytes | np.ndarray) -> int:
    """The checksum in the form in which files of TensorFlow hold it.

    Source: `crc32c.h` of TensorFlow; a checksum of data that holds checksums would be weak.
    """
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _in_numpy(data: np.ndarray) -> int:
    """The checksum of bytes, computed in many strips side by side.

    A register that starts at zero is linear in the data, so that the registers of the strips can be
    combined: that of two neighbours is the first, moved past the bytes of the second, xor the
    second. Zeros before the data leave it at zero.
    """
    strips = 1 << max(0, min(14, len(data).bit_length() - 5))
    length = -(-len(data) // strips) or 1
    padded = np.zeros(strips * length + 4, np.uint8)
    start = strips * length - len(data)
    padded[start : strips * length] = data
    padded[start : start + 4] ^= 0xFF  # the register starts with ones
    over, padded = padded[strips * length :], padded[: strips * length]
    columns = np.ascontiguousarray(padded.reshape(strips, length).T)
    table = _table()
    registers = np.zeros(strips, np.uint32)
    for column in columns:
        registers = table[(registers ^ column) & 0xFF] ^ (registers >> 8)
    move = _moving(length)
    while len(registers) > 1:
        registers = _apply(move, registers[::2]) ^ registers[1::2]
        move = _apply(move, move)
    # of data shorter than four bytes, ones are left that no byte has met
    rest = int.from_bytes(over.tobytes(), "little")
    return int(registers[0]) ^ rest ^ 0xFFFFFFFF


@cache
def _table() -> Registers:
    """The register that each value of a byte leaves."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


def _moving(length: int) -> Registers:
    """What each bit of a register becomes after a number of zero bytes."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    step = _table()[bits & 0xFF] ^ (bits >> 8)
    moved = bits
    while length:
        if length & 1:
            moved = _apply(step, moved)
        step = _apply(step, step)
        length >>= 1
    return moved


def _apply(move: Registers, registers: Registers) -> Registers:
    """The registers after a move that is given by what each bit becomes."""
    result = np.zeros_like(registers)
    for bit in range(32):
        result ^= np.where(registers >> np.uint32(bit) & 1, move[bit], np.uint32(0))
    return result
