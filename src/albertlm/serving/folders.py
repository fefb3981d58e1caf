"""The names of the models that are served, and what tells that a folder has changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from albertlm import hub

SHIPPED_NAME = "shipped"
"""The name of the model that ships with the package."""

FILES = ("*.json", "*.safetensors", "*.bin", "*.model", "*.txt", "*.h5", "*.ckpt*")
"""The files of a folder that decide what a model computes, and a few others."""

_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)

Fingerprint = frozenset[tuple[str, int, int, int]]
"""The names of files with their times of change in nanoseconds, sizes, and numbers on the disk."""


def named_sources(models: Sequence[str]) -> dict[str, str | Path]:
    """The folders or hub ids of models by the names that requests give.

    A folder has its own name, without those above it, and a hub id itself.

    Args:
        models: as in `ServingConfig`.

    Raises:
        OSError: there is no such folder.
        ValueError: a name is malformed, or two models have the same one.
    """
    found: dict[str, str | Path] = {}
    for model in models:
        name, source = _named(model)
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{model!r} has no name that fits into an address; write NAME=FOLDER, with a name "
                "of letters, digits, '.', '_' and '-'"
            )
        if name in found:
            raise ValueError(
                f"two models have the name {name!r}; write NAME=FOLDER to give one another name"
            )
        found[name] = source
    return found or {SHIPPED_NAME: hub.SHIPPED}


def fingerprint(folder: Path) -> Fingerprint:
    """What is different when a model's folder has changed; empty if there is none."""
    found = []
    for path in {path for pattern in FILES for path in folder.glob(pattern)}:
        try:
            status = path.stat()
        except OSError:  # it was removed meanwhile
            continue
        found.append((path.name, status.st_mtime_ns, status.st_size, status.st_ino))
    return frozenset(found)


def _named(model: str) -> tuple[str, str | Path]:
    name, equals, source = model.partition("=")
    if not equals or Path(model).exists():
        name, source = "", model
    if hub.is_path(source):
        folder = hub.resolve(source)
        return name or folder.resolve().name, folder
    return name or source, source
