"""Formulas of scores, beside other ways to compute the same in float64."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from albertlm.tasks import scores

binary = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)
numbers = st.lists(
    st.tuples(st.integers(-5, 5).map(float), st.integers(-5, 5).map(float)), min_size=3, max_size=30
)


@given(binary)
def test_binary_scores_are_those_of_the_four_counts(pairs: list[tuple[bool, bool]]) -> None:
    gold, predicted = zip(*pairs, strict=True)
    tp, tn, fp, fn = (
        sum((a, b) == wanted for a, b in pairs)
        for wanted in ((True, True), (False, False), (False, True), (True, False))
    )
    assert scores.accuracy(gold, predicted) == (tp + tn) / len(pairs)
    spread = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    matthews = (tp * tn - fp * fn) / math.sqrt(spread) if spread else 0.0
    assert scores.matthews(gold, predicted) == pytest.approx(matthews, abs=1e-12)
    if any(predicted):
        f1 = 2 * tp / (2 * tp + fp + fn)
        assert scores.f1_of_class(gold, predicted, True) == pytest.approx(f1)


def test_matthews_of_three_classes_is_a_correlation_of_indicators() -> None:
    rng = np.random.default_rng(0)
    gold, predicted = rng.integers(0, 3, 50), rng.integers(0, 3, 50)
    x, y = np.eye(3)[gold], np.eye(3)[predicted]
    x, y = x - x.mean(0), y - y.mean(0)
    expected = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
    assert scores.matthews(gold.tolist(), predicted.tolist()) == pytest.approx(expected)


@given(numbers)
def test_pearson_and_spearman(pairs: list[tuple[float, float]]) -> None:
    gold, predicted = zip(*pairs, strict=True)
    assume(len(set(gold)) > 1 and len(set(predicted)) > 1)
    expected = statistics.correlation(gold, predicted)
    assert scores.pearson(gold, predicted) == pytest.approx(expected, abs=1e-12)
    ranks = (
        [sum((x < y) + (x == y) / 2 for x in side) for y in side] for side in (gold, predicted)
    )
    by_rank = statistics.correlation(*ranks)
    assert scores.spearman(gold, predicted) == pytest.approx(by_rank, abs=1e-12)


def test_ties_have_average_ranks() -> None:
    assert scores.average_ranks([10, 20, 10, 5]).tolist() == [2.5, 4, 2.5, 1]


def test_constant_predictions_have_no_correlation() -> None:
    with pytest.warns(UserWarning, match="all values of a side are equal"):
        assert scores.pearson([1, 2, 3], [4, 4, 4]) == 0


def test_regression() -> None:
    found = scores.regression([1, 2, 3], [1, 2, 5])
    assert found["mean_squared_error"] == pytest.approx(4 / 3)
    assert found["spearman"] == pytest.approx(1)


def test_f1_of_three_classes_is_a_mean_and_one_for_each() -> None:
    with pytest.warns(UserWarning, match="the class 'c' is never predicted; its F1 is 0"):
        found = scores.classification(list("aabc"), list("aaba"), list("abc"))
    assert found == pytest.approx(
        {"accuracy": 0.75, "macro_f1": 0.6, "f1_a": 0.8, "f1_b": 1, "f1_c": 0}
    )


def test_all_predicted_zero_gives_f1_zero_and_a_warning() -> None:
    with pytest.warns(UserWarning, match="the class '1' is never predicted; its F1 is 0"):
        assert scores.f1_of_class(["1", "0"], ["0", "0"], "1") == 0


def test_multi_label() -> None:
    with pytest.warns(UserWarning, match="the label 'c' is never predicted"):
        found = scores.multi_label([["a", "b"], [], ["c"]], [["b", "a"], ["a"], []], list("abc"))
    assert found == pytest.approx(
        {
            "accuracy": 1 / 3,
            "micro_f1": 2 / 3,
            "macro_f1": 5 / 9,
            "f1_a": 2 / 3,
            "f1_b": 1,
            "f1_c": 0,
        }
    )


@pytest.mark.parametrize(("share", "n"), [(0.5, 10), (0.9, 872), (0.0, 50), (1.0, 3)])
def test_the_interval_of_a_share_holds_what_the_normal_test_does_not_reject(
    share: float, n: int
) -> None:
    for end in scores.interval_of_share(share, n):
        if 0 < end < 1:
            error = math.sqrt(end * (1 - end) / n)
            assert abs(share - end) / error == pytest.approx(1.96, abs=1e-3)
        else:
            assert end == share


def test_the_interval_of_a_correlation() -> None:
    rng = np.random.default_rng(0)
    pairs_SNC = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=(2000, 50))
    found = [scores.pearson(pairs_NC[:, 0], pairs_NC[:, 1]) for pairs_NC in pairs_SNC]
    inside = [
        low < 0.6 < high for low, high in (scores.interval_of_correlation(r, 50) for r in found)
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
    assert scores.interval_of_correlation(0.9, 3) == (-1, 1)
