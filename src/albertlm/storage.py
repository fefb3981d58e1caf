"""Atomic writes of files and folders, JSON files, and checksums."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.(partial|new|old)")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


@contextmanager
def atomic_path(path: str | Path, *, told: Path | None = None) -> Iterator[Path]:
    """A temporary sibling of `path` that is renamed to `path` when the block ends without an error.

    The block writes a file or creates a folder there, which is synced before it is renamed. After
    an error, it is removed, and `path` is unchanged. The temporary name ends in `.partial`, so
    patterns such as `*.parquet` do not match it (pass an open file to `numpy.savez`, which appends
    `.npz` to a path).

    Args:
        path: the final path; missing parent folders are created, and an existing file is replaced.
        told: the path to show in error messages; `path` by default.

    Raises:
        FileExistsError: `path` is a folder that is not empty; it is never replaced.
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
    except Exception as error:
        if _is_full(error):
            raise OSError(_disk_is_full(told)) from None
        if isinstance(error, OSError) and _concerns(error, temporary):
            raise _explained(error, told) from None
        raise
    finally:
        _remove(temporary)


@contextmanager
def replaced_folder(path: str | Path) -> Iterator[Path]:
    """Like `atomic_path`, for a folder that may exist: it is kept until the new one is complete."""
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


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lock a folder, so that no second process works in it before the block or the process ends.

    On a file system that does not support locks, nothing is locked.

    Args:
        folder: created if it is missing.

    Raises:
        OSError: another process works in the folder, or it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _explained(error, folder) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OSError(
            f"another process is working in {folder}; wait until it ends, or name another output"
        ) from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(descriptor)


def remove_unfinished(folder: str | Path) -> None:
    """Remove the temporary files that a killed process left in a folder.

    No process may be writing to the folder at the same time; see `exclusive`.
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
        ValueError: the file does not contain a complete JSON object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (RecursionError, ValueError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}); fetch or write it again") from None
    if not isinstance(value, dict):
        raise ValueError(
            f"{path} is not a JSON object but a {type(value).__name__}; fetch or write it again"
        )
    return value


@contextmanager
def parsing(path: str | Path) -> Iterator[None]:
    """Turn any error of the block into a ValueError of one line that names a file or folder.

    Values in a damaged file can have any type, so the code that uses them can fail anywhere.
    """
    try:
        yield
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{path} is damaged ({reason}); fetch or write it again") from None


def read_manifest(folder: Path, format_: str, *, begun: str, command: str) -> dict[str, Any]:
    """The `manifest.json` of a folder that a command has finished.

    Args:
        folder: the folder of the manifest.
        format_: the required value of its `format`, such as `albertlm corpus 1`.
        begun: a file that the folder contains from the start of the work.
        command: the command that makes such a folder.

    Raises:
        ValueError: the folder is not finished, or was not written by the command.
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
            f"{path} has the format {manifest.get('format')!r}, not {format_!r}; "
            f"name a folder that `{command}` wrote"
        )
    return manifest


def claim(
    folder: Path,
    name: str,
    identity: Mapping[str, Any],
    *,
    what: str,
    read: Callable[[dict[str, Any]], Mapping[str, Any]] = dict,
) -> None:
    """Claim a folder for a piece of work, so that only the same work can resume in it.

    Incomplete files that a killed process left behind are removed.

    Args:
        folder: created if it is missing.
        name: the name of the JSON file that holds the identity; written if it is missing.
        identity: everything that determines the result of the work, as JSON values.
        what: what the work produces, such as `tokens`, for error messages.
        read: converts the content of a file that an older version wrote.

    Raises:
        ValueError: the folder contains something else, or was begun with another identity.
        OSError: the disk is full or the folder cannot be written.
    """
    path = folder / name
    remove_unfinished(folder)
    if path.is_file():
        check_identity(folder, read(read_json(path)), identity)
        return
    if folder.is_dir() and any(folder.glob("[!.]*")):
        raise ValueError(f"{folder} holds something other than {what}; name another output")
    write_json(path, identity)


def check_identity(folder: Path, found: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Raise a ValueError that names the first part of a folder's identity that differs, if any."""
    for part, value in identity.items():
        if found.get(part) != value:
            raise ValueError(
                f"{folder} was begun with a different {part!r}; remove it, or name another output"
            )


def verify(folder: Path, checksums: Mapping[str, str], *, mend: str) -> None:
    """Verify the SHA-256 checksums of the files in a folder.

    Args:
        folder: the folder of the files.
        checksums: the expected checksums, by file name.
        mend: what to do about a damaged or missing file, for error messages.

    Raises:
        ValueError: a file is damaged or missing.
    """
    for name, checksum in checksums.items():
        path = folder / name
        if not path.is_file():
            raise ValueError(f"{path} is missing; {mend}")
        if sha256(path) != checksum:
            raise ValueError(f"{path} is damaged: its SHA-256 differs; {mend}")


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder(name: str) -> Path:
    """The folder for results of some kind that can be computed again; it may not exist yet.

    It is in `ALBERTLM_CACHE`, by default `albertlm` in the user's folder for caches
    (`XDG_CACHE_HOME`, or `~/.cache`).
    """
    user = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("ALBERTLM_CACHE") or Path(user, "albertlm")).expanduser() / name


def _disk_is_full(path: Path) -> str:
    return f"the disk is full, {path} was not written; free some space"


def _is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it followed, comes from a full disk.

    PyTorch raises a RuntimeError after the OSError of its file, and safetensors an error of its
    own with the number in its text.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if any(f"(os error {number})" in str(error) for number in _FULL):
            return True
        error = error.__context__
    return False


def _explained(error: OSError, path: Path) -> OSError:
    """The error of writing to a path, in words that say what to do."""
    if error.errno in _FULL:
        return OSError(_disk_is_full(path))
    if error.errno in _REFUSED:
        return OSError(
            f"{path} cannot be written ({error.strerror}); choose a place where you may write"
        )
    return error


def _concerns(error: OSError, temporary: Path) -> bool:
    """Whether the error is about the temporary path or one of its parents, not about an input."""
    named = Path(os.fsdecode(error.filename)) if error.filename else None
    return named is not None and (
        named.is_relative_to(temporary) or temporary.is_relative_to(named)
    )


def _sync(path: Path) -> None:
    """Flush the files to disk, so that a crash after the rename cannot leave an empty file."""
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
