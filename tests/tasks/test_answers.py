"""Answers from logits: against a plain loop, Google's rules, and what must never crash."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.tasks.answers import (
    Answers,
    AnswerSpan,
    Candidate,
    WindowAnswers,
    allowed_spans,
    best_spans,
    candidates,
    merge,
)
from albertlm.tasks.windows import TextWindow

CONTEXT = "one two three two one six seven eight"
WORDS = [(0, 3), (4, 7), (8, 13), (14, 17), (18, 21), (22, 25), (26, 31), (32, 37)]


def window(
    start: int = 0, stop: int = 8, most: list[bool] | None = None, *, is_known: bool = True
) -> TextWindow:
    """The words `start:stop` of the context as a window."""
    count = stop - start
    spans = np.array(WORDS[start:stop], np.int64).reshape(-1, 2)
    best = np.array([True] * count if most is None else most, bool)
    return TextWindow([2, *range(5, 5 + count), 3], [0] * (count + 2), 1, spans, best, is_known)


def answers(*scored: tuple[str, float], null_odds: float = 0.0) -> Answers:
    """Candidates with the given scores."""
    return Answers([Candidate(text, 0, len(text), s, 0.0) for text, s in scored], null_odds)


@given(data=st.data(), count=st.integers(1, 8), most_tokens=st.integers(1, 10))
def test_the_best_spans_are_those_of_a_loop(
    data: st.DataObject, count: int, most_tokens: int
) -> None:
    logits = st.lists(st.floats(-9, 9), min_size=count, max_size=count)
    starts, ends = data.draw(logits), data.draw(logits)
    most = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    found = list(best_spans(np.array(starts), np.array(ends), window(0, count, most), most_tokens))
    expected = [
        AnswerSpan(first, last, starts[first], ends[last])
        for first in range(count)
        for last in range(first, min(count, first + most_tokens))
        if most[first]
    ]
    assert sorted(found) == sorted(expected)
    totals = [span.start_score + span.end_score for span in found]
    assert totals == sorted(totals, reverse=True)


def test_spans_of_a_beam_outside_of_the_context_are_left_out() -> None:
    most = [True, True, False, True, True, True, True, True]
    spans = [
        AnswerSpan(-1, 2, 0.0, 0.0),
        AnswerSpan(3, 2, 0.0, 0.0),
        AnswerSpan(2, 3, 0.0, 0.0),  # another window has more context
        AnswerSpan(5, 8, 0.0, 0.0),
        AnswerSpan(0, 3, 0.0, 0.0),  # too long
        AnswerSpan(0, 2, -2.0, 0.0),
        AnswerSpan(4, 4, -1.0, 0.0),
    ]
    found = allowed_spans(spans, window(most=most), most_tokens=3)
    assert found == [spans[6], spans[5]]


def test_pieces_that_show_nothing_neither_start_nor_end_an_answer() -> None:
    """Such as the piece for a space alone, whose text would be that of its neighbour."""
    spans = np.array([(0, 0), (0, 3), (4, 4), (4, 7)])
    empty = TextWindow([2, 5, 6, 7, 8, 3], [0] * 6, 1, spans, np.ones(4, bool), True)
    found = best_spans(np.array([9.0, 1, 9, 0]), np.array([9.0, 1, 9, 0]), empty, 4)
    assert [(span.first, span.last) for span in found] == [(1, 1), (1, 3), (3, 3)]


def test_no_answer_is_judged_by_the_window_that_doubts_it_most() -> None:
    """Two windows with null logits 3 and -1, and the best span has 2 in the first."""
    spans = candidates(CONTEXT, window(), [AnswerSpan(1, 2, 1.5, 0.5), AnswerSpan(0, 0, -1.0, 0.0)])
    windows = [WindowAnswers(spans, 3.0), WindowAnswers([], -1.0)]
    found = merge(windows, null_is_odds=False)
    assert found.null_odds == -1.0 - 2.0
    (best,) = found.ranked(1, may_be_impossible=True)
    assert (best["answer"], best["start"], best["end"]) == ("two three", 4, 13)
    total = math.exp(2) + math.exp(-1) + math.exp(-1)
    assert best["score"] == pytest.approx(math.exp(2) / total)
    assert merge(windows, null_is_odds=True).null_odds == -1.0


def test_one_softmax_over_the_candidates_of_all_windows() -> None:
    first = [Candidate("a", 0, 1, 1.0, 1.0), Candidate("b", 2, 3, 0.0, 0.0)]
    second = [Candidate("c", 4, 5, 3.0, 0.0)]
    windows = [WindowAnswers(first, 0.0), WindowAnswers(second, 0.0)]
    ranked = merge(windows, null_is_odds=True).ranked(5, may_be_impossible=False)
    total = sum(map(math.exp, (3, 2, 0)))
    assert [answer["answer"] for answer in ranked] == ["c", "a", "b"]
    np.testing.assert_allclose(
        [answer["score"] for answer in ranked], [math.exp(score) / total for score in (3, 2, 0)]
    )


def test_equal_texts_are_merged_before_top_k() -> None:
    """Three windows, the same text twice, top_k=3: three different answers."""
    windows = [
        [Candidate("two", 4, 7, 3.0, 0.0), Candidate("one", 0, 3, 1.0, 0.0)],
        [Candidate("two", 14, 17, 2.0, 0.0)],
        [Candidate("six", 22, 25, 0.0, 0.0)],
    ]
    found = merge([WindowAnswers(each, 0.0) for each in windows], null_is_odds=True)
    ranked = found.ranked(3, may_be_impossible=False)
    assert [(each["answer"], each["start"]) for each in ranked] == [
        ("two", 4),
        ("one", 0),
        ("six", 22),
    ]


def test_candidates_of_a_window_have_different_texts() -> None:
    spans = [
        AnswerSpan(1, 1, 3.0, 0.0),
        AnswerSpan(3, 3, 2.0, 0.0),
        AnswerSpan(0, 0, 1.0, 0.0),
        AnswerSpan(5, 5, 0, 0),
    ]
    found = candidates(CONTEXT, window(), spans, 2)
    assert [(each.text, each.start) for each in found] == [("two", 4), ("one", 0)]


@pytest.mark.parametrize("impossible", [True, False])
@pytest.mark.parametrize("null_is_odds", [True, False])
@pytest.mark.parametrize("empty", [window(0, 0), window(is_known=False)])
def test_nothing_to_answer_with(empty: TextWindow, null_is_odds: bool, impossible: bool) -> None:
    """Where no span can be an answer, there is none, for certain."""
    logits = np.zeros(len(empty.spans))
    assert list(best_spans(logits, logits, empty, 30)) == []
    assert allowed_spans([AnswerSpan(0, 0, 1.0, 1.0)], empty, 30) == []
    found = merge([WindowAnswers([], -2.0)], null_is_odds=null_is_odds)
    assert found.best == ""
    assert math.isfinite(found.null_odds)
    expected = {"answer": "", "score": 1.0, "start": 0, "end": 0}
    assert found.ranked(3, may_be_impossible=impossible) == [expected]


def test_no_answer_competes_by_its_odds_to_the_best() -> None:
    found = answers(("a", 2.0), ("b", 1.0), null_odds=0.5)
    ranked = found.ranked(3, may_be_impossible=True)
    assert [answer["answer"] for answer in ranked] == ["", "a", "b"]
    assert ranked[0]["score"] / ranked[1]["score"] == pytest.approx(math.exp(0.5))
    assert sum(answer["score"] for answer in ranked) == pytest.approx(1)
    assert found.ranked(1, may_be_impossible=False)[0]["answer"] == "a"
    assert found.best == "a"
    tied = answers(("a", 2.0), null_odds=0.0)
    assert tied.ranked(1, may_be_impossible=True)[0]["answer"] == "a"


def test_n_best_as_google_writes_it() -> None:
    found = Answers([Candidate("a", 0, 1, 1.0, 0.5), Candidate("b", 2, 3, 0.25, 0.0)], 0.0)
    total = math.exp(1.5) + math.exp(0.25)
    entries = found.n_best(may_be_impossible=True)
    assert json.loads(json.dumps(entries)) == [
        {
            "text": "a",
            "probability": pytest.approx(math.exp(1.5) / total),
            "start_log_prob": 1.0,
            "end_log_prob": 0.5,
        },
        {
            "text": "b",
            "probability": pytest.approx(math.exp(0.25) / total),
            "start_log_prob": 0.25,
            "end_log_prob": 0.0,
        },
    ]
    assert list(entries[0]) == ["text", "probability", "start_log_prob", "end_log_prob"]


@pytest.mark.parametrize(("impossible", "text", "logit"), [(False, "empty", 0.0), (True, "", -1e6)])
def test_n_best_of_nothing(impossible: bool, text: str, logit: float) -> None:
    entry = {
        "text": text,
        "probability": 1.0,
        "start_log_prob": logit,
        "end_log_prob": logit,
    }
    assert Answers([], 0.0).n_best(may_be_impossible=impossible) == [entry]


def test_candidates_are_extended_to_words() -> None:
    """Where they begin or end within one."""
    words = [(0, 7), (8, 13), (31, 37)]
    spans = [
        AnswerSpan(1, 2, 2.0, 0.0),
        AnswerSpan(0, 1, 1.0, 0.0),
        AnswerSpan(0, 0, 1.0, 0.0),
        AnswerSpan(4, 5, 0, 0),
    ]
    found = candidates(CONTEXT, window(), spans, words=words)
    assert [(each.text, each.start, each.end) for each in found] == [
        ("one two three", 0, 13),
        ("one two", 0, 7),
        ("one six", 18, 25),
    ]
