"""Signs that a fine-tuning run has learned nothing.

Source: Mosbach et al. 2021 and Zhang et al. 2021, on runs of BERT that fail on small data sets.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from albertlm.evaluation.tasks import TaskEvaluation
from albertlm.tasks.task import Example, Prediction, Task, TaskHead

FLAT = 0.98
"""The loss is flat if the mean of its last quarter is more than this share of the first's."""

LEAST_LINES = 8
"""Lines of a log of losses below which it says nothing."""

STANDARD_ERRORS = 2.0

LEAST_EXAMPLES = 50
"""Dev examples below which a score near the baseline says nothing."""

CORRELATIONS = ("matthews", "pearson", "spearman")
"""Scores that are 0 for predictions that know nothing."""

SHARES = ("accuracy", "f1", "macro_f1")
"""Scores of classes of which a constant prediction has some."""


def find_failure(
    task: Task[Any],
    examples: Sequence[Example[Any]],
    found: TaskEvaluation,
    metric: str,
    losses: Sequence[float],
) -> str | None:
    """Why a run has failed, as the end of a sentence; None if there is no sign of it.

    Args:
        task: the task.
        examples: the dev data.
        found: what the kept model predicts for it.
        metric: the score by which the model was selected.
        losses: means of the training loss over equal numbers of steps, in their order.
    """
    golds = {value for example in examples for value in _values(example.label, task)}
    values = {value for each in found.predictions for value in _values(each.value, task)}
    if len(values) == 1 and len(golds) > 1:
        (value,) = values
        return f"it predicts {value or 'no answer'} for every {_UNITS[task.head]}"
    if (told := _as_good_as_guessing(task, examples, found.scores, metric)) is not None:
        return told
    quarter = len(losses) // 4
    if len(losses) >= LEAST_LINES:
        first, last = (math.fsum(part) for part in (losses[:quarter], losses[-quarter:]))
        if not last < FLAT * first:
            return f"the loss stayed at {last / quarter:.4f}"
    return None


_UNITS: Mapping[TaskHead, str] = {
    "sequence-classification": "example",
    "multiple-choice": "example",
    "token-classification": "word",
    "question-answering": "question",
}


def _values(label: Any, task: Task[Any]) -> Iterable[str]:
    """What is predicted at a time: the tags of words, the answer of a question, or a label."""
    match task.head:
        case "token-classification":
            return map(str, label)
        case "question-answering" if not isinstance(label, str):
            return [answer.text for answer in label] or [""]
    return [str(label)]


def _as_good_as_guessing(
    task: Task[Any], examples: Sequence[Example[Any]], scores: dict[str, float], metric: str
) -> str | None:
    """That the score is within two standard errors of one that needs no model, if it is."""
    if len(examples) < LEAST_EXAMPLES:
        return None
    if metric in CORRELATIONS:
        baseline, error = 0.0, 1 / math.sqrt(len(examples))
    elif metric in SHARES and all(isinstance(example.label, str) for example in examples):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # all other classes are never predicted
            baseline = max(
                task.score(examples, [Prediction(each.id, value) for each in examples])[metric]
                for value in {example.label for example in examples}
            )
        error = math.sqrt(baseline * (1 - baseline) / len(examples))
    else:
        return None
    if error and scores[metric] <= baseline + STANDARD_ERRORS * error:
        return (
            f"its {metric} of {scores[metric]:.4f} is within {STANDARD_ERRORS:.0f} standard errors "
            f"({error:.4f}) of the {baseline:.4f} that a constant prediction has"
        )
    return None
