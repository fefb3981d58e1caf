"""Decompress files in bounded memory, whatever they decompress to."""

from __future__ import annotations

import bz2
import io
import zlib
from collections.abc import Callable
from typing import Any, Protocol

COMPRESSED = (".bz2", ".gz", ".zst")
"""The suffixes of compressed files."""

_CHUNK = 4096
"""Stored bytes that are decompressed at a time."""

_ZSTD_CHUNK = 512
"""The same for zstd, whose decompressor has no limit: four bytes can stand for 128 KB of text, so
that even these yield at most 16 MB."""

_MOST = 1 << 20
"""Bytes of text that are decompressed at a time, except from zstd."""


def compression(path: str) -> str:
    """Return the suffix that says how a file is compressed, or an empty string."""
    return next((suffix for suffix in COMPRESSED if path.endswith(suffix)), "")


class Decompressed(io.RawIOBase):
    """The decompressed streams of a section of a file.

    Consecutive streams are read as one. A section that ends within a stream is an error.

    Args:
        path: the file, whose suffix is one of `COMPRESSED`.
        section: the stored bytes.
        start: the place of the section in the file, for error messages.
    """

    def __init__(self, path: str, section: io.RawIOBase, start: int) -> None:
        self._path, self._section, self._offset = path, section, start
        self._new, self._error = _decompressor(compression(path))
        self._stream: _Stream | None = self._new()
        self._stored = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            waits = self._stream is not None and not self._stream.needs_input
            if not self._stored and not waits:
                self._stored = self._section.read(_CHUNK) or b""
                self._offset += len(self._stored)
            if self._stored or waits:
                self._ready = memoryview(self._decompress())
            elif self._stream:
                raise ValueError(f"{self._path} is cut off at byte {self._offset}; fetch it again")
            else:
                return 0
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _decompress(self) -> bytes:
        """Return more bytes of the current stream, or of the next; there may be none yet."""
        if not self._stream:
            self._stored = self._stored.lstrip(b"\0")  # padding to whole blocks, as gzip allows
            if not self._stored:
                return b""
            self._stream = self._new()
        try:
            data = self._stream.decompress(self._stored, _MOST)
        except self._error as error:
            raise ValueError(
                f"{self._path} is damaged before byte {self._offset} ({error}); fetch it again"
            ) from None
        self._stored = self._stream.unused_data
        if self._stream.eof:
            self._stream = None
        return data

    def close(self) -> None:
        self._section.close()
        super().close()


def _decompressor(suffix: str) -> tuple[Callable[[], _Stream], type[Exception]]:
    """Return what creates a decompressor for one stream, and what it raises for a broken stream."""
    if suffix == ".bz2":
        return bz2.BZ2Decompressor, OSError
    if suffix == ".gz":
        return _Gzip, zlib.error
    import zstandard

    return _Zstandard, zstandard.ZstdError


class _Stream(Protocol):
    """The interface of `bz2.BZ2Decompressor`."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """A stream of gzip."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Zstandard:
    """A frame of zstd, which is given a few bytes at a time."""

    def __init__(self) -> None:
        import zstandard

        self._inner = zstandard.ZstdDecompressor().decompressobj()
        self._waiting = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not (self._waiting or self.eof)

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data + self._waiting if self.eof else b""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        del max_length
        data = self._waiting + data
        self._waiting = data[_ZSTD_CHUNK:]
        return self._inner.decompress(data[:_ZSTD_CHUNK])
