"""SQuAD 2.0, in which some questions have no answer: its official scores and thresholds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from albertlm.tasks.squad import (
    Question,
    answers_by_id,
    exact,
    f1_of_words,
    gold_texts,
    normalized,
    read_squad,
    tell_missing,
)
from albertlm.tasks.task import DEFAULTS, Prediction, Scores, ScoringOptions, Task

Values = Mapping[str, float]
"""A number for each id of a question."""


def f1_of_answer(prediction: str, gold: str) -> float:
    """F1 as version 2.0 has it: an answer without words is right where the other has none too."""
    predicted, right = normalized(prediction), normalized(gold)
    return f1_of_words(prediction, gold) if predicted and right else float(predicted == right)


@dataclass(frozen=True)
class PrecisionRecall:
    """A curve of precision and recall, from recall 0 on, and 100 times the area under it."""

    precisions: list[float]
    recalls: list[float]
    average: float


@dataclass(frozen=True)
class RawScores:
    """Scores of answers as they are given, by question, before any threshold is applied.

    Fields:
        exact, f1: from 0 to 1.
        answers: the predicted answers.
        has_answer: whether the question has an answer.
    """

    exact: dict[str, float]
    f1: dict[str, float]
    answers: dict[str, str]
    has_answer: dict[str, bool]

    @classmethod
    def of(cls, questions: Sequence[Question], answers: Mapping[str, str]) -> RawScores:
        """Score the questions that have a prediction, in their order."""
        asked = [question for question in questions if question.id in answers]
        golds = {
            # gold answers that are empty once normalised count only where there is no other
            question.id: [text for text in gold_texts(question) if normalized(text)] or [""]
            for question in asked
        }
        given = {question.id: answers[question.id] for question in asked}
        return cls(
            {id_: max(exact(given[id_], gold) for gold in golds[id_]) for id_ in given},
            {id_: max(f1_of_answer(given[id_], gold) for gold in golds[id_]) for id_ in given},
            given,
            {question.id: bool(question.label) for question in asked},
        )

    def above(self, null_odds: Values, threshold: float) -> tuple[Values, Values]:
        """Both scores if the questions with null odds above a threshold are not answered."""

        def cut(scores: Values) -> dict[str, float]:
            return {
                id_: float(not self.has_answer[id_]) if null_odds[id_] > threshold else score
                for id_, score in scores.items()
            }

        return cut(self.exact), cut(self.f1)

    def best_threshold(self, scores: Values, null_odds: Values) -> tuple[float, float]:
        """The best score over all thresholds in percent, and the threshold.

        Questions at the threshold count as answered. Questions with equal null odds are not
        treated together, as in the official script, so that a threshold among them cannot be
        applied; the threshold 0.0 is returned where answering nothing is best.

        Args:
            scores: what an answer counts, by question.
            null_odds: for the same questions.
        """
        current = best = float(sum(not has for has in self.has_answer.values()))
        threshold = 0.0
        for id_ in sorted(null_odds, key=null_odds.__getitem__):
            if self.has_answer[id_]:
                current += scores[id_]
            elif self.answers[id_]:
                current -= 1
            if current > best:
                best, threshold = current, null_odds[id_]
        return 100.0 * best / len(scores), threshold

    def precision_recall(self, scores: Values, null_odds: Values) -> PrecisionRecall:
        """The curve over all thresholds that can be applied.

        Args:
            scores: what an answer counts, by question; questions without an answer count nothing.
            null_odds: for the same questions.
        """
        with_answer = sum(self.has_answer.values())
        order = sorted(null_odds, key=null_odds.__getitem__)
        precisions, recalls, right, area = [1.0], [0.0], 0.0, 0.0
        for number, id_ in enumerate(order, start=1):
            if self.has_answer[id_]:
                right += scores[id_]
            if number == len(order) or null_odds[id_] != null_odds[order[number]]:
                precision, recall = right / number, right / with_answer
                area += precision * (recall - recalls[-1])
                precisions.append(precision)
                recalls.append(recall)
        return PrecisionRecall(precisions, recalls, 100.0 * area)

    def curves(self, null_odds: Values) -> dict[str, PrecisionRecall]:
        """The official curves: of exact matches, of F1, and of an oracle that is always right.

        Raises:
            ValueError: no question has an answer.
        """
        if not any(self.has_answer.values()):
            raise ValueError("no question has an answer, so there is no recall to draw; use others")
        oracle = {id_: float(has) for id_, has in self.has_answer.items()}
        named = {"pr_exact": self.exact, "pr_f1": self.f1, "pr_oracle": oracle}
        return {name: self.precision_recall(scores, null_odds) for name, scores in named.items()}


def leave_unanswered(
    answers: Mapping[str, str], null_odds: Values, threshold: float, *, as_google: bool = False
) -> dict[str, str]:
    """The answers, empty where the null odds are above a threshold.

    Args:
        answers: by question.
        null_odds: for the same questions.
        threshold: such as that of `best_threshold`, which counts questions at it as answered.
        as_google: whether those at the threshold are empty too, as Google's code for ALBERT has it.
    """
    return {
        id_: answer
        if null_odds[id_] < threshold or (null_odds[id_] == threshold and not as_google)
        else ""
        for id_, answer in answers.items()
    }


def raw_scores(
    questions: Sequence[Question],
    predictions: Sequence[Prediction],
    options: ScoringOptions = DEFAULTS,
) -> tuple[RawScores, dict[str, float] | None]:
    """The scores of the questions that have a prediction and, if there are any, their null odds.

    The official script ends with an error where some are missing; here they are left out, with a
    warning.

    Raises:
        ValueError: some are missing and `options.strict` is set, or all are.
    """
    answers, odds = answers_by_id(predictions), options.null_odds
    ids = [question.id for question in questions]
    missing = [id_ for id_ in ids if id_ not in answers]
    tell_missing(missing, len(ids), "prediction", strict=options.strict)
    if odds is None:
        return RawScores.of(questions, answers), None
    missing = [id_ for id_ in ids if id_ in answers and id_ not in odds]
    tell_missing(missing, len(ids), "null odds", strict=options.strict)
    raw = RawScores.of(questions, {id_: text for id_, text in answers.items() if id_ in odds})
    if not any(odds.values()):
        warnings.warn(
            "all null odds are 0, as in a file that holds none; the best thresholds mean nothing",
            stacklevel=3,
        )
    # in the order of their file, which decides among equal ones
    return raw, {id_: value for id_, value in odds.items() if id_ in raw.answers}


def score_squad2(
    questions: Sequence[Question],
    predictions: Sequence[Prediction],
    options: ScoringOptions = DEFAULTS,
) -> Scores:
    """The scores of the official script of version 2.0, in percent and in its order.

    With null odds, questions whose null odds are above `options.threshold` count as not answered,
    and the best thresholds are searched. With `options.as_google`, the answers at or above the
    best threshold for F1 are emptied first, and the result is what Google's code reports.

    Raises:
        ValueError: an id is missing and `options.strict` is set, or all are; or null odds are
            needed and there are none.

    Source: evaluate-v2.0.py of SQuAD; `evaluate_v2` in squad_utils.py of google-research/albert.
    """
    raw, odds = raw_scores(questions, predictions, options)
    if odds is None:
        if options.as_google or options.curves:
            raise ValueError("null odds are needed here; name their file with --null-odds")
        return _breakdown(raw, raw.exact, raw.f1)
    if options.as_google:
        _, best = raw.best_threshold(raw.f1, odds)
        answers = leave_unanswered(raw.answers, odds, best, as_google=True)
        cut = RawScores.of(questions, answers).above(odds, threshold=1.0)
        return {**_summary(*cut), "null_score_diff_threshold": best}
    if options.threshold == 1.0 and not all(0 <= value <= 1 for value in odds.values()):
        warnings.warn(
            "the null odds are not probabilities, and those above the threshold of 1.0 count as "
            "not answered; set --threshold",
            stacklevel=2,
        )
    scores = _breakdown(raw, *raw.above(odds, options.threshold))
    for name, of_question in (("exact", raw.exact), ("f1", raw.f1)):
        scores[f"best_{name}"], scores[f"best_{name}_thresh"] = raw.best_threshold(
            of_question, odds
        )
    if options.curves and any(raw.has_answer.values()):
        for name, curve in raw.curves(odds).items():
            scores[f"{name}_ap"] = curve.average
    return scores


def _summary(exact_scores: Values, f1_scores: Values) -> Scores:
    total = len(exact_scores)
    return {
        "exact": 100.0 * sum(exact_scores.values()) / total,
        "f1": 100.0 * sum(f1_scores.values()) / total,
        "total": total,
    }


def _breakdown(raw: RawScores, exact_scores: Values, f1_scores: Values) -> Scores:
    """The scores of all questions, of those with an answer, and of those without."""
    scores = _summary(exact_scores, f1_scores)
    for prefix, wanted in (("HasAns", True), ("NoAns", False)):
        ids = [id_ for id_, has in raw.has_answer.items() if has == wanted]
        if ids:
            part = _summary(*({i: each[i] for i in ids} for each in (exact_scores, f1_scores)))
            scores |= {f"{prefix}_{name}": value for name, value in part.items()}
    return scores


SQUAD2 = Task(
    name="squad2",
    head="question-answering",
    read=read_squad,
    score=score_squad2,
    metrics=("f1", "exact"),
    main_metric="f1",
    splits={"train": ("train-v2.0.json",), "dev": ("dev-v2.0.json",)},
)
