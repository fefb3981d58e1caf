"""Signs of failed runs: a single class, a score like guessing, a flat loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from albertlm.evaluation.tasks import TaskEvaluation
from albertlm.finetuning.failures import find_failure
from albertlm.tasks.catalogue import TASKS
from albertlm.tasks.squad import GoldAnswer
from albertlm.tasks.tagging import score_tags
from albertlm.tasks.task import Example, Prediction

LEARNED = [0.7 - 0.01 * step for step in range(40)]


def failure(
    task: str, golds: Sequence[Any], values: Sequence[Any], metric: str, losses: Sequence[float]
) -> str | None:
    examples = [Example(str(at), ("a",), gold, f"x:{at}") for at, gold in enumerate(golds)]
    predictions = [Prediction(str(at), value) for at, value in enumerate(values)]
    scores = TASKS[task].score(examples, predictions)
    found = TaskEvaluation(scores, predictions)
    return find_failure(TASKS[task], examples, found, metric, losses)


GOLD = ["positive", "negative"] * 50


def flipped(count: int) -> list[str]:
    other = {"positive": "negative", "negative": "positive"}
    return [other[each] if at < count else each for at, each in enumerate(GOLD)]


def test_a_good_run() -> None:
    assert failure("sst2", GOLD, flipped(10), "accuracy", LEARNED) is None
    assert failure("sst2", GOLD, flipped(10), "accuracy", []) is None


def test_a_single_class() -> None:
    told = failure("sst2", GOLD, ["positive"] * 100, "accuracy", LEARNED)
    assert told == "it predicts positive for every example"
    assert failure("sst2", ["positive"] * 9, ["positive"] * 9, "accuracy", LEARNED) is None


@pytest.mark.parametrize(("wrong", "fails"), [(40, True), (39, False)])
def test_two_standard_errors_above_the_majority(wrong: int, fails: bool) -> None:
    told = failure("sst2", GOLD, flipped(wrong), "accuracy", LEARNED)
    assert (told is not None) == fails
    if told is not None:
        assert told.startswith("its accuracy of 0.6000 is within 2 standard errors (0.0500) of the")


def test_few_examples_say_nothing() -> None:
    assert failure("sst2", GOLD[:40], flipped(16)[:40], "accuracy", LEARNED) is None


def test_correlations_near_zero() -> None:
    gold = ["acceptable", "unacceptable"] * 50
    values = ["acceptable", "acceptable", "unacceptable", "unacceptable"] * 25
    told = failure("cola", gold, values, "matthews", LEARNED)
    assert told is not None
    assert "its matthews of 0.0000 is within 2 standard errors (0.1000) of the 0.0000" in told


def test_a_flat_loss() -> None:
    flat = [0.69, 0.70] * 20
    told = failure("sst2", GOLD, flipped(10), "accuracy", flat)
    assert told == "the loss stayed at 0.6950"
    assert failure("sst2", GOLD, flipped(10), "accuracy", flat[:7]) is None


def test_f1_near_that_of_a_constant() -> None:
    gold = ["equivalent", "not_equivalent"] * 50
    assert failure("mrpc", gold, ["equivalent", *gold[1:]], "f1", LEARNED) is None
    told = failure("mrpc", gold, ["equivalent"] * 99 + ["not_equivalent"], "f1", LEARNED)
    # of 99 that are called equivalent, 50 are: 2 * 50 / (99 + 50); all are: 2 * 50 / (100 + 50)
    assert told is not None
    assert "its f1 of 0.6711 is within 2 standard errors (0.0471) of the 0.6667" in told


def test_a_single_tag() -> None:
    task = TASKS["sst2"]
    words = replace(task, head="token-classification", problem=None, score=score_tags)
    gold = [Example(str(at), ("a b",), ("O", "B-X"), f"x:{at}") for at in range(9)]
    for tags, fails in ((["O", "O"], True), (["O", "B-X"], False)):
        rows = [Prediction(str(at), tags) for at in range(9)]
        found = TaskEvaluation(words.score(gold, rows), rows)
        told = find_failure(words, gold, found, "f1", LEARNED)
        assert told == ("it predicts O for every word" if fails else None)


def test_no_question_is_answered() -> None:
    gold = [(GoldAnswer("a", 0),), ()] * 5
    assert failure("squad2", gold, ["a", ""] * 5, "f1", LEARNED) is None
    told = failure("squad2", gold, [""] * 10, "f1", LEARNED)
    assert told == "it predicts no answer for every question"
