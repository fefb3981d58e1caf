"""Formulas of scores, in float64, on gold labels and predictions in the same order.

Legend: N examples.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_NORMAL_975 = 1.959963984540054
"""The quantile of the normal distribution at 97.5 %."""


def accuracy(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> float:
    """The share of predictions that equal the gold labels."""
    return sum(a == b for a, b in zip(gold, predicted, strict=True)) / len(gold)


def matthews(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> float:
    """Matthews' correlation of two or more classes; 0 if either side has a single class.

    Source: Gorodkin 2004; for two classes, Matthews 1975.
    """
    number = {label: index for index, label in enumerate(dict.fromkeys([*gold, *predicted]))}
    pairs = [(number[a], number[b]) for a, b in zip(gold, predicted, strict=True)]
    confusion = np.zeros((len(number), len(number)))
    np.add.at(confusion, tuple(np.array(pairs).T), 1)
    of_gold, of_predicted, total = confusion.sum(1), confusion.sum(0), confusion.sum()
    covariance = np.trace(confusion) * total - of_gold @ of_predicted
    spread = (total**2 - of_gold @ of_gold) * (total**2 - of_predicted @ of_predicted)
    return float(covariance / np.sqrt(spread)) if spread else 0.0


def f1(right: int, predicted: int, gold: int) -> float:
    """The harmonic mean of precision and recall from counts; 0 if nothing is right."""
    return 2 * right / (predicted + gold) if right else 0.0


def f1_of_class(gold: Sequence[Hashable], predicted: Sequence[Hashable], label: Hashable) -> float:
    """F1 of a class; 0, with a warning, if it is never predicted."""
    if label not in predicted:
        warnings.warn(f"the class {label!r} is never predicted; its F1 is 0", stacklevel=2)
    right = sum(a == b == label for a, b in zip(gold, predicted, strict=True))
    return f1(right, list(predicted).count(label), list(gold).count(label))


def pearson(gold_N: ArrayLike, predicted_N: ArrayLike) -> float:
    """Pearson's correlation; 0, with a warning, if all values of a side are equal."""
    x_N, y_N = (np.asarray(values, dtype=np.float64) for values in (gold_N, predicted_N))
    x_N, y_N = x_N - x_N.mean(), y_N - y_N.mean()
    spread = np.sqrt((x_N @ x_N) * (y_N @ y_N))
    if not spread:
        warnings.warn("all values of a side are equal; the correlation is 0", stacklevel=2)
        return 0.0
    return float(x_N @ y_N / spread)


def spearman(gold_N: ArrayLike, predicted_N: ArrayLike) -> float:
    """Spearman's correlation, with average ranks for ties."""
    return pearson(average_ranks(gold_N), average_ranks(predicted_N))


def average_ranks(values_N: ArrayLike) -> NDArray[np.float64]:
    """(N,) the ranks of numbers from 1; equal numbers have the mean of their ranks."""
    _, place_N, counts = np.unique(np.asarray(values_N), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[place_N]
    return ranks


def regression(gold_N: Sequence[float], predicted_N: Sequence[float]) -> dict[str, float]:
    """Both correlations and the mean squared error."""
    errors_N = np.asarray(gold_N, dtype=np.float64) - np.asarray(predicted_N, dtype=np.float64)
    return {
        "pearson": pearson(gold_N, predicted_N),
        "spearman": spearman(gold_N, predicted_N),
        "mean_squared_error": float(np.mean(errors_N**2)),
    }


def classification(
    gold: Sequence[str], predicted: Sequence[str], names: Sequence[str]
) -> dict[str, float]:
    """Accuracy, the mean of the classes' F1, and F1 of each class as `f1_NAME`."""
    of_each = {f"f1_{name}": f1_of_class(gold, predicted, name) for name in names}
    return {
        "accuracy": accuracy(gold, predicted),
        "macro_f1": sum(of_each.values()) / len(of_each),
        **of_each,
    }


def multi_label(
    gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]], names: Sequence[str]
) -> dict[str, float]:
    """Scores of sets of labels.

    Returns:
        `accuracy`, the share of rows whose sets are equal; `micro_f1` over all labels of all rows;
        `macro_f1`, the mean of the labels' F1; and F1 of each label as `f1_NAME`.
    """
    pairs = [(set(a), set(b)) for a, b in zip(gold, predicted, strict=True)]
    counts = {
        name: (
            sum(name in a and name in b for a, b in pairs),
            sum(name in b for _, b in pairs),
            sum(name in a for a, _ in pairs),
        )
        for name in names
    }
    for name, (_, times, _) in counts.items():
        if not times:
            warnings.warn(f"the label {name!r} is never predicted; its F1 is 0", stacklevel=2)
    of_each = {f"f1_{name}": f1(*count) for name, count in counts.items()}
    totals: Any = [sum(column) for column in zip(*counts.values(), strict=True)]
    return {
        "accuracy": sum(a == b for a, b in pairs) / len(pairs),
        "micro_f1": f1(*totals),
        "macro_f1": sum(of_each.values()) / len(of_each),
        **of_each,
    }


def interval_of_share(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of N examples; too wide for a mean of values from 0 to 1.

    Source: Wilson 1927.
    """
    z = _NORMAL_975
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def interval_of_correlation(correlation: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a correlation of N examples, -1 to 1 for fewer than 4.

    Source: Fisher 1921.
    """
    if n < 4:
        return -1.0, 1.0
    middle = np.arctanh(np.clip(correlation, -1 + 1e-12, 1 - 1e-12))
    half = _NORMAL_975 / np.sqrt(n - 3)
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))
