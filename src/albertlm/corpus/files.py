"""Files of an input: local paths and fsspec URLs, listed, opened and decompressed."""

from __future__ import annotations

import bz2
import hashlib
import io
import os
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol, cast

from albertlm import storage

COMPRESSED = (".bz2", ".gz", ".zst")

SPAN_BYTES = 64 << 20
"""Bytes of text that formats put into one span, where they can part a file."""

MAX_DOCUMENT_BYTES = 16 << 20
"""Longer documents are left out, so that a worker's memory stays bounded."""

_CHUNK = 4096
"""Stored bytes that are decompressed at a time: even a bomb of zeros grows to 128 MB at most."""

_BUFFER = 1 << 20


def open_bytes(path: str, *, start: int = 0, stop: int | None = None) -> BinaryIO:
    """A file's bytes for reading in order, decompressed as its suffix says.

    Several streams one after the other (pbzip2, multistream dumps, frames of zstd) read as one.

    Args:
        path: a local path or an fsspec URL; `.bz2`, `.gz` and `.zst` are decompressed.
        start: the byte of the stored file to begin at; in a compressed one a stream begins there.
        stop: the byte of the stored file to end before, likewise; None is the end.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the URL's protocol is unknown; or, while reading, the compressed file is
            truncated or broken (named with the byte of the stored file that was reached).
    """
    stored = open_stored(path)
    stored.seek(start)
    section = _Section(stored, sys.maxsize if stop is None else stop - start)
    raw = _Decompressed(path, section, start) if is_compressed(path) else section
    return cast("BinaryIO", io.BufferedReader(raw, _BUFFER))


def open_stored(path: str) -> BinaryIO:
    """A file's bytes as they are stored, in a form that can seek.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the URL's protocol is unknown.
    """
    try:
        if not _is_url(path):
            return Path(path).open("rb")
        system, inner = _filesystem(path)
        return cast("BinaryIO", system.open(inner, "rb"))
    except FileNotFoundError:
        raise _missing(path) from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a folder; name a file") from None


def list_files(path: str) -> list[str]:
    """The file itself, or all files below a folder, sorted by path.

    Files and folders whose names begin with a dot are left out; links to folders are not followed.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: the folder holds no files, or the URL's protocol is unknown.
    """
    found = _list_url(path) if _is_url(path) else _list_local(path)
    if not found:
        raise ValueError(f"{path} is a folder without files; name one that holds documents")
    return sorted(found)


def size(path: str) -> int:
    """The bytes a file is stored in; 0 where a server does not say."""
    try:
        if not _is_url(path):
            return Path(path).stat().st_size
        system, inner = _filesystem(path)
        return int(system.size(inner) or 0)
    except FileNotFoundError:
        raise _missing(path) from None


def text_size(path: str) -> int:
    """About how many bytes a file holds once it is decompressed: text shrinks to a third or so."""
    return size(path) * (3 if is_compressed(path) else 1)


def sha256(path: str) -> str:
    """The SHA-256 of a file's stored bytes, in hexadecimal."""
    if not _is_url(path):
        return storage.sha256(path)
    digest = hashlib.sha256()
    with open_stored(path) as file:
        while data := file.read(_BUFFER):
            digest.update(data)
    return digest.hexdigest()


def stem(path: str) -> str:
    """The file's name without its suffix and that of a compression: `a/wiki.jsonl.gz`: `wiki`."""
    return PurePosixPath(name(path).removesuffix(_compression(path))).stem


def name(path: str) -> str:
    """The last part of a path or URL."""
    return (PurePosixPath if _is_url(path) else Path)(path).name


def folder(path: str) -> str:
    """The name of the folder that holds a file."""
    if _is_url(path):
        return PurePosixPath(path).parent.name
    return Path(path).absolute().parent.name


def absolute(path: str) -> str:
    """A path that means the same in every process and folder; a URL stays."""
    return path if _is_url(path) else str(Path(path).absolute())


def is_compressed(path: str) -> bool:
    """Whether `open_bytes` decompresses the file."""
    return bool(_compression(path))


class _Stream(Protocol):
    """What the decompressors of bz2, zlib and zstandard have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class _Section(io.RawIOBase):
    """The bytes of an open file from where it stands, `length` at most."""

    def __init__(self, stored: BinaryIO, length: int) -> None:
        self._stored = stored
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stored.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stored.close()
        super().close()


class _Decompressed(io.RawIOBase):
    """What all streams of a section decompress to; a section that ends within one is an error."""

    def __init__(self, path: str, section: _Section, start: int) -> None:
        self._path, self._section, self._offset = path, section, start
        self._new, self._error = _decompressor(_compression(path))
        self._stream: _Stream | None = self._new()
        self._stored = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            if not self._stored:
                self._stored = self._section.read(_CHUNK) or b""
                self._offset += len(self._stored)
            if self._stored:
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
        """The next bytes of the present stream, or of the one that begins here."""
        if not self._stream:
            self._stored = self._stored.lstrip(b"\0")  # padding to whole blocks, as gzip allows it
            if not self._stored:
                return b""
            self._stream = self._new()
        try:
            data = self._stream.decompress(self._stored)
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
    """What makes a decompressor of one stream, and what it raises where the stream is broken."""
    if suffix == ".bz2":
        return bz2.BZ2Decompressor, OSError
    if suffix == ".gz":
        return partial(zlib.decompressobj, wbits=zlib.MAX_WBITS | 16), zlib.error
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError


def _compression(path: str) -> str:
    return next((suffix for suffix in COMPRESSED if path.endswith(suffix)), "")


def _list_local(path: str) -> list[str]:
    if Path(path).is_file():
        return [path]
    if not Path(path).is_dir():
        raise _missing(path)
    found = []
    for parent, folders, files in os.walk(path, onerror=_raise):
        folders[:] = [entry for entry in folders if not entry.startswith(".")]
        found += [str(Path(parent, entry)) for entry in files if not entry.startswith(".")]
    return found


def _list_url(path: str) -> list[str]:
    system, inner = _filesystem(path)
    if system.isfile(inner):
        return [path]
    if not system.isdir(inner):
        raise _missing(path)
    root = PurePosixPath(inner)
    return [
        system.unstrip_protocol(entry)
        for entry in system.find(inner)
        if not any(p.startswith(".") for p in PurePosixPath(entry).relative_to(root).parts)
    ]


def _is_url(path: str) -> bool:
    return "://" in path


def _filesystem(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    try:
        system, inner = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ValueError(
            f"{url} cannot be opened ({error}); name a local file or a URL that fsspec can open"
        ) from None
    return system, inner


def _missing(path: str) -> FileNotFoundError:
    return FileNotFoundError(f"{path} does not exist; name a file or folder that does")


def _raise(error: OSError) -> None:
    raise error
