"""Intervals, tests and corrections against plain loops, exact permutations and known values."""

from itertools import product

import numpy as np
import pytest

from albertlm.evaluation.bias import resampling
from albertlm.evaluation.bias.resampling import (
    Estimate,
    correlation,
    crossed_mean,
    effect_size,
    holm,
    label_test,
    mean,
    share,
    sign_test,
)
from albertlm.tasks.comparison import SAMPLES

VALUES = np.array([0.5, -0.25, 0.75, 1.5, -1.0, 0.25, 0.125, 2.0])


def test_a_share() -> None:
    found = share([1, 2, -1, 0, 3])
    assert (found.value, found.n, found.clusters, found.ties) == (60.0, 5, 5, 1)
    assert found.low < 60 < found.high
    assert share([1, 2, -1, 0, 3]) == found
    assert share([1, 2, -1, 0, 3], seed=1).clusters == 5


def test_a_mean_has_the_interval_of_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(0.2, 1, 400)
    found = mean(values)
    error = values.std() / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.05)


def test_clusters_are_drawn_whole() -> None:
    clusters = [each for each in "abcd" for _ in range(25)]
    values = np.repeat([1.0, 1.0, 1.0, -1.0], 25)
    found, alone = share(values, clusters), share(values)
    assert (found.value, found.clusters, alone.clusters) == (75.0, 4, 100)
    assert found.high - found.low > 3 * (alone.high - alone.low)
    # by hand: clusters of unequal size, drawn with the same numbers
    unequal = mean([1.0, 2.0, 6.0], ["a", "a", "b"])
    drawn = np.random.default_rng(resampling.SEED).integers(0, 2, (SAMPLES, 2))
    expected = [sum((3.0, 6.0)[i] for i in row) / sum((2, 1)[i] for i in row) for row in drawn]
    assert (unequal.low, unequal.high) == tuple(np.quantile(expected, [0.025, 0.975]))
    assert mean([1.0, 2.0], ["a", "a"]).low == 1.5


def test_p_by_the_bootstrap() -> None:
    assert share([1, -1] * 50).p == pytest.approx(1, abs=0.1)
    assert share([1] * 30).p == pytest.approx(2 / 10_001)


def test_few_examples_that_agree_prove_little() -> None:
    """The least p is that of the sign test."""
    assert [share([1] * count).p for count in (1, 2, 3, 8)] == [1, 0.5, 0.25, 2**-7]
    assert share([1, 2, 3], ["writer"] * 3).p == 1
    assert crossed_mean([[1.0, 2.0], [2.0, 3.0], [1.0, 4.0]]).p == 0.5


def test_holm() -> None:
    p_values = {"a": 0.01, "b": 0.04, "c": 0.03, "d": None, "e": 0.005}
    estimates = {name: Estimate(50, 40, 60, p, 10, 10) for name, p in p_values.items()}
    found = holm(estimates)
    assert list(found) == list(p_values)
    corrected = {name: each.p for name, each in found.items()}
    assert corrected.pop("d") is None
    assert corrected == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "e": 0.02})
    assert holm({"a": Estimate(50, 40, 60, 0.7, 1, 1), "b": Estimate(50, 40, 60, 0.8, 1, 1)})[
        "a"
    ].p == pytest.approx(1.0)


def test_signs_are_permuted() -> None:
    sums = [sum(s * v for s, v in zip(signs, VALUES, strict=True)) for signs in SIGNS]
    exact = np.mean(np.abs(sums) >= abs(VALUES.sum()) - 1e-12)
    assert sign_test(VALUES) == pytest.approx(exact, abs=0.015)
    assert sign_test(VALUES) == sign_test(VALUES)
    assert sign_test([1.0] * 40) == pytest.approx(1 / 10_001)


SIGNS = list(product([-1, 1], repeat=len(VALUES)))


def test_labels_are_permuted() -> None:
    first, second = VALUES[:4], VALUES[4:]
    differences = [
        VALUES[np.array(chosen)].mean() - VALUES[~np.array(chosen)].mean()
        for chosen in product([True, False], repeat=8)
        if sum(chosen) == 4
    ]
    exact = np.mean(np.abs(differences) >= abs(first.mean() - second.mean()) - 1e-12)
    assert label_test(first, second) == pytest.approx(exact, abs=0.015)


def test_effect_size() -> None:
    expected = (VALUES[:4].mean() - VALUES[4:].mean()) / VALUES.std(ddof=1)
    assert effect_size(VALUES[:4], VALUES[4:]) == pytest.approx(expected)
    assert effect_size([1.0], [1.0]) == 0


def test_two_things_that_cross_are_both_drawn() -> None:
    rng = np.random.default_rng(1)
    of_templates_T, of_people_P = rng.normal(1, 2, 12), rng.normal(0, 1, 7)
    values_TP = of_templates_T[:, None] + of_people_P
    found = crossed_mean(values_TP)
    assert found.value == pytest.approx(values_TP.mean())
    assert (found.n, found.clusters) == (84, 7)
    # the variances of both means add up, where a bootstrap of all cells would nearly lose both
    spread = np.sqrt(of_templates_T.var() / 12 + of_people_P.var() / 7)
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.06)
    assert found.high - found.low > 2 * (mean(values_TP.ravel()).high - found.value)
    only_templates = crossed_mean(np.repeat(of_templates_T[:, None], 7, axis=1))
    assert only_templates.low == pytest.approx(mean(of_templates_T).low, abs=0.06)


def test_a_correlation() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    y = 0.5 * x + rng.normal(size=200)
    found = correlation(x, y)
    r = np.corrcoef(x, y)[0, 1]
    assert found.value == pytest.approx(r)
    assert (found.n, found.clusters) == (200, 200)
    # Fisher's interval for pairs from a normal distribution
    low, high = np.tanh(np.arctanh(r) + np.array([-1.96, 1.96]) / np.sqrt(200 - 3))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.03)
    assert found.p is not None
    assert found.p < 0.001
    assert correlation(x, -2 * x + 1).value == pytest.approx(-1)
    constant = correlation(x, np.ones(200))
    assert (constant.value, constant.low, constant.high, constant.p) == (0, 0, 0, 1)
    few = correlation([0.0, 1.0, 1.0], [0.1, 0.3, 0.3])  # without a warning
    assert -1 <= few.low <= few.high <= 1
