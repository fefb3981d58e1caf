"""What a classifier gets right: of all texts, and of those about each group.

N texts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from albertlm.evaluation.bias.resampling import SEED, Estimate, two_sided
from albertlm.evaluation.bias.validity import ABOVE_FLOOR, TOO_WEAK
from albertlm.inference.pipelines.text_classification import TextClassification
from albertlm.tasks.comparison import SAMPLES

STANDARD_ERRORS = 2.0

FLOOR = (
    f"A classifier is too weak to interpret unless its accuracy is more than {STANDARD_ERRORS:g} "
    "standard errors above the share of the most frequent class, which needs no model"
)


@dataclass(frozen=True)
class LabelledText:
    """A text with its class, and the group that it is about if the data says so."""

    text: str
    label: str
    group: str | None = None


@dataclass(frozen=True)
class ClassifierAccuracy:
    """Whether a classifier knows enough for its changes to mean something.

    Fields:
        accuracy: the percentage of texts whose class it predicts.
        majority: that of the most frequent class, which a constant prediction has.
        n: the number of texts.
        verdict: `too weak to interpret` if the accuracy is not above `majority` by more than
            `STANDARD_ERRORS` of it, or `above the floor`.
    """

    accuracy: float
    majority: float
    n: int
    verdict: str


@dataclass(frozen=True)
class RateGap:
    """How rates of a class differ between two groups of the data.

    Fields:
        label: the class.
        first, second: the groups.
        true_positive: of the texts of the class, the percentage that is predicted as it, in the
            first group less that in the second.
        false_positive: the same of the texts of other classes.
    """

    label: str
    first: str
    second: str
    true_positive: Estimate
    false_positive: Estimate


def verdicts(of_each: Mapping[str, str]) -> tuple[str, str]:
    """The verdict on a model, and on its comparison with a control: that of the weaker one.

    Args:
        of_each: the verdicts on `model` and `control`; empty if they are not known.
    """
    own = of_each.get("model", "")
    return own, TOO_WEAK if TOO_WEAK in of_each.values() else own


def accuracy(model: TextClassification, rows: Sequence[LabelledText]) -> ClassifierAccuracy:
    """The accuracy of a classifier on labelled texts.

    Raises:
        ValueError: a label is not one of the classes.
    """
    names = class_names(model)
    gold = [class_of_label(names, row.label) for row in rows]
    predicted = _predicted(model, rows)
    n, (_, most) = len(rows), Counter(gold).most_common(1)[0]
    correct, majority = np.mean([a == b for a, b in zip(gold, predicted, strict=True)]), most / n
    least = majority + STANDARD_ERRORS * math.sqrt(majority * (1 - majority) / n)
    return ClassifierAccuracy(
        100 * float(correct), 100 * majority, n, ABOVE_FLOOR if correct > least else TOO_WEAK
    )


def rate_gaps(model: TextClassification, rows: Sequence[LabelledText]) -> list[RateGap]:
    """The gaps of rates between each two groups, for each class that both have.

    Raises:
        ValueError: a label is not one of the classes, or there are fewer than two groups.

    Source: De-Arteaga et al. 2019.
    """
    names = class_names(model)
    predicted = _predicted(model, rows)
    gold = [class_of_label(names, row.label) for row in rows]
    groups = sorted({row.group or "" for row in rows})
    if len(groups) < 2:
        raise ValueError(f"all texts are of the group {groups[0]!r}; give texts of two or more")
    hits: dict[tuple[str, str, bool], list[bool]] = {}
    for row, is_, said in zip(rows, gold, predicted, strict=True):
        for name in names:
            hits.setdefault((name, row.group or "", is_ == name), []).append(said == name)
    gaps = [
        RateGap(
            name,
            first,
            second,
            *(
                _difference(hits[name, first, is_class], hits[name, second, is_class])
                for is_class in (True, False)
            ),
        )
        for name in names
        for first, second in combinations(groups, 2)
        if all((name, group, is_class) in hits for group in (first, second) for is_class in (0, 1))
    ]
    if not gaps:
        raise ValueError(
            f"no two of the groups {', '.join(groups)} have texts of a class and of others; give "
            "more texts"
        )
    return gaps


def root_mean_squares(gaps: Sequence[RateGap]) -> dict[str, float]:
    """The root of the mean square of the true-positive gaps over classes, by the groups."""
    pairs = dict.fromkeys((gap.first, gap.second) for gap in gaps)
    return {
        f"{first} less {second}": float(
            np.sqrt(
                np.mean(
                    [
                        gap.true_positive.value**2
                        for gap in gaps
                        if (gap.first, gap.second) == (first, second)
                    ]
                )
            )
        )
        for first, second in pairs
    }


def class_names(model: TextClassification) -> tuple[str, ...]:
    """The classes of a model.

    Raises:
        ValueError: it predicts a number.
    """
    config = model.engine.config
    if config.problem_type == "regression" or len(config.label_names) < 2:
        raise ValueError("the model predicts a number and no classes; name a classifier")
    return config.label_names


def class_of_label(names: Sequence[str], label: str, where: str = "a text") -> str:
    """The class that a label is the name or the number of.

    Raises:
        ValueError: there is none.
    """
    if label.isdecimal() and label not in names and int(label) < len(names):
        return names[int(label)]
    if label not in names:
        raise ValueError(
            f"{where} has the label {label!r}, which is none of {', '.join(names)}; correct it, or "
            "name another column with --label"
        )
    return label


def _predicted(model: TextClassification, rows: Sequence[LabelledText]) -> list[str]:
    return [of_text[0]["label"] for of_text in model([row.text for row in rows])]


def _difference(first: Sequence[bool], second: Sequence[bool]) -> Estimate:
    """A percentage less another one; each group is drawn anew, within the class."""
    rng = np.random.default_rng(SEED)
    rates_2S = [
        100 * rng.binomial(len(each), np.mean(each), SAMPLES) / len(each)
        for each in (first, second)
    ]
    samples_S = rates_2S[0] - rates_2S[1]
    low, high = map(float, np.quantile(samples_S, [0.025, 0.975]))
    value = 100 * float(np.mean(first) - np.mean(second))
    n, fewer = len(first) + len(second), min(len(first), len(second))
    return Estimate(value, low, high, two_sided(samples_S, 0.0, fewer), n, n)
