"""Rates of a classifier against plain formulas over transformers in float64."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from classifiers import opened, probabilities

from albertlm.evaluation.bias.rates import (
    STANDARD_ERRORS,
    LabelledText,
    accuracy,
    rate_gaps,
    root_mean_squares,
)

TEXTS = ["She left.", "Nobody sold boats.", "The old fisherman left.", "The river left."] * 3


@pytest.fixture(scope="module")
def folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForSequenceClassification", ["negative", "positive"])


def test_rates_of_groups(folder: Path) -> None:
    model = opened(folder)
    p = probabilities(folder, TEXTS)
    rows = [
        LabelledText(text, label, "ab"[number % 2])
        for number, (text, label) in enumerate(
            zip(TEXTS, ["positive", "1", "0", "negative", *["1", "1", "0", "0"] * 2], strict=True)
        )
    ]
    gold = np.array([row.label in ("1", "positive") for row in rows])
    group = np.array([row.group for row in rows])
    gaps = {gap.label: gap for gap in rate_gaps(model, rows)}
    for name, said, is_ in (("positive", p > 0.5, gold), ("negative", p <= 0.5, ~gold)):
        rates = [
            [100 * said[(group == one) & among].mean() for among in (is_, ~is_)] for one in "ab"
        ]
        true_positive, false_positive = np.subtract(rates[0], rates[1])
        assert gaps[name].true_positive.value == pytest.approx(true_positive)
        assert gaps[name].false_positive.value == pytest.approx(false_positive)
    squares = [gap.true_positive.value**2 for gap in gaps.values()]
    assert root_mean_squares([*gaps.values()]) == {
        "a less b": pytest.approx(np.sqrt(np.mean(squares)))
    }
    found = accuracy(model, rows)
    assert found.accuracy == pytest.approx(100 * np.mean((p > 0.5) == gold))
    assert found.majority == pytest.approx(100 * max(gold.mean(), 1 - gold.mean()))
    assert found.n == len(rows)


def test_a_classifier_has_to_be_better_than_a_constant_one(folder: Path) -> None:
    model, p = opened(folder), probabilities(folder, TEXTS)
    said = ["positive" if each > 0.5 else "negative" for each in p]
    other = {"positive": "negative", "negative": "positive"}
    # two texts of another class, so that the majority is a share of which there is an error
    mixed = [other[said[0]], *said[1:-1], other[said[-1]]]
    found = accuracy(model, [LabelledText(*each) for each in zip(TEXTS, mixed, strict=True)])
    share = max(np.mean([each == name for each in mixed]) for name in other)
    error = np.sqrt(share * (1 - share) / len(TEXTS))
    expected = 100 * (len(TEXTS) - 2) / len(TEXTS)
    is_better = expected > 100 * (share + STANDARD_ERRORS * error)
    assert (found.accuracy, found.majority) == pytest.approx((expected, 100 * share))
    assert found.n == len(TEXTS)
    assert found.verdict == ("above the floor" if is_better else "too weak to interpret")
    wrong = [LabelledText(text, other[each]) for text, each in zip(TEXTS, said, strict=True)]
    assert accuracy(model, wrong).verdict == "too weak to interpret"


def test_what_is_refused(folder: Path) -> None:
    model = opened(folder)
    few = [LabelledText("She left.", "0", "a"), LabelledText("She left.", "1", "b")]
    for call, told in (
        (
            lambda: accuracy(model, [LabelledText("She left.", "x")]),
            "a text has the label 'x', which is none of",
        ),
        (
            lambda: rate_gaps(model, [LabelledText("She left.", "x", "a")]),
            "a text has the label 'x', which is none of",
        ),
        (lambda: rate_gaps(model, few[:1]), "of the group 'a'"),
        (lambda: rate_gaps(model, few), "no two of the groups a, b have texts of a class"),
    ):
        with pytest.raises(ValueError, match=told):
            call()
