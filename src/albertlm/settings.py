"""Convert configurations from and to text and JSON, and reject invalid values.

A configuration is a frozen dataclass of numbers, strings, None, tuples, mappings and nested
dataclasses. An error message names the field, the value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

Config = TypeVar("Config")

Change = tuple[Sequence[str], str]
"""The path of field names to a part of a value, and the part's new value as text."""


def check_at_least(least: float, **values: float | None) -> None:
    """Raise a ValueError for the first of the named values that is below a bound.

    None stands for a default and is allowed.
    """
    for name, value in values.items():
        check(value is None or value >= least, f"{least} or more", **{name: value})


def check_count(**values: object) -> None:
    """Raise a ValueError for the first of the named values that is no count below 2^53.

    Larger integers are not exact in JSON, and their sums do not fit into 64 bits.
    """
    for name, value in values.items():
        is_count = type(value) is int and 0 <= value < 1 << 53
        check(is_count, "an integer from 0 to 2^53 - 1", **{name: value})


def check_choice(allowed: Iterable[str], **values: str) -> None:
    """Raise a ValueError for the first of the named values that is not an allowed one."""
    known = list(allowed)
    for name, value in values.items():
        told = f"one of {', '.join(known)}{did_you_mean(value, known)}"
        check(value in known, told, **{name: value})


def check(holds: bool, allowed: str, **values: object) -> None:
    """Raise a ValueError with the named values and what is allowed, unless a condition holds."""
    if not holds:
        told = " and ".join(f"{name}={value!r}" for name, value in values.items())
        is_, it = ("is", "it") if len(values) == 1 else ("are", "they")
        raise ValueError(f"{told} {is_} not allowed; {it} must be {allowed}")


def did_you_mean(name: str, known: Collection[str], count: int = 1) -> str:
    """`; did you mean 'x'?` with the known names most similar to a wrong one, or an empty text."""
    near = difflib.get_close_matches(str(name).lower(), known, n=count)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def option(default: Any, help_: str, *, least: int | None = None, flags: str | None = None) -> Any:
    """A field with a command-line option: its default, help, lower bound and flags."""
    metadata = {"help": help_, "least": least, "flags": flags}
    return dataclasses.field(default=default, metadata=metadata)


def override(config: Config, assignments: Iterable[str]) -> Config:
    """A copy of a configuration with fields at any depth set from text.

    All changes are made at once, so values that are only valid together may be given in any order.
    If a field is assigned several times, the last value is used.

    Args:
        config: a configuration.
        assignments: such as `seed=1`, `model.hidden_size=512`, `phases.0.layers=none`.

    Raises:
        ValueError: a field does not exist, or a value has the wrong type or is not allowed.
    """
    changes: list[Change] = []
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(f"{assignment!r} sets nothing; write FIELD=VALUE, such as seed=1")
        changes.append((path.strip().split("."), text.strip()))
    changed: Config = _changed(type(config), config, changes, "") if changes else config
    return changed


def flatten(value: Any) -> dict[str, Any]:
    """All fields of a configuration by the names that `override` takes."""
    if dataclasses.is_dataclass(value):
        parts = {each.name: getattr(value, each.name) for each in _settable(value)}
    elif isinstance(value, tuple):
        parts = {str(number): each for number, each in enumerate(value)}
    else:
        return {"": value}
    return {
        f"{name}.{inner}".rstrip("."): each
        for name, part in parts.items()
        for inner, each in flatten(part).items()
    }


def to_json(config: Any) -> dict[str, Any]:
    """A configuration as a JSON object, which `from_json` reads."""
    fields: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return fields


def from_json(kind: type[Config], value: Any, path: str = "") -> Config:
    """The configuration that `to_json` converted to a JSON object.

    Missing fields have their defaults, so files remain valid when fields are added.

    Args:
        kind: a dataclass, or any type that its fields may have.
        value: the JSON value.
        path: the name of the field, for error messages.

    Raises:
        ValueError: a field does not exist, or a value has the wrong type or is not allowed.
    """
    read: Config = _from_json(kind, value, path)
    return read


def _from_json(kind: Any, value: Any, path: str) -> Any:
    choices = _choices(kind)
    choice = next((each for each in choices if _fits(each, value)), None)
    if choice is None:
        allowed = [_NAMES.get(each, "an object") for each in choices]
        told = " or ".join(dict.fromkeys(allowed))
        check(False, told, **{path or "the configuration": value})
    match value:
        case dict() if dataclasses.is_dataclass(choice):
            return _dataclass_from_json(choice, value, path)
        case dict() if choice is not Any:
            of_key, of_value = typing.get_args(choice)
            return {
                _parsed(of_key, key, path): _from_json(of_value, each, f"{path}.{key}")
                for key, each in value.items()
            }
        case list() if choice is not Any:
            of_each = typing.get_args(choice)[0]
            return tuple(
                _from_json(of_each, each, f"{path}.{number}") for number, each in enumerate(value)
            )
    return float(value) if choice is float else value


def _fits(kind: Any, value: Any) -> bool:
    """Whether a JSON value can be converted to a type that is not a union."""
    origin = typing.get_origin(kind)
    match value:
        case dict() if kind is not Any:
            return dataclasses.is_dataclass(kind) or origin in (dict, Mapping)
        case list() if kind is not Any:
            return origin is tuple
        case str() if origin is typing.Literal:
            return value in typing.get_args(kind)
        case int() if type(value) is int:
            return kind in (int, float, Any)
    return kind in (type(value), Any)


def _dataclass_from_json(kind: Any, fields: dict[str, Any], path: str) -> Any:
    hints = typing.get_type_hints(kind)
    known = {each.name: hints[each.name] for each in dataclasses.fields(kind)}
    for name in fields:
        if name not in known:
            raise ValueError(_unknown(name, list(known), path))
    return kind(
        **{
            name: _from_json(known[name], value, f"{path}.{name}".lstrip("."))
            for name, value in fields.items()
        }
    )


def _settable(config: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a dataclass, without the descriptive ones, which have no `repr`."""
    return [each for each in dataclasses.fields(config) if each.repr]


def _changed(kind: Any, value: Any, changes: Sequence[Change], path: str) -> Any:
    """A value with its parts changed; a change with an empty path replaces the value."""
    whole = [text for names, text in changes if not names]
    if whole:
        if len(whole) < len(changes):
            raise ValueError(f"{path} is set as a whole and in part; keep one of the two")
        return _parsed(kind, whole[-1], path)
    nested = _dataclass_in(kind)
    if nested and value is None:
        value = _begun(nested, changes, path)
    if nested:
        hints = typing.get_type_hints(nested)
        types_ = {each.name: hints[each.name] for each in _settable(nested)}
        parts = {name: getattr(value, name) for name in types_}
        return dataclasses.replace(value, **_parts(types_, parts, changes, path))
    if mapping := _mapping_in(kind):
        of_key, of_value = typing.get_args(mapping)
        values = {str(key): each for key, each in (value or {}).items()}
        named = dict.fromkeys([*values, *(names[0] for names, _ in changes)])
        kinds = dict.fromkeys(named, of_value)
        changed = values | _parts(kinds, named | values, changes, path)
        return {_parsed(of_key, name, path): each for name, each in changed.items()}
    if isinstance(value, tuple):
        of_each = typing.get_args(kind)[0]
        items = {str(number): each for number, each in enumerate(value)}
        changed = _parts(dict.fromkeys(items, of_each), items, changes, path)
        return tuple((items | changed).values())
    raise ValueError(f"{path} has no fields; write {path}={value}")


def _begun(kind: Any, changes: Sequence[Change], path: str) -> Any:
    """A new dataclass, with the changed values of the fields that have no default."""
    hints, given = typing.get_type_hints(kind), {names[0]: text for names, text in changes}
    needed = [
        each.name
        for each in dataclasses.fields(kind)
        if each.default is each.default_factory is dataclasses.MISSING
    ]
    if missing := [name for name in needed if name not in given]:
        raise ValueError(f"{path} has no values yet; set {path}.{missing[0]}, too")
    return kind(**{name: _parsed(hints[name], given[name], f"{path}.{name}") for name in needed})


def _parts(
    kinds: dict[str, Any], values: dict[str, Any], changes: Sequence[Change], path: str
) -> dict[str, Any]:
    """The named values that change, with their new values."""
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
    hint = did_you_mean(name, known) or ";"
    return f"{path or 'the configuration'} has no {name!r}{hint} it has {', '.join(known)}"


def _dataclass_in(kind: Any) -> Any:
    """The dataclass that a type, or a member of a union, is."""
    return next((each for each in _choices(kind) if dataclasses.is_dataclass(each)), None)


def _mapping_in(kind: Any) -> Any:
    """The mapping that a type, or a member of a union, is."""
    mappings = (dict, Mapping)
    return next((each for each in _choices(kind) if typing.get_origin(each) in mappings), None)


def _choices(kind: Any) -> tuple[Any, ...]:
    is_union = isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union
    return typing.get_args(kind) if is_union else (kind,)


def _parsed(kind: Any, text: str, path: str) -> Any:
    """The value of a type that a text represents.

    Raises:
        ValueError: the text does not represent one.
    """
    choices = _choices(kind)
    if types.NoneType in choices and text.lower() == "none":
        return None
    for choice in choices:
        if typing.get_origin(choice) is typing.Literal and text in typing.get_args(choice):
            return text
        if choice in _READ:
            try:
                return _READ[choice](text)
            except ValueError:
                continue
    allowed = [_NAMES[each] for each in choices if each in _NAMES]
    for choice in choices:
        if typing.get_origin(choice) is typing.Literal:
            allowed += typing.get_args(choice)
    if not allowed or allowed == [_NAMES[types.NoneType]]:
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
