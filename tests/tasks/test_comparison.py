"""Two models are compared by exact and resampled tests that do not depend on the order of rows."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from albertlm.tasks.comparison import compare, mcnemar
from albertlm.tasks.task import Prediction


def predictions(golds: list[Any], values: list[Any], name: str = "a") -> list[Prediction]:
    return [
        Prediction(str(i), value, gold, where=f"{name}:{i + 1}")
        for i, (gold, value) in enumerate(zip(golds, values, strict=True))
    ]


@pytest.mark.parametrize(
    ("only_a", "only_b"), [(10, 2), (2, 10), (0, 5), (1, 1), (0, 0), (7, 300), (1000, 900)]
)
def test_mcnemar_is_the_probability_of_splits_as_uneven(only_a: int, only_b: int) -> None:
    total = only_a + only_b
    logs = [
        math.lgamma(total + 1)
        - math.lgamma(k + 1)
        - math.lgamma(total - k + 1)
        - total * math.log(2)
        for k in range(total + 1)
    ]
    uneven = [k for k in range(total + 1) if abs(2 * k - total) >= abs(only_a - only_b)]
    expected = sum(math.exp(logs[k]) for k in uneven)
    assert mcnemar(only_a, only_b) == pytest.approx(expected)


def test_classes() -> None:
    rng = np.random.default_rng(0)
    golds = [str(each) for each in rng.integers(0, 2, 400)]
    a = [gold if right else "x" for gold, right in zip(golds, rng.random(400) < 0.7, strict=True)]
    b = [gold if right else "x" for gold, right in zip(golds, rng.random(400) < 0.8, strict=True)]
    found = compare(predictions(golds, a), predictions(golds, b))
    right = np.array([[x == g for x, g in zip(side, golds, strict=True)] for side in (a, b)])
    assert (found.metric, found.n) == ("accuracy", 400)
    assert (found.a, found.b) == pytest.approx(tuple(right.mean(1)))
    assert (found.only_a, found.only_b) == (
        (right[0] & ~right[1]).sum(),
        (right[1] & ~right[0]).sum(),
    )
    error = (right[1].astype(float) - right[0]).std() / 20
    assert found.low == pytest.approx(found.difference - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(found.difference + 1.96 * error, abs=0.1 * error)
    p_normal = math.erfc(found.difference / error / math.sqrt(2))
    assert found.p_bootstrap == pytest.approx(p_normal, abs=0.01)
    again = compare(predictions(golds, a), predictions(golds, b)[::-1])
    assert again == found
    assert compare(predictions(golds, a), predictions(golds, b), seed=1) != found


def test_tags_of_words_have_an_accuracy_over_words() -> None:
    golds = [["NOUN", "VERB"], ["NOUN"], ["DET", "NOUN", "VERB"]]
    a = [["VERB", "NOUN"], ["NOUN"], ["DET", "NOUN", "NOUN"]]
    found = compare(predictions(golds, a), predictions(golds, golds))
    assert (found.metric, found.a, found.b) == ("accuracy", 3 / 6, 1)
    assert (found.only_a, found.only_b) == (0, 2)


def test_sets_of_labels_have_no_order() -> None:
    shares = {"a": 0.6, "b": 0.7}
    golds, values = [["a", "b"], ["a"]], [["b", "a"], ["b"]]
    rows = [replace(each, probabilities=shares) for each in predictions(golds, values)]
    assert compare(rows, rows).a == 0.5


@pytest.mark.parametrize(
    ("gold", "value", "message"),
    [
        (["a"], None, r"a:1 predicts None; it must be a list"),
        (["B-X"], "x", r"a:1 predicts 'x'; it must be a list"),
        (1.5, "many", r"a:1 has the value 'many'; it must be a finite number"),
    ],
)
def test_predictions_of_another_kind(gold: Any, value: Any, message: str) -> None:
    rows = predictions([gold, gold], [value, gold])
    with pytest.raises(ValueError, match=message):
        compare(rows, rows)


def test_equal_predictions_do_not_differ() -> None:
    same = predictions(["a", "b"], ["a", "a"])
    found = compare(same, same)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert (found.p_bootstrap, found.p_mcnemar) == (1, 1)


@pytest.mark.parametrize(
    ("golds", "a", "b", "expected"),
    [
        ([1, 0], [1, 1], ["1", "0"], ("accuracy", 0.5, 1.0, 0, 1)),
        ([["x", "y"], []], [["y", "x"], ["x"]], [[], []], ("accuracy", 0.5, 0.5, 1, 1)),
        ([["cat", "dog"], []], ["The cat!", "x"], ["dog here", ""], ("f1", 0.5, 5 / 6, 1, 1)),
        (
            [["B-P", "I-P"], ["O"]],
            [["B-P", "I-P"], ["B-P"]],
            [["B-P", "O"], ["O"]],
            ("f1", 2 / 3, 0.0, 1, 1),
        ),
        ([4.0, 1.5], [3.0, 1.5], [4.0, 4.0], ("mean_absolute_error", 0.5, 1.25, None, None)),
    ],
)
def test_metrics_follow_from_gold_labels(
    golds: list[Any], a: list[Any], b: list[Any], expected: tuple[Any, ...]
) -> None:
    found = compare(predictions(golds, a), predictions(golds, b), samples=100)
    told = (found.metric, found.a, found.b, found.only_a, found.only_b)
    assert told[0] == expected[0]
    assert told[1:3] == pytest.approx(expected[1:3])
    assert told[3:] == expected[3:]
    assert (found.p_mcnemar is None) == (found.only_a is None)


def test_files_of_other_data_are_refused() -> None:
    a, b = predictions(["x", "y"], ["x", "x"]), predictions(["x", "x"], ["x", "x"], "b")
    with pytest.raises(ValueError, match="a:2 has the gold label 'y', b:2 'x'"):
        compare(a, b)
    with pytest.raises(ValueError, match="only one of the files predicts '1'"):
        compare(a, b[:1])
    with pytest.raises(ValueError, match="a:1 and b:1 must both have a gold label"):
        compare(predictions([None], ["x"]), predictions([None], ["x"], "b"))
