"""Logits of starts and ends in the windows of a context to answers.

C tokens of the context in a window, N tokens of an answer at most.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from albertlm.tasks.windows import TextWindow
from albertlm.tasks.words import CharSpans

N_BEST = 20
"""The number of different answers that compete for the probability, as in Google's code."""

NO_SPAN = -1e6
"""The logit of the start and of the end of an answer where no span can be one."""

Doubles = npt.NDArray[np.float64]


class AnswerSpan(NamedTuple):
    """A possible answer in a window.

    Fields:
        first: its first token, counted from the beginning of the window's part of the context.
        last: its last token.
        start_score: the logit or log-probability of the start.
        end_score: the same of the end.
    """

    first: int
    last: int
    start_score: float
    end_score: float


class Candidate(NamedTuple):
    """A possible answer.

    Fields:
        text: what the context has between `start` and `end`, in characters.
        start: its first character.
        end: the one after its last.
        start_score: the logit or log-probability of the start.
        end_score: the same of the end.
    """

    text: str
    start: int
    end: int
    start_score: float
    end_score: float

    @property
    def score(self) -> float:
        return self.start_score + self.end_score


class WindowAnswers(NamedTuple):
    """What a window says: candidates with different texts, and the score of "no answer"."""

    candidates: Sequence[Candidate]
    null_score: float


class Answer(TypedDict):
    """An answer as the hub's task has it; `answer` is empty where there is none."""

    answer: str
    score: float
    start: int
    end: int


class NBestEntry(TypedDict):
    """An entry of `nbest_predictions.json`."""

    text: str
    probability: float
    start_log_prob: float
    end_log_prob: float


@dataclass(frozen=True)
class Answers:
    """The answers of a question.

    Fields:
        candidates: different texts, best first; there may be none.
        null_odds: the logarithm of the odds of "no answer" to the best candidate.
    """

    candidates: Sequence[Candidate]
    null_odds: float

    @property
    def best(self) -> str:
        """The text of the best candidate; empty if there is none."""
        return self.candidates[0].text if self.candidates else ""

    def ranked(self, top_k: int, *, may_be_impossible: bool) -> list[Answer]:
        """The most probable answers, by one softmax over all candidates.

        Args:
            top_k: the number of answers.
            may_be_impossible: whether "no answer" is a candidate, too. It wins if its odds to the
                best other one are above 1. If nothing else is a candidate, it always is.
        """
        answers = [
            Answer(answer=c.text, score=0, start=c.start, end=c.end) for c in self.candidates
        ]
        scores = [candidate.score for candidate in self.candidates]
        if may_be_impossible or not answers:
            answers.append(Answer(answer="", score=0, start=0, end=0))
            scores.append(scores[0] + self.null_odds if scores else 0.0)
        for answer, probability in zip(answers, _softmax(scores), strict=True):
            answer["score"] = probability
        return sorted(answers, key=lambda answer: -answer["score"])[:top_k]

    def n_best(self, *, may_be_impossible: bool) -> list[NBestEntry]:
        """The candidates as in the file `nbest_predictions.json` of Google's code.

        Args:
            may_be_impossible: what is written where there is no candidate: an empty text as for
                SQuAD 2.0, or `empty` as for SQuAD 1.1.

        Source: `write_predictions_v1` and `write_predictions_v2` of squad_utils.py.
        """
        empty = Candidate("empty", 0, 0, 0.0, 0.0)
        if may_be_impossible:
            empty = Candidate("", 0, 0, NO_SPAN, NO_SPAN)
        candidates = self.candidates or [empty]
        probabilities = _softmax([candidate.score for candidate in candidates])
        return [
            NBestEntry(
                text=candidate.text,
                probability=probability,
                start_log_prob=candidate.start_score,
                end_log_prob=candidate.end_score,
            )
            for candidate, probability in zip(candidates, probabilities, strict=True)
        ]


def best_spans(
    start_C: Doubles, end_C: Doubles, window: TextWindow, most_tokens: int
) -> Iterator[AnswerSpan]:
    """All spans of a window that may be an answer, by decreasing sum of their two logits.

    Args:
        start_C: the logit of an answer that starts at each token of the context.
        end_C: the logit of an answer that ends there.
        window: where the tokens are.
        most_tokens: the number of tokens of the longest answer.
    """
    may_start, may_end = _bounds(window)
    if not may_end.any():
        return
    most = min(most_tokens, len(start_C))
    ends = np.concatenate([np.where(may_end, end_C, -np.inf), np.full(most - 1, -np.inf)])
    sums_CN = np.lib.stride_tricks.sliding_window_view(ends, most).copy()
    sums_CN += np.where(may_start, start_C, -np.inf)[:, None]
    flat = sums_CN.ravel()
    for at in np.argsort(-flat, kind="stable")[: np.isfinite(flat).sum()].tolist():
        first, more = divmod(at, most)
        yield AnswerSpan(first, first + more, float(start_C[first]), float(end_C[first + more]))


def allowed_spans(
    spans: Iterable[AnswerSpan], window: TextWindow, most_tokens: int
) -> list[AnswerSpan]:
    """The spans that may be an answer, by decreasing sum of their scores.

    Args:
        spans: of a window, such as those of a beam; they may lie outside of the context.
        window: where the tokens are.
        most_tokens: the number of tokens of the longest answer.
    """
    may_start, may_end = _bounds(window)
    count = len(may_start)
    kept = [
        span
        for span in spans
        if 0 <= span.first <= span.last < min(count, span.first + most_tokens)
        and may_start[span.first]
        and may_end[span.last]
    ]
    return sorted(kept, key=lambda span: -(span.start_score + span.end_score))


def candidates(
    context: str,
    window: TextWindow,
    spans: Iterable[AnswerSpan],
    count: int = N_BEST,
    *,
    words: CharSpans | None = None,
) -> list[Candidate]:
    """The first spans of a window with different texts.

    Args:
        context: the whole context.
        window: where the tokens are.
        spans: best first.
        count: the number of texts.
        words: parts of the context that spans include as a whole or not at all.
    """
    found: dict[str, Candidate] = {}
    for span in spans:
        start, end = int(window.spans[span.first, 0]), int(window.spans[span.last, 1])
        if words:
            start, end = _around(start, words)[0], _around(end - 1, words)[1]
        text = context[start:end]
        found.setdefault(text, Candidate(text, start, end, span.start_score, span.end_score))
        if len(found) == count:
            break
    return list(found.values())


def merge(windows: Sequence[WindowAnswers], *, null_is_odds: bool, count: int = N_BEST) -> Answers:
    """The answers of a question from what each of its windows says.

    Args:
        windows: candidates with different texts, and the score of "no answer", of which the lowest
            one counts.
        null_is_odds: whether that score is compared with 0, as that of Google's head for SQuAD 2.0
            is, and not with the score of the best candidate.
        count: the number of different texts that are kept.
    """
    merged: dict[str, Candidate] = {}
    every = (candidate for window in windows for candidate in window.candidates)
    for candidate in sorted(every, key=lambda candidate: -candidate.score):
        merged.setdefault(candidate.text, candidate)
    kept = list(merged.values())[:count]
    null_score = min(window.null_score for window in windows)
    if not null_is_odds:
        null_score -= kept[0].score if kept else 2 * NO_SPAN
    return Answers(kept, null_score)


def _around(at: int, words: CharSpans) -> tuple[int, int]:
    """The word that a character is in, or the character alone."""
    number = bisect_right(words, at, key=lambda word: word[0]) - 1
    inside = number >= 0 and at < words[number][1]
    return words[number] if inside else (at, at + 1)


def _bounds(window: TextWindow) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Where an answer may start, (C,), and where it may end, (C,).

    It starts and ends at a token that shows a character, and starts where the window gives more
    context than any other. A context without a single known token has no answer.
    """
    shows = (window.spans[:, 1] > window.spans[:, 0]) & window.is_known
    return shows & window.has_most_context, shows


def _softmax(scores: Sequence[float]) -> list[float]:
    shifted = np.exp(np.array(scores) - max(scores))
    probabilities: list[float] = (shifted / shifted.sum()).tolist()
    return probabilities
