"""Weights in folders of the hub: safetensors and `pytorch_model.bin`, also in shards.

safetensors has no checksums, so the files that are written here carry one in their metadata.
"""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from albertlm import storage
from albertlm.checkpoints import names, other_names

SAFETENSORS = "model.safetensors"
PYTORCH = "pytorch_model.bin"
_INDEX = ".index.json"

_CHECKSUM = "albertlm_crc32"
"""The entry in the metadata of a file with the CRC-32 of its tensors."""

_SAFETENSORS_TYPES = {"float64": "F64", "float32": "F32", "float16": "F16"}


def is_in(folder: Path) -> bool:
    files = (f"{name}{ending}" for name in (SAFETENSORS, PYTORCH) for ending in ("", _INDEX))
    return any((folder / file).is_file() for file in files)


def read(folder: Path, *, keep_half: bool = False) -> dict[str, np.ndarray]:
    """The weights in a folder; see `checkpoints.read`."""
    of_safetensors = partial(_read_safetensors, keep_half=keep_half)
    for name, read_file in ((SAFETENSORS, of_safetensors), (PYTORCH, _read_pytorch)):
        if (folder / name).is_file():
            return _canonical(folder, read_file(folder / name))
        if (folder / f"{name}{_INDEX}").is_file():
            return _canonical(folder, _read_shards(folder / f"{name}{_INDEX}", read_file))
    raise FileNotFoundError(f"{folder} holds no weights; it needs a {SAFETENSORS} or a {PYTORCH}")


def write(
    folder: str | Path, tensors: Mapping[str, np.ndarray], *, max_shard_bytes: int = 5 * 10**9
) -> None:
    """Write `model.safetensors`, or shards and an index if it would be too large.

    Args:
        folder: created if it does not exist; weights of an earlier `write` are replaced.
        tensors: float32 or float16 arrays by the hub's names.
        max_shard_bytes: the largest size of a shard, unless a single tensor is larger.

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
        storage.write_json(folder / f"{SAFETENSORS}{_INDEX}", index)
        files.append(f"{SAFETENSORS}{_INDEX}")
    for pattern in (SAFETENSORS, "model-*-of-*.safetensors", f"{SAFETENSORS}{_INDEX}"):
        for path in folder.glob(pattern):
            if path.name not in files:
                path.unlink()


def _read_safetensors(path: Path, *, keep_half: bool) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, framework="numpy"):  # checks every size and offset
            pass
    except SafetensorError as error:
        raise ValueError(f"{path} is truncated or damaged ({error}); fetch it again") from None
    data = np.asarray(np.memmap(path, np.uint8, mode="c"))
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())
    metadata = header.pop("__metadata__", {})
    stored = {
        name: (entry["dtype"], entry["shape"], data[start:][slice(*entry["data_offsets"])])
        for name, entry in header.items()
    }
    if _CHECKSUM in metadata and metadata[_CHECKSUM] != _checksum(stored):
        raise ValueError(f"{path} is damaged: its checksum differs; fetch or save it again")
    tensors = {
        name: _decode(f"{path}: {name}", *each, keep_half=keep_half)
        for name, each in stored.items()
        if not names.is_buffer(name)
    }
    # TensorFlow's kernels are transposed, which the shapes of square ones do not show
    return other_names.from_keras(tensors) if metadata.get("format") == "tf" else tensors


def _checksum(tensors: Mapping[str, tuple[str, Sequence[int], np.ndarray]]) -> str:
    """The CRC-32 of names, types, shapes and bytes of tensors, in hexadecimal."""
    value = 0
    for name, (dtype, shape, content) in sorted(tensors.items()):
        value = zlib.crc32(f"{name} {dtype} {list(shape)}".encode(), value)
        value = zlib.crc32(content.data, value)
    return f"{value:08x}"


def _decode(
    name: str, dtype: str, shape: Sequence[int], stored: np.ndarray, *, keep_half: bool
) -> np.ndarray:
    """One tensor as float32, or float16 if it is so and `keep_half`.

    bfloat16, which NumPy lacks, is the upper half of a float32.
    """
    match dtype:
        case "BF16":
            bits = stored.view(np.uint16).astype(np.uint32)
            bits <<= 16
            values = bits.view(np.float32)
        case "F64" | "F32" | "F16":
            values = stored.view(f"<f{int(dtype[1:]) // 8}")
        case _:
            raise ValueError(f"{name} is {dtype}; only floating-point weights can be read")
    # copied only if the type differs or the values are not aligned in the file
    kept = np.float16 if keep_half and dtype == "F16" else np.float32
    aligned = np.require(values, kept, "A")
    return aligned.reshape(shape)


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
        if not isinstance(name, str):
            raise ValueError(f"{path} has a tensor named {name!r}; it must hold named tensors")
        if not names.is_buffer(name):
            kind = _kind_of(tensor)
            if kind:
                raise ValueError(
                    f"{path}: {name} is {kind}; only floating-point weights can be read"
                )
            arrays[name] = tensor.detach().float().numpy()
    return arrays


def _kind_of(tensor: Any) -> str:
    """What something is that is no dense tensor of floating-point numbers, or an empty string."""
    import torch

    if not isinstance(tensor, torch.Tensor):
        return type(tensor).__name__
    if tensor.is_nested:
        return "a nested tensor"
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        return f"a tensor of the layout {tensor.layout} on {tensor.device}"
    return "" if tensor.is_floating_point() else str(tensor.dtype)


def _read_shards(
    index: Path, read_file: Callable[[Path], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The tensors of all shards in an index, which must agree with it."""
    try:
        weight_map = storage.read_json(index)["weight_map"]
        # only the names, so that an index cannot refer to other folders
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
    """The tensors in order, with a new shard before a tensor that would exceed the limit."""
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
    """Write a file with the same bytes for the same tensors; the library orders metadata at random.

    Source: the description of the format in the README of huggingface/safetensors.
    """
    # large numbers first, so that all are aligned
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0]))
    contiguous = [(name, np.ascontiguousarray(tensor)) for name, tensor in ordered]
    stored = {
        name: (_SAFETENSORS_TYPES[array.dtype.name], array.shape, array.reshape(-1).view(np.uint8))
        for name, array in contiguous
    }
    header: dict[str, Any] = {"__metadata__": {"format": "pt", _CHECKSUM: _checksum(stored)}}
    end = 0
    for name, (dtype, shape, content) in stored.items():
        offsets = [end, end := end + content.size]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    try:
        with path.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for _, _, content in stored.values():
                file.write(content.data)
    except OSError as error:  # which names no file if the disk is full
        raise OSError(error.errno, error.strerror, str(path.parent)) from None


def _canonical(folder: Path, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    try:
        return names.canonical(tensors)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
