"""Named tensors in the checkpoint files of TensorFlow 1 and 2, without TensorFlow.

A bundle is a prefix such as `model.ckpt-best`: `.index` is a table of types, shapes and places, and
`.data-00000-of-00001` holds the values. Before TensorFlow 1.0, one file of the prefix's name held
all. Source: `tensorflow/core/util/tensor_bundle` and `saved_tensor_slice.proto` of TensorFlow.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from albertlm import storage
from albertlm.checkpoints import crc32c, sstable
from albertlm.protobuf import field, fields, read_integer

INDEX = ".index"
_BFLOAT16, _STRING = 14, 7
_TYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("u1"),
    5: np.dtype("<i2"),
    6: np.dtype("i1"),
    9: np.dtype("<i8"),
    10: np.dtype("?"),
    _BFLOAT16: np.dtype("<u2"),
    17: np.dtype("<u2"),
    19: np.dtype("<f2"),
    22: np.dtype("<u4"),
    23: np.dtype("<u8"),
}
"""By the numbers in `types.proto`."""
_NUMBERS = {dtype: number for number, dtype in _TYPES.items() if number != _BFLOAT16}

Slice = list[tuple[int, int]]
"""The start and length in each dimension; a length of -1 is all of it."""


@dataclass(frozen=True)
class Stored:
    """A tensor in a file; `read` verifies and returns it, bfloat16 as float32, text as objects."""

    shape: tuple[int, ...]
    is_float: bool
    read: Callable[[], np.ndarray]


def is_bundle(prefix: Path) -> bool:
    return prefix.with_name(prefix.name + INDEX).is_file() or sstable.is_table(prefix)


def open_bundle(prefix: Path) -> dict[str, Stored]:
    """The tensors of a checkpoint by name; nothing but their description is read.

    Raises:
        FileNotFoundError: there is no such checkpoint, or a file of it is missing.
        ValueError: the description is cut or damaged, or of a kind that cannot be read.
    """
    index = prefix.with_name(prefix.name + INDEX)
    if not is_bundle(prefix):
        raise FileNotFoundError(
            f"there is no checkpoint {prefix}; its description would be {index.name}"
        )
    with _telling(prefix):
        if index.is_file():
            return _open_bundle(prefix, sstable.read(index))
        return _open_single_file(prefix, sstable.read(prefix))


def write(prefix: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write a bundle of one shard, which TensorFlow can read.

    Args:
        prefix: such as `folder/model.ckpt`; the folder is created.
        tensors: numbers of any type of NumPy that TensorFlow has, in native byte order.
    """
    data = prefix.with_name(f"{prefix.name}.data-00000-of-00001")
    entries = [(b"", field(1, 1) + field(3, field(1, 1)))]  # one shard, little-endian, version 1
    with ExitStack() as all_or_none:
        paths = (data, prefix.with_name(prefix.name + INDEX))
        temporary, description = (
            all_or_none.enter_context(storage.atomic_path(path)) for path in paths
        )
        with temporary.open("wb") as file:
            for key, name in sorted((name.encode(), name) for name in tensors):
                array = np.array(tensors[name], order="C")  # ascontiguousarray adds a dimension
                shape = b"".join(field(2, field(1, size) if size else b"") for size in array.shape)
                place = [(4, file.tell()), (5, array.nbytes)]
                entry = field(1, _NUMBERS[array.dtype]) + field(2, shape)
                entry += b"".join(field(number, value) for number, value in place if value)
                checksum = struct.pack("<I", crc32c.masked(array))
                entries.append((key, entry + bytes([6 << 3 | 5]) + checksum))
                file.write(array.tobytes())
        description.write_bytes(sstable.encode(entries))


@contextmanager
def _telling(path: Path | str) -> Iterator[None]:
    """Make a ValueError of what messages that are not as they should be can raise."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, struct.error, UnicodeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is damaged ({reason}); fetch it again") from None


def _open_bundle(prefix: Path, entries: dict[bytes, bytes]) -> dict[str, Stored]:
    header = fields(entries.pop(b""))
    if header.get(2, [0])[-1]:
        raise ValueError(f"{prefix} was written on a big-endian machine; only others can be read")
    shards = header[1][-1]
    files = [prefix.with_name(f"{prefix.name}.data-{i:05}-of-{shards:05}") for i in range(shards)]
    for path in files:
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing, which {prefix.name}{INDEX} names; fetch it again"
            )
    return {
        key.decode(): _stored(key.decode(), fields(entry), files, entries)
        for key, entry in entries.items()
        if not key.startswith(b"\0")  # the slices of another entry
    }


def _stored(
    name: str, entry: dict[int, list[Any]], files: list[Path], entries: dict[bytes, bytes]
) -> Stored:
    number, shape = entry[1][-1], _shape(entry[2][-1])
    if number != _STRING and number not in _TYPES:
        raise ValueError(f"{name} has the unknown type {number}")
    slices = [_slice(each) for each in entry.get(7, ())]

    def read() -> np.ndarray:
        with _telling(name):
            if not slices:
                return _values(name, entry, files)
            parts = [fields(entries[_slice_key(name, part)]) for part in slices]
            return _joined(shape, slices, [_values(name, part, files) for part in parts])

    return Stored(shape, number == _BFLOAT16 or _is_float(number), read)


def _values(name: str, entry: dict[int, list[Any]], files: list[Path]) -> np.ndarray:
    """The values of one entry, verified."""
    number, path = entry[1][-1], files[entry.get(3, [0])[-1]]
    start, size = (entry.get(each, [0])[-1] for each in (4, 5))
    if start + size > path.stat().st_size:
        raise ValueError(
            f"{path} is cut: {name} ends at byte {start + size} and the file at "
            f"{path.stat().st_size}; fetch it again"
        )
    data = np.memmap(path, np.uint8, "c", start, size) if size else np.empty(0, np.uint8)
    checked, result = np.asarray(data), None
    if number == _STRING:
        checked, result = _texts(data.tobytes(), math.prod(_shape(entry[2][-1])))
    if crc32c.masked(checked) != struct.unpack("<I", entry[6][-1])[0]:
        raise ValueError(f"{path} is damaged: {name} has another checksum; fetch it again")
    if result is None:
        result = checked.view(_TYPES[number])
    if number == _BFLOAT16:  # the upper half of a float32
        result = (result.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return result.reshape(_shape(entry[2][-1]))


def _texts(data: bytes, count: int) -> tuple[np.ndarray, np.ndarray]:
    """What the checksum of text covers, and the texts."""
    lengths, position = [], 0
    for _ in range(count):
        length, position = read_integer(data, position)
        lengths.append(length)
    covered = struct.pack(f"<{count}I", *lengths) + data[position:]
    texts, position = np.empty(count, object), position + 4
    for number, length in enumerate(lengths):
        texts[number] = data[position : position + length]
        position += length
    return np.frombuffer(covered, np.uint8), texts


def _open_single_file(path: Path, entries: dict[bytes, bytes]) -> dict[str, Stored]:
    (meta,) = fields(entries.pop(b""))[1]
    pieces: dict[str, list[dict[int, list[Any]]]] = {}
    for content in entries.values():
        (piece,) = fields(content)[2]
        named = fields(piece)
        pieces.setdefault(named[1][-1].decode(), []).append(named)
    return {
        name: _stored_in_single_file(f"{path}: {name}", tensor, pieces[name])
        for tensor in map(fields, fields(meta)[1])
        for name in [tensor[1][-1].decode()]
    }


def _stored_in_single_file(
    name: str, tensor: dict[int, list[Any]], pieces: list[dict[int, list[Any]]]
) -> Stored:
    shape, number = _shape(tensor[2][-1]), tensor[3][-1]

    def read() -> np.ndarray:
        with _telling(name):
            slices = [_slice(piece[2][-1]) for piece in pieces]
            values = [fields(piece[3][-1])[5 if number == 1 else 6] for piece in pieces]
            dtype = _TYPES[number]
            return _joined(shape, slices, [np.frombuffer(b"".join(v), dtype) for v in values])

    return Stored(shape, number in (1, 2), read)


def _joined(shape: tuple[int, ...], places: list[Slice], parts: list[np.ndarray]) -> np.ndarray:
    """The whole tensor from parts of it."""
    whole = np.empty(shape, parts[0].dtype)
    for place, part in zip(places, parts, strict=True):
        index = tuple(slice(start, None if n == -1 else start + n) for start, n in place)
        whole[index] = part.reshape(whole[index].shape)
    return whole


def _is_float(number: int) -> bool:
    return number != _STRING and _TYPES[number].kind == "f"


def _shape(message: bytes) -> tuple[int, ...]:
    return tuple(fields(size).get(1, [0])[-1] for size in fields(message).get(2, ()))


def _slice(message: bytes) -> Slice:
    extents = [fields(extent) for extent in fields(message).get(1, ())]
    return [(extent.get(1, [0])[-1], extent.get(2, [-1])[-1]) for extent in extents]


def _slice_key(name: str, part: Slice) -> bytes:
    """The key of a slice, in TensorFlow's encoding that keeps the order of what it encodes."""
    escaped = name.encode().replace(b"\xff", b"\xff\0").replace(b"\0", b"\0\xff")
    numbers = b"".join(_ordered(number) for extent in part for number in extent)
    return b"\0" + escaped + b"\0\1" + bytes([1, len(part)]) + numbers


def _ordered(number: int) -> bytes:
    """A signed integer whose length stands in the leading bits, as the ones of a unary number."""
    length = (number if number >= 0 else ~number).bit_length() // 7 + 1
    header = ((1 << length) - 1) << 8 * length - length
    return (header ^ number & (1 << 8 * length) - 1).to_bytes(length, "big")


def names_in_graph(prefix: Path, graph: bytes) -> Iterator[tuple[str, str]]:
    """The name and key of each variable in the object graph of a checkpoint of TensorFlow 2.

    Source: `trackable_object_graph.proto`.
    """
    with _telling(prefix):
        for node in fields(graph).get(1, ()):
            for attribute in map(fields, fields(node).get(2, ())):
                if 2 in attribute and 3 in attribute:
                    yield attribute[2][-1].decode(), attribute[3][-1].decode()
