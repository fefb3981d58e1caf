"""Intervals, tests and corrections for shares and means, by resampling with fixed seeds.

N examples.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from albertlm.tasks.comparison import SAMPLES, resampled_ratio

SEED = 0
NO_PREFERENCE = 50.0


@dataclass(frozen=True)
class Estimate:
    """A mean over examples, with its uncertainty.

    Fields:
        value: the mean; shares are in percent.
        low: the lower end of the 95 % interval, by the percentile bootstrap.
        high: the upper end.
        p: two-sided, of no preference; corrected where several are tested, None if none is.
        n: the number of examples.
        clusters: the number of clusters that are drawn, or N if each example is one.
        ties: the number of examples without a preference, which count as not preferred; None
            where there is no such thing.
    """

    value: float
    low: float
    high: float
    p: float | None
    n: int
    clusters: int
    ties: int | None = None


def share(
    differences_N: ArrayLike, clusters: Sequence[Hashable] | None = None, *, seed: int = SEED
) -> Estimate:
    """The percentage of differences that are above 0.

    Args:
        differences_N: the score of one side less that of the other.
        clusters: what each example belongs to, such as its writer; by default each is its own.
        seed: of the bootstrap.
    """
    array_N = np.asarray(differences_N, np.float64)
    found = mean(100.0 * (array_N > 0), clusters, null=NO_PREFERENCE, seed=seed)
    return replace(found, ties=int((array_N == 0).sum()))


def mean(
    values_N: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    null: float = 0.0,
    seed: int = SEED,
) -> Estimate:
    """The mean of numbers.

    Args:
        values_N: the numbers.
        clusters: what each example belongs to; whole clusters are drawn. By default each example
            is its own.
        null: the mean of no preference.
        seed: of the bootstrap.
    """
    array_N = np.asarray(values_N, np.float64)
    number_N = np.arange(len(array_N)) if clusters is None else _numbered(clusters)
    above_C, below_C = (
        np.bincount(number_N, weights).astype(np.float64) for weights in (array_N, None)
    )
    samples_S = resampled_ratio(above_C, below_C, seed=seed)
    low, high = np.quantile(samples_S, [0.025, 0.975])
    return Estimate(
        value=float(array_N.mean()),
        low=float(low),
        high=float(high),
        p=two_sided(samples_S, null, len(above_C)),
        n=len(array_N),
        clusters=len(above_C),
    )


def crossed_mean(values_TP: ArrayLike, *, null: float = 0.0, seed: int = SEED) -> Estimate:
    """The mean of numbers that two things cross in, such as templates and people.

    Both are drawn anew in each sample, so that the interval covers other templates and other
    people than those at hand.

    Args:
        values_TP: a number for each combination.
        null: the mean of no preference.
        seed: of the bootstrap.
    """
    array_TP = np.asarray(values_TP, np.float64)
    rng = np.random.default_rng(seed)
    weights_ST, weights_SP = (
        rng.multinomial(count, np.full(count, 1 / count), SAMPLES) / count
        for count in array_TP.shape
    )
    samples_S = ((weights_ST @ array_TP) * weights_SP).sum(-1)
    low, high = map(float, np.quantile(samples_S, [0.025, 0.975]))
    clusters = min(array_TP.shape)
    p = two_sided(samples_S, null, clusters)
    return Estimate(float(array_TP.mean()), low, high, p, array_TP.size, clusters)


def correlation(x_N: ArrayLike, y_N: ArrayLike, *, seed: int = SEED) -> Estimate:
    """Pearson's correlation of numbers, whose pairs are drawn anew; 0 where a side is constant."""
    x, y = (np.asarray(each, np.float64) for each in (x_N, y_N))
    x, y = x - x.mean(), y - y.mean()
    n = len(x)
    count_SN = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), SAMPLES)

    def of(weight_SN: NDArray[Any]) -> NDArray[np.float64]:
        mean_x, mean_y, square_x, square_y, product = (
            weight_SN @ each / n for each in (x, y, x * x, y * y, x * y)
        )
        variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
        known = (variance_x > 1e-12 * (x @ x) / n) & (variance_y > 1e-12 * (y @ y) / n)
        found: NDArray[np.float64] = np.zeros(len(known))
        found[known] = (product - mean_x * mean_y)[known]
        found[known] /= np.sqrt(variance_x[known] * variance_y[known])
        return np.clip(found, -1, 1)

    samples_S = of(count_SN)
    low, high = map(float, np.quantile(samples_S, [0.025, 0.975]))
    value = float(of(np.ones((1, n)))[0])
    return Estimate(value, low, high, two_sided(samples_S, 0.0, n), n, n)


def two_sided(samples_S: NDArray[np.float64], null: float, clusters: int) -> float:
    """The p-value of a value, from bootstrap samples on its two sides.

    Few clusters that agree have samples on one side only; so the p-value is at least 2^(1 - C),
    the smallest one of a sign test of C clusters.
    """
    tail = min((samples_S <= null).sum(), (samples_S >= null).sum())
    p = 2 * (float(tail) + 1) / (len(samples_S) + 1)
    return min(1.0, max(p, 2.0 ** (1 - clusters)))


def holm(estimates: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Estimates whose p-values are corrected for their number.

    Source: Holm 1979.
    """
    p_values = {name: each.p for name, each in estimates.items() if each.p is not None}
    corrected, largest = dict(estimates), 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        corrected[name] = replace(corrected[name], p=largest)
    return corrected


def sign_test(values_N: ArrayLike, *, seed: int = SEED) -> float:
    """The two-sided p of the mean of numbers, by permutation of their signs.

    It is the test of two groups that are exchangeable for each word. The given signs count as one
    of the permutations.
    """
    array_N = np.asarray(values_N, np.float64)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (SAMPLES, len(array_N)))
    extreme = np.abs(signs @ array_N) >= np.abs(array_N.sum()) - 1e-12
    return (int(extreme.sum()) + 1) / (SAMPLES + 1)


def label_test(first_N: ArrayLike, second_N: ArrayLike, *, seed: int = SEED) -> float:
    """The two-sided p of the difference of two means, by permutation of what belongs to which.

    Source: Caliskan et al. 2017; Kurita et al. 2019.
    """
    first, second = np.asarray(first_N, np.float64), np.asarray(second_N, np.float64)
    both = np.concatenate([first, second])
    observed = abs(first.mean() - second.mean())
    rng, extreme = np.random.default_rng(seed), 0
    for _ in range(SAMPLES):
        drawn = rng.permutation(both)
        difference = drawn[: len(first)].mean() - drawn[len(first) :].mean()
        extreme += bool(abs(difference) >= observed - 1e-12)
    return (extreme + 1) / (SAMPLES + 1)


def effect_size(first_N: ArrayLike, second_N: ArrayLike) -> float:
    """The difference of two means in standard deviations of all numbers; 0 if these are equal.

    Source: Caliskan et al. 2017.
    """
    first, second = np.asarray(first_N, np.float64), np.asarray(second_N, np.float64)
    spread = np.std(np.concatenate([first, second]), ddof=1)
    return float((first.mean() - second.mean()) / spread) if spread else 0.0


def _numbered(clusters: Sequence[Hashable]) -> NDArray[np.intp]:
    """The number of each example's cluster."""
    number = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
    return np.array([number[cluster] for cluster in clusters], np.intp)
