"""Signs that a fine-tuning run has learned nothing.

Source: Mosbach et al. 2021 and Zhang et al. 2021, on runs of BERT that fail on small data sets.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from albertlm.evaluation.tasks import TaskEvaluation
from albertlm.tasks.task import Example, Prediction, Task

FLAT = 0.98
"""The loss is flat if the mean of its last quarter is more than this share of the first's."""

LEAST_LINES = 8
"""Lines of a log of losses below which it says nothing."""

STANDARD_ERRORS = 2.0

LEAST_EXAMPLES = 50
"""Dev examples below which a score near the baseline says nothing."""

CORRELATIONS = ("matthews", "pearson", "spearman")
"""Scores that are 0 for predictions that know nothing."""


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
    if task.head in ("sequence-classification", "multiple-choice"):
        golds = [example.label for example in examples]
        values = {str(each.value) for each in found.predictions}
        if len(values) == 1 and len(set(golds)) > 1:
            return f"it predicts {values.pop()} for every example"
    if (told := _as_good_as_guessing(task, examples, found.scores, metric)) is not None:
        return told
    quarter = len(losses) // 4
    if len(losses) >= LEAST_LINES:
        first, last = (math.fsum(part) for part in (losses[:quarter], losses[-quarter:]))
        if not last < FLAT * first:
            return f"the loss stayed at {last / quarter:.4f}"
    return None


def _as_good_as_guessing(
    task: Task[Any], examples: Sequence[Example[Any]], scores: dict[str, float], metric: str
) -> str | None:
    """That the score is within two standard errors of one that needs no model, if it is."""
    if len(examples) < LEAST_EXAMPLES:
        return None
    if metric in CORRELATIONS:
        baseline, error = 0.0, 1 / math.sqrt(len(examples))
    elif metric == "accuracy" and task.head in ("sequence-classification", "multiple-choice"):
        (value, _), *_ = Counter(example.label for example in examples).most_common(1)
        constant = [Prediction(example.id, value) for example in examples]
        baseline = task.score(examples, constant)[metric]
        error = math.sqrt(baseline * (1 - baseline) / len(examples))
    else:
        return None
    if error and scores[metric] <= baseline + STANDARD_ERRORS * error:
        return (
            f"its {metric} of {scores[metric]:.4f} is within {STANDARD_ERRORS:.0f} standard errors "
            f"({error:.4f}) of the {baseline:.4f} that a constant prediction has"
        )
    return None
