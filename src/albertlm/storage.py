"""Files that are either whole or not there: atomic writes, JSON, checksums."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.(partial|new|old)")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


@contextmanager
def atomic_path(path: str | Path, *, told: Path | None = None) -> Iterator[Path]:
    """A temporary sibling of `path`, synced and renamed to it when the block ends without an error.

    The block writes a file or makes a folder there. After an error nothing is left, and what lay
    at `path` before is untouched. The temporary name ends in `.partial`, so no pattern such as
    `*.parquet` finds it (give `numpy.savez` an open file: it appends `.npz` to a path).

    Args:
        path: where the result belongs; missing parent folders are made. A file there is replaced.
        told: the name that errors tell; `path` by default.

    Raises:
        FileExistsError: a folder that is not empty lies there; it is never replaced.
        OSError: the disk is full or the folder cannot be written.
    """
    path = Path(path)
    told = told or path
    if path.is_dir() and any(path.iterdir()):
        raise FileExistsError(f"{path} is a folder that is not empty; remove it or name another")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    except OSError as error:
        if error.errno in _FULL:
            raise OSError(f"the disk is full, {told} was not written; free some space") from None
        if error.errno in _REFUSED and _concerns(error, temporary):
            raise OSError(
                f"{told} cannot be written ({error.strerror}); choose a place that you may write to"
            ) from None
        raise
    finally:
        _remove(temporary)


@contextmanager
def replaced_folder(path: str | Path) -> Iterator[Path]:
    """As `atomic_path`, for a folder that may exist: it stays until the new one is whole."""
    path = Path(path)
    old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with atomic_path(new, told=path) as temporary:
            yield temporary
        if path.exists():
            path.replace(old)
        new.replace(path)
    finally:
        if old.exists() and not path.exists():
            old.replace(path)
        _remove(old)
        _remove(new)


def remove_unfinished(folder: str | Path) -> None:
    """Remove what a process that was killed left in a folder of its atomic writes.

    Nobody may be writing to the folder at the time.
    """
    for path in Path(folder).glob(".*"):
        if _TEMPORARY.fullmatch(path.name):
            _remove(path)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        ValueError: the file holds no whole JSON object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}); fetch or write it again") from None
    if not isinstance(value, dict):
        raise ValueError(
            f"{path} is not a JSON object but a {type(value).__name__}; fetch or write it again"
        )
    return value


def read_manifest(folder: Path, format_: str, *, begun: str, command: str) -> dict[str, Any]:
    """The `manifest.json` of a folder that a command has finished.

    Args:
        folder: where it lies.
        format_: what the manifest must name as its `format`, such as `albertlm corpus 1`.
        begun: a file that the folder holds from the start of the work.
        command: what makes such a folder.

    Raises:
        ValueError: the folder is not finished, or is none of the command's.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise ValueError(
            f"{folder} is not finished; run `{command}` again"
            if (folder / begun).is_file()
            else f"{folder} holds no {format_.split()[1]}; make it with `{command}`"
        )
    manifest = read_json(path)
    if manifest.get("format") != format_:
        raise ValueError(
            f"{path} is of the format {manifest.get('format')!r}, not {format_!r}; "
            f"name a folder that `{command}` wrote"
        )
    return manifest


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _concerns(error: OSError, temporary: Path) -> bool:
    """Whether the error is about the temporary path or a folder above it, not about an input."""
    named = Path(os.fsdecode(error.filename)) if error.filename else None
    return named is not None and (
        named.is_relative_to(temporary) or temporary.is_relative_to(named)
    )


def _sync(path: Path) -> None:
    """Bring every byte to the disk: a crash after the rename must not leave an empty file."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb+") as handle:
                os.fsync(handle.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
