"""SQuAD 2.0 is scored as by its official script, and its thresholds as those can be applied."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.tasks.squad import GoldAnswer, Question
from albertlm.tasks.squad_v2 import (
    SQUAD2,
    RawScores,
    leave_unanswered,
    raw_scores,
    score_squad2,
)
from albertlm.tasks.task import Example, Prediction, ScoringOptions

QUIET = pytest.mark.filterwarnings("ignore:the null odds are not probabilities")


def question(id_: str, *answers: str) -> Question:
    return Example(id_, ("Who?", "x"), tuple(GoldAnswer(text, 0) for text in answers), id_)


def predicted(answers: dict[str, str]) -> list[Prediction]:
    return [Prediction(id_, text) for id_, text in answers.items()]


QUESTIONS = [question("a", "red cat"), question("b", "dog"), question("n"), question("m")]
ANSWERS = {"a": "cat", "b": "dog", "n": "", "m": "cow"}
ODDS = {"m": 0.5, "a": 0.2, "b": 0.9, "n": 0.7}


def test_keys_and_order_without_null_odds() -> None:
    scores = score_squad2(QUESTIONS, predicted(ANSWERS))
    f1_of_a = 2 / 3
    assert list(scores.items()) == [
        ("exact", 50.0),
        ("f1", pytest.approx(100 * (f1_of_a + 1 + 1 + 0) / 4)),
        ("total", 4),
        ("HasAns_exact", 50.0),
        ("HasAns_f1", pytest.approx(100 * (f1_of_a + 1) / 2)),
        ("HasAns_total", 2),
        ("NoAns_exact", 50.0),
        ("NoAns_f1", 50.0),
        ("NoAns_total", 2),
    ]


def test_keys_and_order_with_null_odds() -> None:
    options = ScoringOptions(null_odds=ODDS, curves=True, threshold=0.6)
    scores = score_squad2(QUESTIONS, predicted(ANSWERS), options)
    assert list(scores)[9:] == [
        "best_exact",
        "best_exact_thresh",
        "best_f1",
        "best_f1_thresh",
        "pr_exact_ap",
        "pr_f1_ap",
        "pr_oracle_ap",
    ]
    # above 0.6 are b and n: b is wrong then, n is right as before
    assert scores["HasAns_exact"] == 0
    assert scores["NoAns_exact"] == 50
    # in the order a, m, n, b: 2 + 2/3, - 1, 0, + 1; for exact matches 2 + 0, - 1, 0, + 1
    assert scores["best_f1"] == pytest.approx(100 * 8 / 12)
    assert scores["best_f1_thresh"] == 0.2
    assert (scores["best_exact"], scores["best_exact_thresh"]) == (50, 0.0)
    # answers with an answer are at ranks 1 and 4
    assert scores["pr_oracle_ap"] == pytest.approx(100 * (1 * 0.5 + 2 / 4 * 0.5))
    assert scores["pr_f1_ap"] == pytest.approx(100 * (2 / 3 * 1 / 3 + 5 / 12 * 0.5))


def test_files_of_one_kind_have_no_breakdown_of_the_other() -> None:
    assert "NoAns_exact" not in score_squad2(QUESTIONS[:2], predicted(ANSWERS))
    options = ScoringOptions(null_odds=ODDS, curves=True)
    scores = score_squad2(QUESTIONS[2:], predicted(ANSWERS), options)
    assert "HasAns_exact" not in scores
    assert "pr_exact_ap" not in scores
    raw, _ = raw_scores(QUESTIONS[2:], predicted(ANSWERS))
    with pytest.raises(ValueError, match="no question has an answer, so there is no recall"):
        raw.curves(ODDS)


@pytest.mark.parametrize(
    ("golds", "answer", "expected"),
    [
        (("the", "cat"), "cat", (100, 100)),
        (("the", "cat"), "a", (0, 0)),  # the gold "the" is left out, as there is another
        (("the",), "a", (100, 100)),  # empty against empty is right, unlike in version 1.1
        ((), "an", (100, 100)),
        ((), "cat", (0, 0)),
        (("cat",), "", (0, 0)),
    ],
)
def test_answers_without_words(
    golds: tuple[str, ...], answer: str, expected: tuple[float, float]
) -> None:
    scores = score_squad2([question("q", *golds)], predicted({"q": answer}))
    assert (scores["exact"], scores["f1"]) == expected


def test_only_what_is_above_the_threshold_is_not_answered() -> None:
    for threshold, expected in ((0.9, 100), (0.89, 0)):
        options = ScoringOptions(null_odds={"b": 0.9}, threshold=threshold)
        assert score_squad2(QUESTIONS[1:2], predicted({"b": "dog"}), options)["exact"] == expected


odds = st.one_of(st.sampled_from([0.0, 0.1, 0.2]), st.floats(-5, 5))
rows = st.lists(st.tuples(st.booleans(), st.sampled_from(["", "dog", "cat"]), odds), min_size=1)


def made(
    drawn: list[tuple[bool, str, float]],
) -> tuple[list[Question], RawScores, dict[str, float]]:
    questions = [question(str(i), *["dog"] * has) for i, (has, _, _) in enumerate(drawn)]
    answers = {str(i): answer for i, (_, answer, _) in enumerate(drawn)}
    null_odds = {str(i): value for i, (_, _, value) in enumerate(drawn)}
    return questions, RawScores.of(questions, answers), null_odds


@given(rows)
def test_with_distinct_null_odds_the_best_threshold_is_realised(
    drawn: list[tuple[bool, str, float]],
) -> None:
    questions, raw, null_odds = made(drawn)
    best, threshold = raw.best_threshold(raw.exact, null_odds)

    def realised(limit: float) -> float:
        answers = leave_unanswered(raw.answers, null_odds, limit)
        return sum(RawScores.of(questions, answers).exact.values()) * 100 / len(questions)

    every = max(map(realised, [-math.inf, *null_odds.values()]))
    # among equal null odds the search may stop between them, which no threshold does
    assert best >= every - 1e-9
    if len(set(null_odds.values())) == len(null_odds):
        assert best == pytest.approx(every)
        if best > realised(-math.inf):
            assert realised(threshold) == pytest.approx(best)
        else:
            assert threshold == 0.0


@given(rows)
def test_curves_have_points_only_where_a_threshold_can_be(
    drawn: list[tuple[bool, str, float]],
) -> None:
    _, raw, null_odds = made(drawn)
    if not any(raw.has_answer.values()):
        return
    curve = raw.curves(null_odds)["pr_oracle"]
    assert len(curve.recalls) == len(set(null_odds.values())) + 1
    for limit, precision, recall in zip(
        sorted(set(null_odds.values())), curve.precisions[1:], curve.recalls[1:], strict=True
    ):
        chosen = [has for has, _, value in drawn if value <= limit]
        assert precision == pytest.approx(sum(chosen) / len(chosen))
        assert recall == pytest.approx(sum(chosen) / sum(has for has, _, _ in drawn))


def test_a_threshold_among_ties_cannot_be_applied() -> None:
    raw = RawScores.of(QUESTIONS, ANSWERS)
    tied = dict.fromkeys(("a", "m", "n", "b"), 0.1)
    # the search stops after a, though m has the same null odds and would be answered too
    best, threshold = raw.best_threshold(raw.f1, tied)
    assert best == pytest.approx(100 * 8 / 12)
    assert threshold == 0.1
    answers = leave_unanswered(ANSWERS, tied, threshold)
    assert answers == ANSWERS
    assert leave_unanswered(ANSWERS, tied, threshold, as_google=True) == dict.fromkeys(ANSWERS, "")


@QUIET
def test_as_google_empties_what_is_at_the_threshold_and_applies_a_second_one() -> None:
    asked = [question(id_, "dog") for id_ in "abc"] + [question("n")]
    answers = {"a": "dog", "b": "dog", "c": "dog", "n": "cow"}
    null_odds = {"a": -1.0, "b": 1.5, "c": 2.0, "n": 5.0}
    given_ = ScoringOptions(null_odds=null_odds)
    assert score_squad2(asked, predicted(answers), given_)["best_f1"] == 100
    scores = score_squad2(
        asked, predicted(answers), ScoringOptions(null_odds=null_odds, as_google=True)
    )
    # c is at the threshold of 2.0; b is below it, but above 1.0
    assert scores == {"exact": 50, "f1": 50, "total": 4, "null_score_diff_threshold": 2.0}
    assert list(scores) == ["exact", "f1", "total", "null_score_diff_threshold"]


def test_questions_without_prediction_are_left_out() -> None:
    some = {id_: ANSWERS[id_] for id_ in ("a", "n")}
    with pytest.warns(UserWarning, match="2 of 4 questions have no prediction, the first is 'b'"):
        scores = score_squad2(QUESTIONS, predicted(some))
    assert (scores["total"], scores["HasAns_total"], scores["NoAns_total"]) == (2, 1, 1)
    with pytest.raises(ValueError, match="2 of 4 questions have no prediction"):
        score_squad2(QUESTIONS, predicted(some), ScoringOptions(strict=True))


def test_questions_without_null_odds_are_left_out() -> None:
    some = ScoringOptions(null_odds={"a": 0.5, "b": 0.25, "other": 0.1})
    with pytest.warns(UserWarning, match="2 of 4 questions have no null odds, the first is 'n'"):
        raw, null_odds = raw_scores(QUESTIONS, predicted(ANSWERS), some)
    assert list(raw.exact) == ["a", "b"]
    assert null_odds == {"a": 0.5, "b": 0.25}
    with pytest.raises(ValueError, match="2 of 4 questions have no null odds"):
        score_squad2(
            QUESTIONS, predicted(ANSWERS), ScoringOptions(null_odds={"a": 1, "b": 1}, strict=True)
        )


def test_null_odds_that_are_none_cause_a_warning() -> None:
    zeros = ScoringOptions(null_odds=dict.fromkeys(ANSWERS, 0.0))
    with pytest.warns(UserWarning, match="all null odds are 0, as in a file that holds none"):
        score_squad2(QUESTIONS, predicted(ANSWERS), zeros)
    logits = ScoringOptions(null_odds={**ODDS, "a": -7.5})
    with pytest.warns(UserWarning, match="are not probabilities, .* set --threshold"):
        score_squad2(QUESTIONS, predicted(ANSWERS), logits)


def test_answering_nothing_on_the_real_dev_set(shared_data: Path) -> None:
    questions = SQUAD2.read(SQUAD2.find(shared_data / "squad", "dev"))
    scores = SQUAD2.score(questions, [Prediction(each.id, "") for each in questions])
    # as the authors of the data published: half of the questions have no answer
    assert (scores["total"], scores["HasAns_total"], scores["NoAns_total"]) == (11873, 5928, 5945)
    assert round(scores["exact"], 2) == round(scores["f1"], 2) == 50.07


@pytest.mark.parametrize("option", [{"as_google": True}, {"curves": True}])
def test_what_needs_null_odds(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"null odds are needed here; .* --null-odds"):
        score_squad2(QUESTIONS, predicted(ANSWERS), ScoringOptions(**option))
