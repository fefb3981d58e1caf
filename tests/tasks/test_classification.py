"""Classes, sets of labels and numbers are scored whatever the order of the predictions."""

from typing import Any

import pytest

from albertlm.tasks import scores
from albertlm.tasks.classification import (
    class_scorer,
    number,
    score_classes,
    score_multi_label,
    score_numbers,
)
from albertlm.tasks.task import Example, Prediction


def examples(*labels: Any) -> list[Example[Any]]:
    return [Example(str(i), ("x",), label, f"d:{i + 2}") for i, label in enumerate(labels)]


def predictions(*values: Any) -> list[Prediction]:
    """In reverse order."""
    made = [Prediction(str(i), value, where=f"p:{i + 2}") for i, value in enumerate(values)]
    return made[::-1]


def test_names_and_numbers_of_classes_are_matched() -> None:
    names, codes = ("negative", "positive"), {"0": "negative", "1": "positive"}
    score = class_scorer(names, codes, {"accuracy": scores.accuracy})
    gold = examples("negative", "positive", "positive", "negative")
    assert score(gold, predictions("0", "POSITIVE", 1, "Positive")) == {"accuracy": 0.75}
    with pytest.raises(
        ValueError, match="p:3 has the label 'LABEL_1'; allowed are negative, positive"
    ):
        score(gold, predictions("0", "LABEL_1", "1", "1"))
    with pytest.raises(ValueError, match=r"p:5 predicts 0\.5; it must be the name of a class"):
        score(gold, predictions("0", "1", "1", 0.5))


def test_the_classes_of_own_data() -> None:
    gold = examples("a", "B", "B", "true")
    message = r"1 predictions have a class that is in no row of the data, the first is 'new' .p:4"
    with pytest.warns(UserWarning, match=message):
        found = score_classes(gold, predictions("a", "b", "new", True))
    assert found == pytest.approx(
        {
            "accuracy": 0.75,
            "macro_f1": (1 + 2 / 3 + 0 + 1) / 4,
            "f1_B": 2 / 3,
            "f1_a": 1,
            "f1_new": 0,
            "f1_true": 1,
        }
    )
    assert list(found)[:2] == ["accuracy", "macro_f1"]


def test_several_labels() -> None:
    gold = examples(("a", "b"), (), ("b",))
    found = score_multi_label(gold, predictions(["b", "A"], [], ["a"]))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["micro_f1"] == pytest.approx(2 * 2 / (3 + 3))
    with pytest.raises(ValueError, match="p:2 predicts 'a'; it must be a list of labels"):
        score_multi_label(gold, predictions("a", [], []))
    with pytest.raises(ValueError, match=r"no example has a label, and none is predicted; .* d:2"):
        score_multi_label(examples((), ()), predictions([], []))


def test_labels_that_only_predictions_have_count() -> None:
    gold = examples(("a", "b"), (), ("b",))
    message = "1 predictions have a class that is in no row of the data, the first is 'c' .p:3"
    with pytest.warns(UserWarning, match=message):
        found = score_multi_label(gold, predictions(["b", "A"], ["c"], ["b"]))
    assert found == pytest.approx(
        {
            "micro_f1": 2 * 3 / (3 + 4),
            "macro_f1": (1 + 1 + 0) / 3,
            "accuracy": 2 / 3,
            "f1_a": 1,
            "f1_b": 1,
            "f1_c": 0,
        }
    )


def test_numbers_are_scored_as_they_are() -> None:
    gold = examples(0.0, 2.5, 5.0)
    # outside of the range of the gold values, which is no reason to change them
    found = score_numbers(gold, predictions("-1", 4.2, 7))
    assert found == scores.regression([0, 2.5, 5], [-1, 4.2, 7])


@pytest.mark.parametrize("value", ["good", "nan", float("inf"), None, [1], True])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(ValueError, match=r"p:2 has the value .*; it must be a finite number"):
        number(value, "p:2")
