"""HANS is scored by heuristic, and takes three classes for two."""

from collections.abc import Callable
from pathlib import Path

import pytest

from albertlm.tasks.hans import HANS, LABELS, as_two_classes, score_hans
from albertlm.tasks.task import Prediction, ScoringOptions

TEXT = (
    "gold_label\tsentence1\tsentence2\tpairID\theuristic\tsubcase\ttemplate\n"
    "non-entailment\tone\ttwo\tex0\tlexical_overlap\tx\ty\n"
    "entailment\tone\ttwo\tex1\tlexical_overlap\tx\ty\n"
    "entailment\tone\ttwo\tex2\tsubsequence\tx\ty\n"
)


def test_scores_by_heuristic(write: Callable[[str, str], Path]) -> None:
    examples = HANS.read(write("heuristics_evaluation_set.txt", TEXT))
    assert [example.id for example in examples] == ["ex0", "ex1", "ex2"]
    answers = ["neutral", "contradiction", "entailment"]
    scores = HANS.score(examples, [Prediction(f"ex{i}", each) for i, each in enumerate(answers)])
    assert scores == pytest.approx(
        {
            "accuracy": 2 / 3,
            "entailment_lexical_overlap": 0,
            "entailment_subsequence": 1,
            "non-entailment_lexical_overlap": 1,
        }
    )


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("entailment", "entailment"),
        ("Neutral", "non-entailment"),
        ("contradiction", "non-entailment"),
        ("not_entailment", "non-entailment"),
        ("non entailment", "non-entailment"),
    ],
)
def test_three_classes_become_two(label: str, expected: str) -> None:
    assert as_two_classes(label, LABELS, "p:2") == expected


def test_probabilities_are_added_only_if_asked_for() -> None:
    probabilities = {"ENTAILMENT": 0.4, "neutral": 0.35, "contradiction": 0.25}
    assert as_two_classes("entailment", LABELS, "p:2") == "entailment"
    assert as_two_classes("entailment", LABELS, "p:2", probabilities) == "non-entailment"


def test_the_option_of_scoring(write: Callable[[str, str], Path]) -> None:
    examples = HANS.read(write("heuristics_evaluation_set.txt", TEXT))
    probabilities = {"entailment": 0.4, "neutral": 0.35, "contradiction": 0.25}
    made = [Prediction(f"ex{i}", "entailment", None, probabilities) for i in range(3)]
    assert score_hans(examples, made)["accuracy"] == pytest.approx(2 / 3)
    summed = ScoringOptions(sum_probabilities=True)
    assert score_hans(examples, made, summed)["accuracy"] == pytest.approx(1 / 3)
    without = [Prediction(f"ex{i}", "entailment", where="p:2") for i in range(3)]
    with pytest.raises(ValueError, match="p:2 has no probabilities to add"):
        score_hans(examples, without, summed)


def test_other_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="p:2 has the label 'maybe'"):
        as_two_classes("maybe", LABELS, "p:2")
    with pytest.raises(ValueError, match="p:2 has no probability of entailment"):
        as_two_classes("x", LABELS, "p:2", {"neutral": 1.0})
