"""Scoring of classes, numbers and choices, for all tasks that predict them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from albertlm.tasks import scores
from albertlm.tasks.labels import find_name, names_in, plain, sorted_names
from albertlm.tasks.predictions import in_order
from albertlm.tasks.task import DEFAULTS, Example, Prediction, Scorer, Scores, ScoringOptions

Formula = Callable[[Sequence[str], Sequence[str]], float]


def class_scorer(
    names: Sequence[str], codes: Mapping[str, str], formulas: Mapping[str, Formula]
) -> Scorer:
    """A scorer of tasks with given classes.

    Args:
        names: the classes, in their order.
        codes: the names of classes that predictions may have as numbers, as the files have them.
        formulas: from gold and predicted names to a score, by the score's name.
    """

    def score(
        examples: Sequence[Example[str]],
        predictions: Sequence[Prediction],
        _: ScoringOptions = DEFAULTS,
    ) -> Scores:
        gold, predicted = named(examples, predictions, names, codes)
        return {name: formula(gold, predicted) for name, formula in formulas.items()}

    return score


def named(
    examples: Sequence[Example[str]],
    predictions: Sequence[Prediction],
    names: Sequence[str],
    codes: Mapping[str, str],
) -> tuple[list[str], list[str]]:
    """The gold and the predicted names in the order of the examples.

    Raises:
        ValueError: an id is missing or unknown, or a prediction is no class.
    """
    predicted = [
        find_name(codes.get(_text(each), _text(each)), names, each.where)
        for each in in_order(examples, predictions)
    ]
    return [str(example.label) for example in examples], predicted


def score_classes(
    examples: Sequence[Example[str]],
    predictions: Sequence[Prediction],
    _: ScoringOptions = DEFAULTS,
) -> Scores:
    """Accuracy, macro F1 and the F1 of each class, of which the data or a prediction has some.

    Raises:
        ValueError: an id is missing or unknown, or a prediction is not the name of a class.
    """
    found = in_order(examples, predictions)
    predicted, names = _as_in_data([[_text(each)] for each in found], examples, found)
    gold = [str(example.label) for example in examples]
    return scores.classification(gold, [name for (name,) in predicted], names)


def score_multi_label(
    examples: Sequence[Example[tuple[str, ...]]],
    predictions: Sequence[Prediction],
    _: ScoringOptions = DEFAULTS,
) -> Scores:
    """Micro and macro F1, that of each label, and the share of rows that are right as a whole.

    Labels are those of which the data or a prediction has some.

    Raises:
        ValueError: an id is missing or unknown, or a prediction is not a list of labels.
    """
    found = in_order(examples, predictions)
    for each in found:
        if not isinstance(each.value, (list, tuple)):
            raise ValueError(f"{each.where} predicts {each.value!r}; it must be a list of labels")
    predicted, names = _as_in_data([[*map(str, each.value)] for each in found], examples, found)
    if not names:
        raise ValueError(
            f"no example has a label, and none is predicted; the first is {examples[0].where}"
        )
    return scores.multi_label([example.label or () for example in examples], predicted, names)


def _as_in_data(
    predicted: Sequence[Sequence[str]],
    examples: Sequence[Example[Any]],
    found: Sequence[Prediction],
) -> tuple[list[list[str]], tuple[str, ...]]:
    """The predicted labels as the data writes them, and the labels of both.

    Labels that the data does not have cause a warning.
    """
    names = names_in(examples)
    written = {plain(name): name for name in names}
    as_written = [
        [label if label in names else written.get(plain(label), label) for label in labels]
        for labels in predicted
    ]
    new = [
        (label, each.where)
        for labels, each in zip(as_written, found, strict=True)
        for label in labels
        if label not in names
    ]
    if new:
        (label, where), *_ = new
        warnings.warn(
            f"{len(new):,} predictions have a class that is in no row of the data, the first is "
            f"{label!r} ({where})",
            stacklevel=3,
        )
    return as_written, sorted_names([*names, *(label for label, _ in new)])


def score_numbers(
    examples: Sequence[Example[float]],
    predictions: Sequence[Prediction],
    _: ScoringOptions = DEFAULTS,
) -> Scores:
    """Pearson's and Spearman's correlation and the mean squared error of numbers as they are.

    Raises:
        ValueError: an id is missing or unknown, or a prediction is not a finite number.
    """
    predicted = [number(each.value, each.where) for each in in_order(examples, predictions)]
    return scores.regression([float(example.label or 0) for example in examples], predicted)


def number(value: Any, where: str) -> float:
    """A finite number, which may be written as text.

    Raises:
        ValueError: the value is none; the message begins with `where`.
    """
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if found - found != 0 or isinstance(value, bool):
        raise ValueError(f"{where} has the value {value!r}; it must be a finite number")
    return found


def _text(prediction: Prediction) -> str:
    match prediction.value:
        case bool(value):
            return str(value).lower()
        case str() | int() as value:
            return str(value)
    raise ValueError(
        f"{prediction.where} predicts {prediction.value!r}; it must be the name of a class"
    )
