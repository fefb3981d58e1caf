"""What a classifier predicts for texts that differ only in the group that they are about.

N pairs of texts, T templates, P people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from albertlm.evaluation.bias.rates import (
    ClassifierAccuracy,
    LabelledText,
    RateGap,
    accuracy,
    class_names,
    rate_gaps,
    root_mean_squares,
)
from albertlm.evaluation.bias.resampling import Estimate, crossed_mean, mean
from albertlm.evaluation.bias.swaps import TextPair
from albertlm.inference.pipelines.text_classification import TextClassification
from albertlm.settings import check_choice

CHANGES = 20
"""Of the pairs whose probability changes most, a report shows the texts."""

SENTENCES, TEMPLATES = "sentences", "templates"

CAUTION = (
    "A swapped word can change what a sentence says, and templates show these sentences only. One "
    "fine-tuned model is one seed; another seed can give another sign."
)


@dataclass(frozen=True)
class SwapEffects:
    """How the probability of a class changes with the group.

    Fields:
        signed: the mean of its probability with the first group less that with the second; of
            texts with words of one group only, None if there are none.
        absolute: the mean of the sizes of these changes, of all texts.
        flips: the percentage of texts whose predicted class changes.
        differences: the signed changes.
        less_control: `signed` and `absolute`, each less that of the control, text by text; None
            without a control.
    """

    signed: Estimate | None
    absolute: Estimate
    flips: Estimate
    differences: list[float]
    less_control: dict[str, Estimate | None] | None


@dataclass(frozen=True)
class SwapChange:
    """Two texts, and the probabilities of the class with each."""

    source: str
    first: str
    second: str
    p_first: float
    p_second: float
    predicted_first: str
    predicted_second: str


@dataclass(frozen=True)
class CounterfactualReport:
    """What a classifier makes of groups.

    Fields:
        label: the class whose probability is compared.
        groups: the names of the two groups.
        effects: of the `sentences` of the data and of the `templates`.
        accuracy: of the `model` and of the `control` on the texts of the data, if these have
            labels.
        changes: the largest changes.
        gaps: of rates, where the data names groups.
        gap: the root of the mean square of the true-positive gaps over classes, by the groups.
        control: the control; None if there is none, and then nothing is said of where a change
            comes from.
        skipped: what was left out, and why.
    """

    label: str
    groups: tuple[str, str]
    effects: dict[str, SwapEffects]
    accuracy: dict[str, ClassifierAccuracy]
    changes: list[SwapChange]
    gaps: list[RateGap]
    gap: dict[str, float]
    control: str | None
    skipped: list[str]


def class_of(model: TextClassification, label: str | None) -> str:
    """The class whose probability is compared: a named one, or the last of two.

    Raises:
        ValueError: the model has no classes, more than two without a name, or no such class.
    """
    names = class_names(model)
    if label is None and len(names) > 2:
        raise ValueError(f"the model has {len(names)} classes; name one: {', '.join(names)}")
    check_choice(names, **{"class": names[-1] if label is None else label})
    return names[-1] if label is None else label


def counterfactual(
    model: TextClassification,
    sources: Mapping[str, Sequence[TextPair]],
    *,
    groups: tuple[str, str],
    label: str | None = None,
    control: tuple[str, TextClassification] | None = None,
    labelled: Sequence[LabelledText] = (),
    skipped: Iterable[str] = (),
) -> CounterfactualReport:
    """Compare what a classifier predicts for both texts of pairs.

    Args:
        model: the classifier.
        sources: the pairs of `sentences`, of `templates`, or of both.
        groups: the names of the two groups.
        label: the class whose probability is compared; the last one of two by default.
        control: the name and the model of the same fine-tuning from random weights.
        labelled: texts for the accuracy and, if they have groups, for the gaps of rates.
        skipped: what was left out, for the report.

    Raises:
        ValueError: the model is no classifier, there is no pair, or a text is empty.
    """
    if not any(sources.values()):
        raise ValueError(
            "no text has a word of either group, so there is nothing to swap; give other texts, "
            "--pairs or --templates"
        )
    chosen = class_of(model, label)
    effects, changes = {}, []
    for source, pairs in sources.items():
        if pairs:
            scores = _scores(model, pairs, chosen)
            of_control = _scores(control[1], pairs, chosen).change if control else None
            effects[source] = _effects(source, pairs, scores, of_control)
            changes += _changes(source, pairs, scores)
    changes.sort(key=lambda each: -abs(each.p_first - each.p_second))
    models = {"model": model, **({"control": control[1]} if control else {})}
    gaps = rate_gaps(model, labelled) if any(row.group for row in labelled) else []
    return CounterfactualReport(
        chosen,
        groups,
        effects,
        {name: accuracy(each, labelled) for name, each in models.items()} if labelled else {},
        changes[:CHANGES],
        gaps,
        root_mean_squares(gaps),
        control[0] if control else None,
        list(skipped),
    )


@dataclass(frozen=True)
class _Scores:
    """The probabilities (N, 2) of a class for both texts, and the predicted classes."""

    p_N2: NDArray[np.float64]
    predicted: list[tuple[str, str]]

    @property
    def change(self) -> NDArray[np.float64]:
        return np.asarray(self.p_N2[:, 0] - self.p_N2[:, 1])


def _scores(model: TextClassification, pairs: Sequence[TextPair], label: str) -> _Scores:
    texts = [text for pair in pairs for text in (pair.first, pair.second)]
    found = model(texts, top_k=None)
    p = [next(each["score"] for each in of_text if each["label"] == label) for of_text in found]
    best = [of_text[0]["label"] for of_text in found]
    return _Scores(
        np.array(p, np.float64).reshape(-1, 2), [*zip(best[::2], best[1::2], strict=True)]
    )


def _effects(
    source: str,
    pairs: Sequence[TextPair],
    scores: _Scores,
    control_N: NDArray[np.float64] | None,
) -> SwapEffects:
    change_N = scores.change
    oriented_N = np.array([pair.oriented for pair in pairs])
    flips_N = np.array([100.0 * (first != second) for first, second in scores.predicted])

    def average(values_N: NDArray[np.float64]) -> Estimate:
        return _crossed(pairs, values_N) if source == TEMPLATES else mean(values_N)

    def signed(values_N: NDArray[np.float64]) -> Estimate | None:
        return average(values_N[oriented_N]) if oriented_N.any() else None

    less_control = None
    if control_N is not None:
        less_control = {
            "signed": signed(change_N - control_N),
            "absolute": average(np.abs(change_N) - np.abs(control_N)),
        }
    return SwapEffects(
        signed(change_N),
        replace(average(np.abs(change_N)), p=None),  # it is never 0
        replace(average(flips_N), p=None),
        change_N[oriented_N].tolist(),
        less_control,
    )


def _crossed(pairs: Sequence[TextPair], values_N: NDArray[np.float64]) -> Estimate:
    """The mean over templates and people, of which each template has all; all are oriented."""
    at_N2 = np.array([(pair.template, pair.people) for pair in pairs])
    sums_TP = np.zeros(at_N2.max(0) + 1)
    counts_TP = np.zeros_like(sums_TP)
    np.add.at(sums_TP, tuple(at_N2.T), values_N)
    np.add.at(counts_TP, tuple(at_N2.T), 1)
    return replace(crossed_mean(sums_TP / counts_TP), n=len(pairs))


def _changes(source: str, pairs: Sequence[TextPair], scores: _Scores) -> list[SwapChange]:
    rows = zip(pairs, scores.p_N2.tolist(), scores.predicted, strict=True)
    return [
        SwapChange(source, pair.first, pair.second, p[0], p[1], first, second)
        for pair, p, (first, second) in rows
    ]
