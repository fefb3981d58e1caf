"""Weights in the hub's folders: safetensors, whole or in shards, and `pytorch_model.bin`."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from albertlm import storage
from albertlm.checkpoints import names

SAFETENSORS = "model.safetensors"
PYTORCH = "pytorch_model.bin"


def read(folder: str | Path) -> dict[str, np.ndarray]:
    """The weights in a folder as float32, by their names in the table of `names`.

    What is stored as float32 is mapped and not read: a value costs memory when it is used.

    Args:
        folder: holds `model.safetensors` or `pytorch_model.bin`, or the shards of one and an index.

    Raises:
        FileNotFoundError: there is no such file, or a shard is missing.
        ValueError: a file is damaged, holds more than tensors, or contradicts the index.
    """
    folder = Path(folder)
    for name, read_file in ((SAFETENSORS, _read_safetensors), (PYTORCH, _read_pytorch)):
        if (folder / name).is_file():
            return _canonical(folder, read_file(folder / name))
        if (folder / f"{name}.index.json").is_file():
            return _canonical(folder, _read_shards(folder / f"{name}.index.json", read_file))
    raise FileNotFoundError(f"{folder} holds no weights; it needs a {SAFETENSORS} or a {PYTORCH}")


def write(
    folder: str | Path, tensors: Mapping[str, np.ndarray], *, max_shard_bytes: int = 5 * 10**9
) -> None:
    """Write `model.safetensors`, or shards with an index where it would be larger than a shard.

    Args:
        folder: is made if it is missing; weights of an earlier `write` in it are replaced.
        tensors: float32 or float16 arrays by the hub's names.
        max_shard_bytes: no shard holds more, unless one tensor alone does.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    folder = Path(folder)
    shards = list(_split(tensors, max_shard_bytes))
    if len(shards) == 1:
        files = [SAFETENSORS]
    else:
        files = [f"model-{i:05}-of-{len(shards):05}.safetensors" for i in range(1, len(shards) + 1)]
    with ExitStack() as all_or_none:
        for file, shard in zip(files, shards, strict=True):
            temporary = all_or_none.enter_context(storage.atomic_path(folder / file))
            _write_safetensors(temporary, shard)
    if len(shards) > 1:
        home = {name: file for file, shard in zip(files, shards, strict=True) for name in shard}
        size = sum(tensor.nbytes for tensor in tensors.values())
        index = {"metadata": {"total_size": size}, "weight_map": home}
        storage.write_json(folder / f"{SAFETENSORS}.index.json", index)
        files.append(f"{SAFETENSORS}.index.json")
    for pattern in (SAFETENSORS, "model-*-of-*.safetensors", f"{SAFETENSORS}.index.json"):
        for path in folder.glob(pattern):
            if path.name not in files:
                path.unlink()


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, framework="numpy"):  # checks every size and offset
            pass
    except SafetensorError as error:
        raise ValueError(f"{path} is truncated or damaged ({error}); fetch it again") from None
    data = np.asarray(np.memmap(path, np.uint8, mode="c"))
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())
    header.pop("__metadata__", None)
    return {
        name: _decode(f"{path}: {name}", data[start:], entry)
        for name, entry in header.items()
        if not names.is_buffer(name)
    }


def _decode(name: str, data: np.ndarray, entry: dict[str, Any]) -> np.ndarray:
    """One tensor as float32; NumPy lacks bfloat16, which is the upper half of a float32."""
    begin, end = entry["data_offsets"]
    stored = data[begin:end]
    match entry["dtype"]:
        case "BF16":
            bits = stored.view(np.uint16).astype(np.uint32)
            bits <<= 16
            values = bits.view(np.float32)
        case "F64" | "F32" | "F16" as dtype:
            values = stored.view(f"<f{int(dtype[1:]) // 8}")
        case dtype:
            raise ValueError(f"{name} is {dtype}; only floating-point weights can be read")
    # a copy only where the type differs or the file does not align the values
    aligned = np.require(values, np.float32, "A")
    return aligned.reshape(entry["shape"])


def _read_pytorch(path: Path) -> dict[str, np.ndarray]:
    import torch

    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path} is damaged or holds code, and is not opened; "
            f"fetch it again, or let its owner save a {SAFETENSORS}"
        ) from None
    except Exception as error:  # a damaged file can fail anywhere in the unpickler
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path} is truncated or damaged ({reason}); fetch it again") from None
    if not isinstance(tensors, dict):
        raise ValueError(f"{path} holds a {type(tensors).__name__}; it must hold named tensors")
    arrays = {}
    for name, tensor in tensors.items():
        if not names.is_buffer(name):
            if not (isinstance(tensor, torch.Tensor) and tensor.is_floating_point()):
                kind = getattr(tensor, "dtype", type(tensor).__name__)
                raise ValueError(
                    f"{path}: {name} is {kind}; only floating-point weights can be read"
                )
            arrays[name] = tensor.detach().float().numpy()
    return arrays


def _read_shards(
    index: Path, read_file: Callable[[Path], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """All shards that an index names; they must hold exactly what it says."""
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        # names alone, so that no index leads out of the folder
        home = {name: Path(file).name for name, file in weight_map.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{index} is not an index of shards; fetch it again") from None
    arrays: dict[str, np.ndarray] = {}
    for file in sorted(set(home.values())):
        path = index.parent / file
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing, which {index.name} names; fetch it again")
        shard = read_file(path)
        claimed = {name for name in home if home[name] == file}
        differing = {name for name in claimed ^ shard.keys() if not names.is_buffer(name)}
        if differing:
            raise ValueError(
                f"{index} and {file} disagree about {', '.join(sorted(differing)[:3])}; "
                "fetch both again"
            )
        arrays |= shard
    return arrays


def _split(tensors: Mapping[str, np.ndarray], limit: int) -> Iterator[dict[str, np.ndarray]]:
    """Tensors in their order, a new shard wherever the next would grow beyond the limit."""
    shard: dict[str, np.ndarray] = {}
    size = 0
    for name, tensor in tensors.items():
        if shard and size + tensor.nbytes > limit:
            yield shard
            shard, size = {}, 0
        shard[name] = tensor
        size += tensor.nbytes
    yield shard


def _write_safetensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    try:
        save_file(contiguous, path, metadata={"format": "pt"})
        path.chmod(0o644)  # safetensors lets nobody but the owner read
    except SafetensorError as error:
        raise OSError(f"weights cannot be written to {path.parent} ({error})") from None


def _canonical(folder: Path, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    try:
        return names.canonical(tensors)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
