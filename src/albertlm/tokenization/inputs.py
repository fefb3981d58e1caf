"""Checks of what the tokenizer is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast, get_args

from albertlm.tokenization.padding import Padding
from albertlm.tokenization.truncation import Truncation


def as_columns(text: object, text_pair: object) -> tuple[list[list[str]], bool]:
    """The texts, or the texts and their pairs, as lists; and whether they came as a batch."""
    if isinstance(text, str):
        if text_pair is None:
            return [[text]], False
        if not isinstance(text_pair, str):
            raise ValueError(f"text is one string but text_pair is {_kind(text_pair)}; give one")
        return [[text], [text_pair]], False
    texts = _as_list("text", text)
    if text_pair is not None:
        pairs = _as_list("text_pair", text_pair)
        if len(texts) != len(pairs):
            raise ValueError(f"there are {len(texts)} texts but {len(pairs)} text pairs")
        return [_strings(texts), _strings(pairs)], True
    if texts and isinstance(texts[0], tuple):
        if any(not isinstance(each, tuple) or len(each) != 2 for each in texts):
            raise ValueError("a batch of pairs must hold nothing but tuples of two strings")
        return [_strings(column) for column in zip(*texts, strict=True)], True
    return [_strings(texts)], True


def as_ids(ids: Any, vocab_size: int) -> list[int]:
    """Token ids from an id, a list, an array or a tensor."""
    plain = _as_plain(ids)
    values = [plain] if isinstance(plain, int) else list(plain)
    for value in values:
        if not isinstance(value, int):
            raise ValueError(f"a token id is {_kind(value)}; use batch_decode for several rows")
        if not 0 <= value < vocab_size:
            raise ValueError(f"there is no token id {value}; ids go from 0 to {vocab_size - 1}")
    return values


def as_rows(encodings: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Encodings of single texts, or one mapping of rows, as lists of rows by name."""
    if isinstance(encodings, Mapping):
        columns = {name: _as_plain(rows) for name, rows in encodings.items()}
    else:
        names = encodings[0] if encodings else ()
        columns = {name: [_as_plain(each[name]) for each in encodings] for name in names}
    if "input_ids" not in columns:
        raise ValueError("there are no input_ids to pad; give what a call of the tokenizer gave")
    if any(isinstance(row, int) for row in columns["input_ids"]):
        return {name: [row] for name, row in columns.items()}
    return columns


def padding_strategy(padding: object, multiple_of: object) -> Padding:
    if multiple_of is not None:
        require_count("pad_to_multiple_of", multiple_of, least=1)
    named = {True: "longest", False: "do_not_pad"}
    return cast("Padding", _choice("padding", padding, named, get_args(Padding)))


def truncation_strategy(truncation: object) -> Truncation:
    named = {True: "longest_first", False: "do_not_truncate"}
    return cast("Truncation", _choice("truncation", truncation, named, get_args(Truncation)))


def require_tensor_kind(kind: object) -> None:
    if kind not in (None, "pt", "np"):
        raise ValueError(f"return_tensors={kind!r} is not allowed; it must be 'pt', 'np' or None")


def require_flags(**flags: object) -> None:
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name}={value!r} is not allowed; it must be True or False")


def require_count(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name}={value!r} is not allowed; it must be an integer of {least} or more"
        )


def require_known(options: Mapping[str, object], known: Sequence[str]) -> None:
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the options are {', '.join(known)}"
            raise ValueError(f"unknown tokenizer option {name!r}; {hint}")


def require_strings(texts: Iterable[object]) -> None:
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"a text is {_kind(text)}; give strings")


def _strings(texts: Sequence[object]) -> list[str]:
    require_strings(texts)
    return cast("list[str]", list(texts))


def _as_plain(values: Any) -> Any:
    """Lists for an array or a tensor; anything else as it is."""
    return values.tolist() if hasattr(values, "tolist") else values


def _as_list(name: str, value: object) -> list[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{name} is {_kind(value)}; give a string or a list of strings")
    return list(value)


def _choice(name: str, value: object, named: Mapping[bool, str], allowed: Sequence[str]) -> str:
    if isinstance(value, bool):
        return named[value]
    if value not in allowed:
        raise ValueError(f"{name}={value!r} is not allowed; it must be one of {', '.join(allowed)}")
    return cast("str", value)


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
