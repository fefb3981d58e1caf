"""Changes of nested configurations, written as `phases.0.steps=100`."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

Config = TypeVar("Config")

Change = tuple[Sequence[str], str]
"""The names that lead from a value to a part of it, and the text of what that shall be."""


def override(config: Config, assignments: Iterable[str]) -> Config:
    """A copy of a frozen dataclass with some fields, at any depth, set from text.

    All changes are made at once, so that values which only fit together may come in any order. Of
    several for the same field the last holds.

    Args:
        config: a dataclass of numbers, strings, None, tuples, and further dataclasses.
        assignments: such as `seed=1`, `model.hidden_size=512`, `phases.0.layers=none`.

    Raises:
        ValueError: there is no such field, or the value is none of its type or not allowed there.
    """
    changes: list[Change] = []
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(f"{assignment!r} sets nothing; write FIELD=VALUE, such as seed=1")
        changes.append((path.strip().split("."), text.strip()))
    changed: Config = _changed(type(config), config, changes, "") if changes else config
    return changed


def fields(value: Any) -> dict[str, Any]:
    """All fields of nested dataclasses and tuples, by the names that `override` takes."""
    if dataclasses.is_dataclass(value):
        parts = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    elif isinstance(value, tuple):
        parts = {str(number): each for number, each in enumerate(value)}
    else:
        return {"": value}
    return {
        f"{name}.{inner}".rstrip("."): each
        for name, part in parts.items()
        for inner, each in fields(part).items()
    }


def _changed(kind: Any, value: Any, changes: Sequence[Change], path: str) -> Any:
    """A value of a type with the changes of its parts, or, without names, of itself."""
    whole = [text for names, text in changes if not names]
    if whole:
        if len(whole) < len(changes):
            raise ValueError(f"{path} is set as a whole and in part; keep one of the two")
        return _parsed(kind, whole[-1], path)
    nested = _dataclass_in(kind)
    if nested and value is None:
        value = nested()
    if nested:
        types_ = typing.get_type_hints(nested)
        parts = {name: getattr(value, name) for name in types_}
        return dataclasses.replace(value, **_parts(types_, parts, changes, path))
    if isinstance(value, tuple):
        of_each = typing.get_args(kind)[0]
        items = {str(number): each for number, each in enumerate(value)}
        changed = _parts(dict.fromkeys(items, of_each), items, changes, path)
        return tuple((items | changed).values())
    raise ValueError(f"{path} has no fields; write {path}={value}")


def _parts(
    kinds: dict[str, Any], values: dict[str, Any], changes: Sequence[Change], path: str
) -> dict[str, Any]:
    """The changed ones of some named values."""
    grouped: dict[str, list[Change]] = {}
    for (name, *rest), text in changes:
        if name not in kinds:
            raise ValueError(_unknown(name, list(kinds), path))
        grouped.setdefault(name, []).append((rest, text))
    return {
        name: _changed(kinds[name], values[name], each, f"{path}.{name}".lstrip("."))
        for name, each in grouped.items()
    }


def _unknown(name: str, known: list[str], path: str) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"{path or 'the configuration'} has no {name!r}{hint} it has {', '.join(known)}"


def _dataclass_in(kind: Any) -> Any:
    """The dataclass that a type is, or may be."""
    return next((each for each in _choices(kind) if dataclasses.is_dataclass(each)), None)


def _choices(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)


def _parsed(kind: Any, text: str, path: str) -> Any:
    """The value that a text is of a type.

    Raises:
        ValueError: it is none.
    """
    choices = _choices(kind)
    if types.NoneType in choices and text.lower() == "none":
        return None
    for choice in choices:
        if choice in _READ:
            try:
                return _READ[choice](text)
            except ValueError:
                continue
    allowed = [_NAMES[each] for each in choices if each in _NAMES]
    if not set(choices) & _READ.keys():
        inside = f"{path}.0." if typing.get_origin(kind) is tuple else f"{path}."
        allowed.append(f"set in parts, as {inside}FIELD=VALUE")
    raise ValueError(f"{path}={text} is not allowed; it must be {' or '.join(allowed)}")


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


_READ: dict[Any, Any] = {bool: _bool, int: int, float: _float, str: str}

_NAMES = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "text",
    types.NoneType: "none",
}
