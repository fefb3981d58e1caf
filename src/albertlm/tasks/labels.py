"""Names of classes: their order, the labels that they allow, and their place in a checkpoint."""

from __future__ import annotations

import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from albertlm.settings import did_you_mean
from albertlm.tasks.task import Example

_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][+-]?\d+)")
_UNNAMED = re.compile(r"LABEL_\d+")


def sorted_names(labels: Iterable[str]) -> tuple[str, ...]:
    """The different labels in the order of their classes: sorted, integers by their values.

    The order depends on nothing but the labels. Labels that differ only by case, white space, `-`
    or `_` cause a warning.
    """
    names = set(labels)
    if names and all(_INTEGER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    alike = defaultdict(list)
    for name in sorted(names):
        alike[plain(name).replace("_", "")].append(name)
    for found in alike.values():
        if len(found) > 1:
            told = " and ".join(map(repr, found))
            warnings.warn(
                f"the labels {told} differ only by case, white space, - or _, and are different "
                "classes; write them alike if they are one",
                stacklevel=2,
            )
    return tuple(sorted(names))


def labels_of(example: Example[Any]) -> tuple[str, ...]:
    """The names in the label of an example: one, several, or none."""
    match example.label:
        case str(name):
            return (name,)
        case tuple(labels):
            return tuple(name for name in labels if isinstance(name, str))
    return ()


def names_in(examples: Iterable[Example[Any]]) -> tuple[str, ...]:
    """The names of the classes in training data, in their order."""
    return sorted_names(name for example in examples for name in labels_of(example))


def check_labels(examples: Sequence[Example[Any]], names: Collection[str]) -> None:
    """Check that the labels of a file are among those of the training data.

    A class that never occurs causes a warning.

    Raises:
        ValueError: a label is missing, or another one occurs; the message names its line.
    """
    counts = Counter[str]()
    for example in examples:
        if example.label is None:
            raise ValueError(f"{example.where} has no label; fill it in, or name its column")
        for label in labels_of(example):
            if label not in names:
                hint = did_you_mean(label, names) or ";"
                raise ValueError(
                    f"{example.where} has the label {label!r}, which the training data does not "
                    f"have{hint} its labels are {', '.join(names)}"
                )
            counts[label] += 1
    for name in names:
        if not counts[name] and examples:
            file = examples[0].where.rpartition(":")[0]
            warnings.warn(f"the class {name!r} never occurs in {file}", stacklevel=2)


def find_name(label: str, names: Sequence[str], where: str) -> str:
    """The name that a label means: the same one, or the one that differs only by its writing.

    Case, and `-`, `_` and spaces, are treated as equal.

    Raises:
        ValueError: no name is meant, or several; the message begins with `where`.
    """
    if label in names:
        return label
    found = [name for name in names if plain(name) == plain(label)]
    if len(found) != 1:
        hint = did_you_mean(label, names) or ";"
        raise ValueError(f"{where} has the label {label!r}{hint} allowed are {', '.join(names)}")
    return found[0]


def order_in_checkpoint(
    names: Sequence[str], id2label: Mapping[int, str] | None, given: Sequence[str] | None = None
) -> tuple[int, ...]:
    """The index that each class of a task has in a checkpoint, found by name.

    `logits[..., order]` are then the logits in the order of the task. Names that are written
    differently are the same class if no class has the very name.

    Args:
        names: the classes of the task in order.
        id2label: the names in the checkpoint's configuration.
        given: the names of the checkpoint's classes in order, for one that only has LABEL_n.

    Raises:
        ValueError: the checkpoint has other classes, or does not name them.
    """
    theirs = list(dict(sorted((id2label or {}).items())).values())
    if given is not None and len(given) != len(theirs):
        raise ValueError(
            f"the checkpoint has {len(theirs)} classes, and --labels names {len(given)} of them "
            f"({', '.join(given)}); name each of them once"
        )
    theirs = [*(given or theirs)]
    if not theirs or any(_UNNAMED.fullmatch(name) for name in theirs):
        raise ValueError(
            f"the checkpoint does not name its classes ({', '.join(theirs) or 'no id2label'}); "
            f"give their order with --labels, such as --labels {','.join(names)}"
        )
    if sorted(theirs) == sorted(names):
        return tuple(theirs.index(name) for name in names)
    places = {plain(name): index for index, name in enumerate(theirs)}
    if not len(names) == len(theirs) == len(places) or {*places} != {*map(plain, names)}:
        raise ValueError(
            f"the checkpoint has the classes {', '.join(theirs)}, the task {', '.join(names)}; "
            "name a checkpoint that was trained on this task"
        )
    return tuple(places[plain(name)] for name in names)


def is_numeric(values: Iterable[Any]) -> bool:
    """Whether labels are numbers to predict, not names of classes.

    Floats are, and texts of which all are numbers and at least one has a decimal point or an
    exponent. Integers are classes unless a task says otherwise.
    """
    found = [value for value in values if value is not None]
    if any(isinstance(value, float) for value in found):
        return all(isinstance(value, (int, float)) for value in found)
    texts = [value.strip() for value in found if isinstance(value, str)]
    return (
        len(texts) == len(found)
        and any(_DECIMAL.fullmatch(text) for text in texts)
        and all(_DECIMAL.fullmatch(text) or _INTEGER.fullmatch(text) for text in texts)
    )


def plain(name: str) -> str:
    """A name in lower case, with `_` for each `-` and white space; equal for equal classes."""
    return re.sub(r"[-_\s]+", "_", name.strip()).casefold()
