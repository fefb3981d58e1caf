"""Rows of training data that are in the dev data too, and splitting of a file in two."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from albertlm.tasks.task import Example, TaskHead

Examples = TypeVar("Examples", bound=Example[Any])

SHOWN = 5
"""Pairs of places in a report."""


@dataclass(frozen=True)
class Leaks:
    """What two files have in common.

    Fields:
        exact: the places, in dev and in train, of dev rows that have all texts of a training row.
        normalised: those of dev rows whose texts differ from such only in letters' case, white
            space, punctuation and the like; without the exact ones.
        same_label: how many of these dev rows have the label of the training row.
        shared: the places of training rows of which at least one text is in dev once normalised.
    """

    exact: list[tuple[str, str]]
    normalised: list[tuple[str, str]]
    same_label: int
    shared: list[str]

    def report(self) -> list[str]:
        """Lines for people; none if nothing leaks."""
        lines = []
        for name, pairs in (
            ("exactly", self.exact),
            ("but for case and punctuation", self.normalised),
        ):
            if pairs:
                lines.append(f"{len(pairs):,} dev rows are in the training data {name}, such as")
                lines += [f"  {dev} = {train}" for dev, train in pairs[:SHOWN]]
        if lines:
            lines.append(f"{self.same_label:,} of these rows have the same label in both")
        if self.shared:
            lines.append(
                f"{len(self.shared):,} training rows share a text with dev, the first is "
                f"{self.shared[0]}; --drop-leaks removes them"
            )
        return lines


def normalised(text: str) -> str:
    """The letters and digits of a text in lower case; the text itself if it has none."""
    return "".join(filter(str.isalnum, text.lower())) or text


def find_leaks(train: Sequence[Example[Any]], dev: Sequence[Example[Any]], head: TaskHead) -> Leaks:
    """Count the rows of dev data that are in training data, and the training rows to remove.

    Choices are no texts that rows could share: many questions have `Yes` and `No`.
    """
    exactly: dict[tuple[str, ...], Example[Any]] = {}
    nearly: dict[tuple[str, ...], list[Example[Any]]] = defaultdict(list)
    for example in train:
        exactly.setdefault(example.texts, example)
        nearly[_key(example)].append(example)
    exact, near, same = [], [], 0
    for example in dev:
        found = nearly.get(_key(example))
        if found is None:
            continue
        same += any(other.label == example.label for other in found)
        if example.texts in exactly:
            exact.append((example.where, exactly[example.texts].where))
        else:
            near.append((example.where, found[0].where))
    known = {text for example in dev for text in _own_texts(example, head)}
    shared = [example.where for example in train if not known.isdisjoint(_own_texts(example, head))]
    return Leaks(exact, near, same, shared)


def drop_leaks(
    train: Sequence[Examples], dev: Sequence[Example[Any]], head: TaskHead
) -> list[Examples]:
    """The training rows that have no text in common with the dev rows, once normalised.

    Raises:
        ValueError: nothing is left.
    """
    known = {text for example in dev for text in _own_texts(example, head)}
    kept = [example for example in train if known.isdisjoint(_own_texts(example, head))]
    if not kept:
        raise ValueError("every training row shares a text with the dev data; use another file")
    return kept


def _key(example: Example[Any]) -> tuple[str, ...]:
    return tuple(map(normalised, example.texts))


def _own_texts(example: Example[Any], head: TaskHead) -> tuple[str, ...]:
    """The texts that belong to an example alone, normalised."""
    return _key(example)[:1] if head == "multiple-choice" else _key(example)


def parse_share(text: str) -> float:
    """The share that a text such as `10%` or `0.1` means.

    Raises:
        ValueError: it is none between 0 and 1.
    """
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise ValueError(f"{text!r} is no share of a file; write one between 0% and 100%, as 10%")
    return share


def split(
    examples: Sequence[Examples], share: float, head: TaskHead
) -> tuple[list[Examples], list[Examples]]:
    """Divide examples into training and dev data, of each class the same share.

    The rows with the smallest hashes of their texts are dev data, so that the order of the file
    does not matter and equal texts of a class stay together; so do all questions on an article or
    a passage.

    Args:
        examples: of one file.
        share: of dev data, between 0 and 1.
        head: of the task; says what the texts are.

    Raises:
        ValueError: one of the two would be empty.
    """
    classes: dict[str, dict[bytes, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, example in enumerate(examples):
        by_label = head == "sequence-classification" and isinstance(example.label, str)
        name = str(example.label) if by_label else ""
        classes[name][_hash(_kept_together(example, head))].append(place)
    dev: set[int] = set()
    for units in classes.values():
        wanted, taken = share * sum(map(len, units.values())), 0
        for _, places in sorted(units.items()):
            # the unit that would lead further away from the share is the last
            if abs(taken + len(places) - wanted) > abs(taken - wanted):
                break
            dev.update(places)
            taken += len(places)
    train = [example for place, example in enumerate(examples) if place not in dev]
    if not train or not dev:
        whole = {"question-answering": "articles", "multiple-choice": "passages"}.get(head)
        told = f" ({whole} are not divided)" if whole else ""
        raise ValueError(
            f"a share of {share:.3g} of {len(examples):,} examples leaves {len(train):,} to train "
            f"on and {len(dev):,} for dev{told}; choose another share or a larger file"
        )
    return train, [examples[place] for place in sorted(dev)]


def _kept_together(example: Example[Any], head: TaskHead) -> tuple[str, ...]:
    match head:
        case "question-answering":
            return (example.group or example.texts[1],)
        case "multiple-choice":
            return example.texts[:1]
    return example.texts


def _hash(texts: Sequence[str]) -> bytes:
    return hashlib.sha256("\0".join(texts).encode()).digest()
