"""List and open input files, given as local paths or fsspec URLs."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from albertlm import storage
from albertlm.corpus.compression import Decompressed, compression

SPAN_BYTES = 64 << 20
"""Bytes of text in one span, for formats that can divide a file."""

MAX_DOCUMENT_BYTES = 16 << 20
"""The length limit of a document, which bounds the memory of a worker."""

_BUFFER = 1 << 20


def open_bytes(path: str, *, start: int = 0, stop: int | None = None) -> BinaryIO:
    """Open a file for sequential reading, decompressed according to its suffix.

    Consecutive streams (of pbzip2, multistream dumps or zstd frames) are read as one.

    Args:
        path: a local path or an fsspec URL; `.bz2`, `.gz` and `.zst` are decompressed.
        start: the byte of the stored file to begin at; in a compressed file, the start of a stream.
        stop: the byte of the stored file to end before, with the same restriction; None is the end.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the URL's protocol is unknown or, while reading, the compressed file is
            truncated or broken (the message names the byte of the stored file that was reached).
        OSError: the URL cannot be read.
    """
    stored = _open_stream(path) if start == 0 else open_stored(path)
    stored.seek(start)
    section = _Section(path, stored, sys.maxsize if stop is None else stop - start)
    raw = Decompressed(path, section, start) if is_compressed(path) else section
    return cast("BinaryIO", io.BufferedReader(raw, _BUFFER))


def open_stored(path: str) -> BinaryIO:
    """Open a file as it is stored, in a form that can seek.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the URL's protocol is unknown.
        OSError: the URL cannot be read.
    """
    try:
        if not _is_url(path):
            return Path(path).open("rb")
        system, inner = _filesystem(path)
        with _reading(path):
            if _is_http(path) and 0 < size(path) <= MAX_DOCUMENT_BYTES:
                # not every server sends parts of a file
                return io.BytesIO(system.cat_file(inner))
            return cast("BinaryIO", system.open(inner, "rb"))
    except FileNotFoundError:
        raise _missing(path) from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a folder; name a file") from None


def _open_stream(path: str) -> BinaryIO:
    """Open a stored file at its beginning; from a web server, it is read in one request."""
    if not _is_http(path):
        return open_stored(path)
    system, inner = _filesystem(path)
    try:
        with _reading(path):
            return cast("BinaryIO", system.open(inner, "rb", block_size=0))
    except FileNotFoundError:
        raise _missing(path) from None


def list_files(path: str) -> list[str]:
    """Return the file itself, or all files below a folder, sorted by path.

    Files and folders whose names begin with a dot are skipped; links to folders are not followed.

    Raises:
        FileNotFoundError: the file or folder does not exist.
        ValueError: the folder holds no files, or the URL's protocol is unknown.
        OSError: the URL cannot be read.
    """
    with _reading(path):
        found = _list_url(path) if _is_url(path) else _list_local(path)
    if not found:
        raise ValueError(f"{path} is a folder without files; name one that holds documents")
    return sorted(found)


def size(path: str) -> int:
    """Return the stored size of a file in bytes, or 0 if the server does not report it."""
    try:
        if not _is_url(path):
            return Path(path).stat().st_size
        system, inner = _filesystem(path)
        with _reading(path):
            return int(system.size(inner) or 0)
    except FileNotFoundError:
        raise _missing(path) from None


def text_size(path: str) -> int:
    """Estimate the decompressed size of a file; text is compressed to about a third."""
    return size(path) * (3 if is_compressed(path) else 1)


def checksum(path: str) -> str:
    """Return the SHA-256 of a file's stored bytes, in hexadecimal."""
    if not _is_url(path):
        return storage.sha256(path)
    digest = hashlib.sha256()
    with _open_stream(path) as file, _reading(path):
        while data := file.read(_BUFFER):
            digest.update(data)
    return digest.hexdigest()


def stem(path: str) -> str:
    """Return a file's name without its suffixes: `wiki` for `a/wiki.jsonl.gz`."""
    return PurePosixPath(name(path).removesuffix(compression(path))).stem


def name(path: str) -> str:
    """Return the last part of a path or URL."""
    return (PurePosixPath if _is_url(path) else Path)(path).name


def folder(path: str) -> str:
    """Return the name of the folder that contains a file."""
    if _is_url(path):
        return PurePosixPath(path).parent.name
    return Path(path).absolute().parent.name


def absolute(path: str) -> str:
    """Return a path that is valid in any working directory; a URL is returned unchanged."""
    return path if _is_url(path) else str(Path(path).absolute())


def is_compressed(path: str) -> bool:
    """Return whether `open_bytes` decompresses the file."""
    return bool(compression(path))


class _Section(io.RawIOBase):
    """At most `length` bytes of an open file, from its current position."""

    def __init__(self, path: str, stored: BinaryIO, length: int) -> None:
        self._path = path
        self._stored = stored
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _reading(self._path):
            data = self._stored.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stored.close()
        super().close()


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


def _is_http(path: str) -> bool:
    return path.startswith(("http://", "https://"))


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Name a URL in the errors of its file system, which can be of any type."""
    try:
        yield
    except Exception as error:
        # fsspec raises a FileNotFoundError without a connection, too
        is_missing = isinstance(error, FileNotFoundError)
        found = error.__cause__ if is_missing and isinstance(error.__cause__, OSError) else error
        if not _is_url(path) or isinstance(found, FileNotFoundError) or _names(found, path):
            raise
        reason = " ".join(str(found).split()) or type(found).__name__
        raise OSError(
            f"{path} cannot be read ({reason}); check the address, and run the command again"
        ) from None


def _names(error: BaseException, path: str) -> bool:
    return str(error).startswith(path)


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
