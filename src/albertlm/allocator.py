"""What glibc does with memory that is freed; other C libraries have no such options."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""As defined in `malloc.h`."""

_MOST_MAPPINGS = 65536
_LEAST_MMAP_THRESHOLD, _MOST_MMAP_THRESHOLD = 128 << 10, 32 << 20
"""Between these, glibc moves the threshold until one of these options is set."""


def return_blocks() -> None:
    """Map each block of at least 128 KiB separately, so that it is returned when it is freed.

    glibc raises this threshold up to 32 MiB when it sees larger blocks, after which blocks of many
    sizes fragment the heap.
    """
    _set(_MMAP_THRESHOLD, _LEAST_MMAP_THRESHOLD)


@contextmanager
def kept_blocks() -> Iterator[None]:
    """Keep all memory that is freed within a `with` block, and return it afterwards.

    A step of training frees what the next one takes again. If it went back to the system between
    them, its pages would be cleared and mapped anew each time. The thresholds are then the largest
    ones that glibc chooses by itself.
    """
    _set(_MMAP_MAX, 0)
    _set(_TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        _set(_MMAP_MAX, _MOST_MAPPINGS)
        _set(_MMAP_THRESHOLD, _MOST_MMAP_THRESHOLD)
        _set(_TRIM_THRESHOLD, 2 * _MOST_MMAP_THRESHOLD)
        return_free()


def return_free() -> None:
    """Return all memory that is free now, such as what was needed once and for a short time."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _set(option: int, value: int) -> None:
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(option, value)
