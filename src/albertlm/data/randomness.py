"""Random numbers that depend only on their purpose.

A number is a function of (seed, epoch, purpose, example, draw) and does not depend on how many were
drawn before. So the masks are the same for any number of workers, after any restart and in any
order of work. (Google's code shuffles with a seed, then draws from an unseeded generator.)
"""

from __future__ import annotations

import zlib
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


Key: TypeAlias = NDArray[np.uint64]


def key(seed: int, epoch: ArrayLike, purpose: str) -> Key:
    """The key of a stream of numbers, such as "which tokens are masked in epoch 3".

    The key has the shape of `epoch`.
    """
    parts = (seed % (1 << 64), epoch, zlib.crc32(purpose.encode()))
    mixed = np.zeros((), np.uint64)
    for part in parts:
        mixed = mix(mixed ^ np.asarray(part).astype(np.uint64))
    return mixed


def bits(key: Key, example: ArrayLike, draw: ArrayLike = 0) -> NDArray[np.uint64]:
    """64 random bits, with the broadcast shape of all arguments (integers of 0 or more).

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood 2014) over a counter, twice.
    """
    row = mix(np.asarray(example).astype(np.uint64) ^ key)
    return mix(row ^ np.asarray(draw).astype(np.uint64))


def uniform(key: Key, example: ArrayLike, draw: ArrayLike = 0) -> NDArray[np.float64]:
    """Random numbers in [0, 1), with the arguments of `bits`."""
    return (bits(key, example, draw) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def integers(
    key: Key, high: ArrayLike, example: ArrayLike, draw: ArrayLike = 0
) -> NDArray[np.int64]:
    """Random integers in [0, high), where `high` (1 or more) is broadcast with the others."""
    scaled: NDArray[np.float64] = uniform(key, example, draw) * np.asarray(high)
    return scaled.astype(np.int64)


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash 64-bit integers; the results of different integers differ."""
    with np.errstate(over="ignore"):  # wrap-around is intended
        x = x + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * _MIX_1
        x = (x ^ (x >> np.uint64(27))) * _MIX_2
        return x ^ (x >> np.uint64(31))
