"""The layers and activations of ALBERT in NumPy, in float32."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]

Ints: TypeAlias = npt.NDArray[np.int64]

Parameters = Mapping[str, Floats]
"""Trained parameters by their names in `checkpoints.names`."""


class StoredParameters(Mapping[str, Floats]):
    """Parameters as a file holds them: what is in half precision is converted when it is used.

    Args:
        stored: arrays in float32 or float16, which may be mapped files.
    """

    def __init__(self, stored: Mapping[str, npt.NDArray[np.floating[Any]]]) -> None:
        self.stored = stored
        self._converted: dict[str, Floats] = {}

    def __getitem__(self, name: str) -> Floats:
        if name not in self._converted:
            self._converted[name] = self.stored[name].astype(np.float32, copy=False)
        return self._converted[name]

    def __contains__(self, name: object) -> bool:
        return name in self.stored

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)


def release(parameters: Parameters) -> None:
    """Let the system take back the pages of mapped files, which are read again when they are used.

    What was written to these arrays is lost.
    """
    for mapped in {id(each): each for each in map(_base, _stored(parameters).values())}.values():
        if isinstance(mapped, mmap.mmap):
            # other systems have no such advice, and pages that are locked stay
            with suppress(AttributeError, OSError):
                mapped.madvise(mmap.MADV_DONTNEED)


def rows(parameters: Parameters, name: str, numbers: Ints) -> Floats:
    """Rows of a table; one in half precision is not converted as a whole."""
    return _stored(parameters)[name][numbers].astype(np.float32, copy=False)


def count(parameters: Parameters) -> int:
    """The number of parameters; none is converted."""
    return sum(array.size for array in _stored(parameters).values())


def of_encoder(parameters: Parameters) -> dict[str, Floats]:
    """The parameters of the projection and the layers; conversions are not kept."""
    return {
        name: array.astype(np.float32, copy=False)
        for name, array in _stored(parameters).items()
        if name.startswith("encoder.")
    }


def _base(array: Any) -> Any:
    """What holds the memory of an array."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array


def _stored(parameters: Parameters) -> Mapping[str, npt.NDArray[np.floating[Any]]]:
    return parameters.stored if isinstance(parameters, StoredParameters) else parameters


def linear(parameters: Parameters, name: str, x: Floats) -> Floats:
    """Multiply rows by a layer's weight and add its bias."""
    y: Floats = x @ parameters[f"{name}.weight"].T
    y += parameters[f"{name}.bias"]
    return y


def layer_norm(parameters: Parameters, name: str, x: Floats, epsilon: float) -> Floats:
    """Normalise rows to mean 0 and variance 1, then apply a LayerNorm's weight and bias."""
    x = x - x.mean(-1, keepdims=True)
    variance = np.square(x).mean(-1, keepdims=True)
    x /= np.sqrt(variance + epsilon)
    x *= parameters[f"{name}.weight"]
    x += parameters[f"{name}.bias"]
    return x


def embeddings(
    parameters: Parameters, ids: Ints, segments: Ints, positions: Ints, epsilon: float
) -> Floats:
    """The normalised embeddings of tokens, (…, E), from their ids, segments and positions, (…)."""
    tables = {"word": ids, "token_type": segments, "position": positions}
    word, segment, position = (
        rows(parameters, f"embeddings.{table}_embeddings.weight", numbers)
        for table, numbers in tables.items()
    )
    x = word + segment
    x += position
    return layer_norm(parameters, "embeddings.LayerNorm", x, epsilon)


def softmax_(x: Floats) -> Floats:
    """The softmax over the last axis, in place."""
    x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(-1, keepdims=True)
    return x


def log_softmax(x: Floats) -> Floats:
    """The logarithm of the softmax over the last axis."""
    x = x - x.max(-1, keepdims=True)
    x -= np.log(np.exp(x).sum(-1, keepdims=True))
    return x


def gelu_erf(x: Floats) -> Floats:
    return x * (0.5 + 0.5 * erf(x * math.sqrt(0.5)))


def gelu_tanh(x: Floats) -> Floats:
    inner = np.square(x)
    inner *= 0.044715 * math.sqrt(2 / math.pi)
    inner += math.sqrt(2 / math.pi)
    inner *= x
    np.tanh(inner, out=inner)
    inner += 1
    inner *= x
    inner *= 0.5
    return inner


def erf(x: Floats) -> Floats:
    """The error function to 1.5e-7, the precision of float32 (Abramowitz and Stegun 7.1.26)."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    return np.copysign(1 - series * np.exp(-np.square(x)), x)


def quick_gelu(x: Floats) -> Floats:
    return x * sigmoid(np.float32(1.702) * x)


def silu(x: Floats) -> Floats:
    return x * sigmoid(x)


def sigmoid(x: Floats) -> Floats:
    halves: Floats = 0.5 + 0.5 * np.tanh(0.5 * x)  # which never overflows
    return halves


def relu(x: Floats) -> Floats:
    return np.maximum(x, 0)


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "gelu": gelu_erf,
    "gelu_new": gelu_tanh,
    "quick_gelu": quick_gelu,
    "relu": relu,
    "silu": silu,
    "tanh": np.tanh,
}
"""The activations by their names in `config.ACTIVATIONS`."""
