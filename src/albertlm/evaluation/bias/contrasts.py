"""The items of a test whose scores differ most, of which a report shows the texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHOWN = 20


@dataclass(frozen=True)
class Contrast:
    """Two texts that are compared.

    Fields:
        first, second: the texts.
        part: the part of the data that they belong to, such as a type of bias.
        difference: the score of the first less that of the second.
    """

    first: str
    second: str
    part: str
    difference: float


def largest(
    texts: Sequence[tuple[str, str]], parts: Sequence[str], differences_N: NDArray[np.float64]
) -> list[Contrast]:
    """The items with the largest differences in either direction, the largest first.

    Args:
        texts: both texts of each item.
        parts: the part of the data that each belongs to.
        differences_N: the score of each first text less that of the second.
    """
    order = np.argsort(-np.abs(differences_N), kind="stable")[:SHOWN]
    found = []
    for number in order:
        first, second = texts[number]
        found.append(Contrast(first, second, parts[number], float(differences_N[number])))
    return found
