"""Weights in HDF5 files: those of any, and the `tf_model.h5` of transformers 4."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from albertlm.checkpoints import names, other_names
from albertlm.checkpoints.names import Contents

if TYPE_CHECKING:
    import h5py

FILE = "tf_model.h5"


def is_in(folder: Path) -> bool:
    return (folder / FILE).is_file()


def read(folder: Path) -> Contents:
    """The parameters in a folder of transformers 4.

    Each variable is below two levels, its layer and a model's name with a changing number.

    Raises:
        ModuleNotFoundError: h5py is not installed.
        ValueError: the file is cut or damaged.
    """
    path, tensors = folder / FILE, {}
    with opened(path) as file:
        for key, dataset in datasets(file):
            name = key.removesuffix(":0")
            while "/" in name and other_names.KERAS.hub_name(name) is None:
                name = name.partition("/")[2]
            known = other_names.KERAS.hub_name(name) is not None
            tensors[name if known else key] = values(path, key, dataset)
    return Contents(FILE, names.canonical(other_names.from_keras(tensors)))


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to read; what is wrong with it is one ValueError."""
    import h5py

    try:
        with h5py.File(path) as file:
            yield file
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} is truncated or damaged ({reason}); fetch it again") from None


def datasets(file: h5py.File) -> list[tuple[str, Any]]:
    """All arrays in a file, by their paths."""
    import h5py

    found: list[tuple[str, Any]] = []

    def visit(key: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append((key, item))

    file.visititems(visit)
    return found


def values(path: Path, key: str, dataset: Any) -> np.ndarray:
    """An array as float32; one of integers is a ValueError."""
    if dataset.dtype.kind != "f":
        raise ValueError(f"{path}: {key} is {dataset.dtype}; only floating-point can be read")
    return np.asarray(dataset[()], np.float32)
