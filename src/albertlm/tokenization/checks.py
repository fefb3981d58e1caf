"""Checks of the arguments that the tokenizer is called with."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast, get_args

from albertlm.tokenization.encoding import Padding, Side, Truncation

_WORDS = "lists of words, or set is_split_into_words=False"

Text = str | list[str]
"""A text, or one that is split into words."""


def as_columns(text: object, text_pair: object, are_split: bool) -> tuple[list[list[Text]], bool]:
    """The texts, or the texts and their pairs, as lists, and whether they form a batch.

    Args:
        text: a text, texts, or pairs of texts.
        text_pair: the other text of each pair.
        are_split: whether a text is a sequence of words.
    """
    if are_split:
        return _as_split_columns(text, text_pair)
    if isinstance(text, str):
        if text_pair is None:
            return [[text]], False
        if not isinstance(text_pair, str):
            raise ValueError(
                f"text is one string but text_pair is {_kind(text_pair)}; give a string"
            )
        return [[text], [text_pair]], False
    texts = as_list("text", text)
    if text_pair is not None:
        return [_strings(texts), _strings(_as_pairs(texts, text_pair))], True
    if texts and _is_pair(texts[0]):
        if not all(map(_is_pair, texts)):
            raise ValueError(
                "a batch of pairs must consist of tuples or lists of two strings; for texts that "
                "are split into words, set is_split_into_words=True"
            )
        return [_strings(column) for column in zip(*map(_as_plain, texts), strict=True)], True
    return [_strings(texts)], True


def as_texts(name: str, texts: object) -> list[str]:
    """Any sequence or other iterable of strings as a list."""
    if isinstance(texts, str):
        raise ValueError(f"{name} is one string; give a list of strings")
    found = as_list(name, texts)
    require_strings(found)
    return found


def as_list(name: str, value: Any, wanted: str = "a string or a list of strings") -> list[Any]:
    """The values of any sequence or other iterable with an order, such as a generator."""
    value = _as_plain(value)
    refused = (str, bytes, Mapping, set, frozenset)
    if isinstance(value, refused) or not isinstance(value, Iterable):
        raise ValueError(f"{name} is {_kind(value)}; give {wanted}")
    return list(value)


def is_one(value: Any) -> bool:
    """Whether a value is an integer of any library, rather than a sequence."""
    if getattr(value, "ndim", 0):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def as_ids(ids: Any, vocab_size: int) -> list[int]:
    """The token ids in an integer, a list, an array or a tensor, as a list."""
    values = [ids] if is_one(ids) else as_list("ids", ids, "an integer or a list of integers")
    found: list[int] = []
    for value in values:
        if type(value) is not int and not is_one(value):
            hint = "use batch_decode for several rows" if _is_row(value) else "give integers"
            raise ValueError(f"a token id is {_kind(value)}; {hint}")
        token_id = operator.index(value)
        if not 0 <= token_id < vocab_size:
            raise ValueError(f"there is no token id {token_id}; ids go from 0 to {vocab_size - 1}")
        found.append(token_id)
    return found


def as_rows(encodings: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Encodings of single texts, or one mapping of rows, as lists of rows by name."""
    if isinstance(encodings, Mapping):
        columns = {name: _as_plain(rows) for name, rows in encodings.items()}
    else:
        several = list(encodings)
        names = set().union(*several)
        for number, each in enumerate(several):
            if missing := sorted(names - each.keys()):
                raise ValueError(
                    f"encoding {number} has no {missing[0]}, but another has; "
                    "pad only what belongs together"
                )
        ordered = several[0] if several else ()
        columns = {name: [_as_plain(each[name]) for each in several] for name in ordered}
    if "input_ids" not in columns:
        raise ValueError("there are no input_ids to pad; give what the tokenizer returned")
    if any(map(is_one, columns["input_ids"])):
        return {name: [row] for name, row in columns.items()}
    return columns


def padding_strategy(padding: object) -> Padding:
    named = {True: "longest", False: "do_not_pad"}
    return cast("Padding", _choice("padding", padding, named, get_args(Padding)))


def truncation_strategy(truncation: object) -> Truncation:
    named = {True: "longest_first", False: "do_not_truncate"}
    return cast("Truncation", _choice("truncation", truncation, named, get_args(Truncation)))


def require_side(side: object) -> Side:
    return cast("Side", _choice("padding_side", side, {}, get_args(Side)))


def require_tensor_kind(kind: object) -> None:
    if kind not in (None, "pt", "tf", "np"):
        raise ValueError(
            f"return_tensors={kind!r} is not allowed; it must be 'pt', 'tf', 'np' or None"
        )


def require_flags(**flags: object) -> None:
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name}={value!r} is not allowed; it must be True or False")


def require_count(name: str, value: Any, least: int) -> int:
    """The value as an integer."""
    if isinstance(value, bool) or not is_one(value) or operator.index(value) < least:
        raise ValueError(
            f"{name}={value!r} is not allowed; it must be an integer of {least} or more"
        )
    return operator.index(value)


def require_known(options: Mapping[str, object], known: Sequence[str]) -> None:
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the options are {', '.join(known)}"
            raise ValueError(f"unknown tokenizer option {name!r}; {hint}")


def require_strings(texts: Iterable[object], name: str = "a text") -> None:
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"{name} is {_kind(text)}; give strings")


def _as_split_columns(text: object, text_pair: object) -> tuple[list[list[Text]], bool]:
    texts = as_list("text", text, _WORDS)
    is_batch = bool(texts) and not isinstance(texts[0], str)
    if text_pair is None:
        return [_words(texts)] if is_batch else [_words([texts])], is_batch
    pairs = as_list("text_pair", text_pair, _WORDS)
    if not is_batch:
        return [_words([texts]), _words([pairs])], False
    return [_words(texts), _words(_as_pairs(texts, text_pair))], True


def _words(texts: Sequence[object]) -> list[Text]:
    split = [as_list("a text", text, _WORDS) for text in texts]
    for words in split:
        require_strings(words)
    return cast("list[Text]", split)


def _as_pairs(texts: Sequence[object], text_pair: object) -> list[object]:
    pairs = as_list("text_pair", text_pair)
    if len(texts) != len(pairs):
        raise ValueError(f"there are {len(texts)} texts but {len(pairs)} text pairs")
    return pairs


def _strings(texts: Sequence[object]) -> list[Text]:
    require_strings(texts)
    return cast("list[Text]", list(texts))


def _is_pair(text: object) -> bool:
    plain = _as_plain(text)
    return isinstance(plain, (tuple, list)) and len(plain) == 2


def _is_row(value: object) -> bool:
    return isinstance(_as_plain(value), (tuple, list))


def _as_plain(values: Any) -> Any:
    """The values of an array or a tensor as lists; anything else unchanged."""
    return values.tolist() if hasattr(values, "tolist") else values


def _choice(name: str, value: object, named: Mapping[bool, str], allowed: Sequence[str]) -> str:
    if isinstance(value, bool) and value in named:
        return named[value]
    if value not in allowed:
        raise ValueError(f"{name}={value!r} is not allowed; it must be one of {', '.join(allowed)}")
    return cast("str", value)


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
