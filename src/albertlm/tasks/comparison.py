"""Comparison of two models by their predictions on the same examples.

Legend: N examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from albertlm.tasks.classification import number
from albertlm.tasks.squad import exact
from albertlm.tasks.squad_v2 import f1_of_answer
from albertlm.tasks.tagging import chunks, marks_chunks
from albertlm.tasks.task import Prediction

SAMPLES = 10_000
_AT_ONCE = 1 << 20
"""Numbers that are drawn at a time."""


@dataclass(frozen=True)
class ModelComparison:
    """How two models, A and B, differ.

    Fields:
        metric: what is compared: accuracy, f1 or mean_absolute_error.
        n: the number of examples.
        a: the metric of A.
        b: that of B.
        difference: that of B less that of A.
        low: the lower end of the 95 % interval of the difference, by the bootstrap.
        high: the upper end.
        p_bootstrap: two-sided, of the difference.
        only_a: the number of examples on which only A is right; None for numbers.
        only_b: that on which only B is right.
        p_mcnemar: two-sided and exact, of these two numbers.
    """

    metric: str
    n: int
    a: float
    b: float
    difference: float
    low: float
    high: float
    p_bootstrap: float
    only_a: int | None
    only_b: int | None
    p_mcnemar: float | None


@dataclass(frozen=True)
class _Counted:
    """What each prediction adds to both sides of a fraction, and whether it is right."""

    metric: str
    above_N: NDArray[np.float64]
    below_N: NDArray[np.float64]
    right_N: NDArray[np.bool_] | None

    @property
    def value(self) -> float:
        return float(self.above_N.sum() / max(self.below_N.sum(), 1))


def compare(
    a: Sequence[Prediction], b: Sequence[Prediction], *, samples: int = SAMPLES, seed: int = 0
) -> ModelComparison:
    """Compare predictions that have their gold labels with them.

    The metric follows from the gold labels: classes, and sets of labels, are right or wrong; tags
    that mark entities have an F1 over all sentences, and others an accuracy over all words; answers
    a mean F1, and are right if they match exactly; numbers a mean absolute error. Lists of labels
    are tags if they have no probabilities and all are as long as the gold ones.

    Args:
        a: the predictions of a model.
        b: those of another one for the same ids, in any order.
        samples: the number of bootstrap samples, which are drawn for both models alike.
        seed: of the samples.

    Raises:
        ValueError: the ids or the gold labels differ, there are no gold labels, or a prediction is
            of another kind than they are.

    Source: McNemar 1947; Efron and Tibshirani 1993.
    """
    pairs = _paired(a, b)
    first, second = (_counted([pair[side] for pair in pairs]) for side in (0, 1))
    scores_S = [
        resampled_ratio(each.above_N, each.below_N, samples=samples, seed=seed)
        for each in (first, second)
    ]
    differences_S = scores_S[1] - scores_S[0]
    low, high = np.quantile(differences_S, [0.025, 0.975])
    tail = min((differences_S <= 0).sum(), (differences_S >= 0).sum())
    of_a, of_b = first.value, second.value
    only_a = only_b = p_mcnemar = None
    if first.right_N is not None and second.right_N is not None:
        only_a = int((first.right_N & ~second.right_N).sum())
        only_b = int((second.right_N & ~first.right_N).sum())
        p_mcnemar = mcnemar(only_a, only_b)
    return ModelComparison(
        metric=first.metric,
        n=len(pairs),
        a=of_a,
        b=of_b,
        difference=of_b - of_a,
        low=float(low),
        high=float(high),
        p_bootstrap=min(1.0, 2 * (float(tail) + 1) / (samples + 1)),
        only_a=only_a,
        only_b=only_b,
        p_mcnemar=p_mcnemar,
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """The two-sided exact p of McNemar's test, that both models are right equally often."""
    total, fewer = only_a + only_b, min(only_a, only_b)
    p: float = 2 * sum(comb(total, count) for count in range(fewer + 1)) / 2**total
    return min(1.0, p)


def _paired(
    a: Sequence[Prediction], b: Sequence[Prediction]
) -> list[tuple[Prediction, Prediction]]:
    of_id = {each.id: each for each in b}
    if of_id.keys() != {each.id for each in a}:
        only = next(iter(of_id.keys() ^ {each.id for each in a}))
        raise ValueError(f"only one of the files predicts {only!r}; compare files of the same data")
    pairs = [(each, of_id[each.id]) for each in a]
    for first, second in pairs:
        if first.gold is None or second.gold is None:
            raise ValueError(f"{first.where} and {second.where} must both have a gold label")
        if first.gold != second.gold:
            raise ValueError(
                f"{first.where} has the gold label {first.gold!r}, {second.where} {second.gold!r}"
            )
    return pairs


def _counted(predictions: Sequence[Prediction]) -> _Counted:
    golds = [each.gold for each in predictions]
    values = [each.value for each in predictions]
    if any(isinstance(gold, float) for gold in golds):
        numbers = [number(each.value, each.where) for each in predictions]
        errors_N = np.abs(np.asarray(golds, np.float64) - numbers)
        return _Counted("mean_absolute_error", errors_N, np.ones_like(errors_N), None)
    if all(isinstance(gold, list) for gold in golds):
        if all(isinstance(value, str) for value in values):
            return _answers(golds, values)
        for each in predictions:
            if not isinstance(each.value, list):
                raise ValueError(f"{each.where} predicts {each.value!r}; it must be a list")
        if marks_chunks(str(tag) for gold in golds for tag in gold):
            return _entities(golds, values)
        if all(
            each.probabilities is None and len(each.gold) == len(each.value) for each in predictions
        ):
            return _words(golds, values)
        golds, values = ([sorted(map(str, each)) for each in side] for side in (golds, values))
    right_N = np.array([str(gold) == str(value) for gold, value in zip(golds, values, strict=True)])
    return _Counted("accuracy", right_N.astype(np.float64), np.ones(len(right_N)), right_N)


def _answers(golds: Sequence[list[str]], values: Sequence[str]) -> _Counted:
    pairs = [(gold or [""], value) for gold, value in zip(golds, values, strict=True)]
    f1_N = np.array([max(f1_of_answer(value, each) for each in gold) for gold, value in pairs])
    right_N = np.array([any(exact(value, each) for each in gold) for gold, value in pairs])
    return _Counted("f1", f1_N, np.ones_like(f1_N), right_N)


def _words(golds: Sequence[list[str]], values: Sequence[list[str]]) -> _Counted:
    pairs = [[*zip(gold, value, strict=True)] for gold, value in zip(golds, values, strict=True)]
    right_N = np.array([sum(a == b for a, b in words) for words in pairs], np.float64)
    words_N = np.array([*map(len, pairs)], np.float64)
    return _Counted("accuracy", right_N, words_N, right_N == words_N)


def _entities(golds: Sequence[list[str]], values: Sequence[Any]) -> _Counted:
    found = [
        (set(chunks(gold)), set(chunks(value))) for gold, value in zip(golds, values, strict=True)
    ]
    return _Counted(
        "f1",
        np.array([2.0 * len(gold & guess) for gold, guess in found]),
        np.array([float(len(gold) + len(guess)) for gold, guess in found]),
        np.array([gold == guess for gold, guess in found]),
    )


def resampled_ratio(
    above_N: NDArray[np.float64],
    below_N: NDArray[np.float64],
    *,
    samples: int = SAMPLES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """The ratio of two sums in bootstrap samples, the same ones for the same N and seed.

    Args:
        above_N: what each example, or each cluster of them, adds above the fraction line.
        below_N: what it adds below.
        samples: the number of samples.
        seed: of the samples.

    Returns:
        (samples,) the ratios; where nothing is below the line, the sum above it.

    Source: Efron and Tibshirani 1993.
    """
    rng, parts, n = np.random.default_rng(seed), [], len(above_N)
    rows = max(1, _AT_ONCE // n)
    for start in range(0, samples, rows):
        drawn = rng.integers(0, n, (min(rows, samples - start), n))
        above, below = above_N[drawn].sum(1), below_N[drawn].sum(1)
        parts.append(above / np.where(below, below, 1))
    return np.concatenate(parts)
