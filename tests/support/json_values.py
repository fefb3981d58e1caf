"""JSON files with a wrong value in one place, as damaged or hostile files have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

WRONG: list[Any] = [
    *(None, True, -1, 10**400, 1e308, float("inf"), float("nan")),
    *("x", "", "../x", "\ud800", [], [[]], [1], {}, {"a": 1}),
]

Place = tuple[Any, ...]
"""The keys and indices that lead to a value."""


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """The places of all values in a JSON value, of lists those of the first two."""
    yield place
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(min(len(value), 2)):
            yield from places(value[key], (*place, key))


def replaced(value: Any, place: Place, new: Any) -> Any:
    """A copy of a JSON value with a new one in a place."""
    if not place:
        return new
    first, *rest = place
    changed = value.copy()
    changed[first] = replaced(value[first], tuple(rest), new)
    return changed
