"""ALBERT in checkpoints of TensorFlow: as Google released it, fine-tuned, and from TF-Hub."""

from __future__ import annotations

import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from albertlm import config_formats, storage
from albertlm.checkpoints import bundles, other_names, sstable
from albertlm.checkpoints.names import Contents
from albertlm.config import AlbertConfig

NAME = "model.ckpt"
"""The prefix of what is written, so that it is found as Google's own."""

ARCHIVES = (".tar.gz", ".tgz", ".tar")

_ENDING = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_STATE = re.compile(r'^model_checkpoint_path: "(.+)"', re.MULTILINE)
_GRAPHS = ("*.pb", "*.pbtxt", "*.meta")
_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VARIABLE = "/.ATTRIBUTES/VARIABLE_VALUE"
_COUNTERS = ("global_step", "beta1_power", "beta2_power", "save_counter")
_MODULE = "module/"
"""Before the names of what was fine-tuned from a TF-Hub module."""


def find(source: Path) -> Path | None:
    """The prefix of a checkpoint; None if there is none.

    Args:
        source: a prefix, one of its files, or a folder that holds one checkpoint, or whose file
            `checkpoint` says which is the last, or of a SavedModel or TF-Hub module.

    Raises:
        FileNotFoundError: the folder holds only a graph, or a checkpoint without its description.
        ValueError: the folder holds several checkpoints.
    """
    if not source.is_dir():
        prefix = source.with_name(_ENDING.sub("", source.name))
        return prefix if bundles.is_bundle(prefix) else None
    state = source / "checkpoint"
    if state.is_file():
        last = _STATE.search(state.read_text(encoding="utf-8", errors="replace"))
        if last and bundles.is_bundle(source / Path(last[1]).name):
            return source / Path(last[1]).name
    files = [path for path in source.iterdir() if path.is_file()]
    prefixes = {
        path.with_name(_ENDING.sub("", path.name))
        for path in files
        if path.name.endswith(bundles.INDEX) or sstable.is_table(path)
    }
    if len(prefixes) > 1:
        several = ", ".join(sorted(prefix.name for prefix in prefixes))
        raise ValueError(f"{source} holds several checkpoints ({several}); name one of them")
    if prefixes:
        return prefixes.pop()
    if bundles.is_bundle(source / "variables" / "variables"):
        return source / "variables" / "variables"
    if any(".data-" in path.name for path in files):
        raise FileNotFoundError(
            f"{source} holds the values of a checkpoint but not its .index; fetch it again"
        )
    if any(any(source.glob(pattern)) for pattern in _GRAPHS):
        raise FileNotFoundError(
            f"{source} holds a graph and no weights; add the checkpoint's .index and .data files"
        )
    return None


def read(prefix: Path) -> Contents:
    """The parameters in a checkpoint, with all checksums verified.

    Raises:
        FileNotFoundError: a file of it is missing.
        ValueError: a file is cut or damaged, or holds a parameter that is no floating-point one.
    """
    stored = _by_variable(prefix, bundles.open_bundle(prefix))
    known, aside, unknown = [], [], []
    for name in stored:
        if other_names.GOOGLE.hub_name(_bare(name)):
            known.append(name)
        elif _is_state(_bare(name)):
            aside.append(name)
        else:
            unknown.append(name)
    wrong = [name for name in known if not stored[name].is_float]
    if wrong:
        raise ValueError(
            f"{prefix}: {wrong[0]} is not floating-point; only the weights of ALBERT can be read"
        )
    tensors = {_bare(name): stored[name].read().astype(np.float32, copy=False) for name in known}
    renamed = other_names.GOOGLE.to_hub(tensors).tensors
    renamed |= {name: np.empty(stored[name].shape, np.float32) for name in unknown}
    return Contents("tf1", renamed, tuple(aside))


def write(folder: Path, config: AlbertConfig, tensors: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Write a checkpoint that Google's code can read, and its `albert_config.json`.

    Args:
        folder: created if it does not exist.
        config: the architecture.
        tensors: by their names in the table.

    Returns:
        The names of the tensors that Google's code has no variable for.
    """
    renamed, unknown = other_names.GOOGLE.from_hub(tensors)
    fields = {**config.extra, **config.to_dict(), "hidden_act": config.activation}
    bundles.write(folder / NAME, renamed)
    storage.write_json(folder / config_formats.GOOGLE_FILE, config_formats.to_google(fields))
    with storage.atomic_path(folder / "checkpoint") as temporary:
        temporary.write_text(
            f'model_checkpoint_path: "{NAME}"\nall_model_checkpoint_paths: "{NAME}"\n',
            encoding="utf-8",
        )
    return tuple(unknown)


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """The folder of the model in an archive, in a temporary place.

    Raises:
        ValueError: the archive is cut or damaged, or names places outside of it.
    """
    with tempfile.TemporaryDirectory() as place:
        try:
            with tarfile.open(archive) as file:
                file.extractall(place, filter="data")
        except (tarfile.TarError, EOFError, zlib.error) as error:
            reason = str(error) or type(error).__name__
            raise ValueError(f"{archive} is cut or damaged ({reason}); fetch it again") from None
        root = Path(place)
        indexes = [path for path in root.rglob(f"*{bundles.INDEX}") if path.is_file()]
        folders = sorted({path.parent for path in indexes}) or [root]
        yield folders[0].parent if folders[0].name == "variables" else folders[0]


def _by_variable(prefix: Path, stored: dict[str, bundles.Stored]) -> dict[str, bundles.Stored]:
    """The tensors by the names of their variables, which TensorFlow 2 keeps apart from the keys."""
    if _GRAPH_KEY not in stored:
        return stored
    graph: bytes = stored.pop(_GRAPH_KEY).read().item()
    variables = {key: name for name, key in bundles.names_in_graph(prefix, graph)}
    return {variables.get(key) or key.removesuffix(_VARIABLE): stored[key] for key in stored}


def _bare(name: str) -> str:
    return name.removeprefix(_MODULE)


def _is_state(name: str) -> bool:
    """Whether it belongs to a run: a counter, or an optimizer's moments of a parameter."""
    parameter = name.rpartition("/")[0]
    return name in _COUNTERS or other_names.GOOGLE.hub_name(parameter) is not None
