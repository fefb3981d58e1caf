"""Files of predictions on the test sets of GLUE, in the form that its server accepts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from albertlm import storage
from albertlm.tasks.classification import number
from albertlm.tasks.hans import as_two_classes
from albertlm.tasks.task import Prediction, Task

FILES = {
    "cola": "CoLA",
    "sst2": "SST-2",
    "mrpc": "MRPC",
    "qqp": "QQP",
    "stsb": "STS-B",
    "mnli": "MNLI-m",
    "qnli": "QNLI",
    "rte": "RTE",
    "wnli": "WNLI",
    "ax": "AX",
}
"""The official names of the files without `.tsv`; that of mismatched pairs is `MNLI-mm`."""

NUMBERED = ("cola", "sst2", "mrpc", "qqp", "wnli")
"""The tasks whose classes are numbers there; those of the others have their names."""

LEAST, MOST = 0.0, 5.0
"""The range of the scores of STS-B."""


def submission_name(task: Task[Any], split: str | None) -> str | None:
    """The official name of the file for a split; None for a task that is not one of GLUE."""
    if task.name not in FILES:
        return None
    mismatched = task.name == "mnli" and "mismatched" in (split or "")
    return FILES[task.name] + "m" * mismatched + ".tsv"


def write_submission(path: Path, task: Task[Any], predictions: Iterable[Prediction]) -> None:
    """Write a table with the columns `index` and `prediction`.

    The scores of STS-B are cut to its range, and the three classes that a model for MNLI predicts
    for RTE become two.

    Args:
        path: the file to write.
        task: one of GLUE.
        predictions: with the names of its classes, or numbers for STS-B.

    Raises:
        ValueError: a prediction is no class of the task.
    """
    with (
        storage.atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.write("index\tprediction\n")
        for each in predictions:
            file.write(f"{each.id}\t{_value(task, each)}\n")


def _value(task: Task[Any], prediction: Prediction) -> str:
    if task.labels is None:
        return f"{min(MOST, max(LEAST, number(prediction.value, prediction.where))):.3f}"
    label = str(prediction.value)
    if task.name == "rte":
        label = as_two_classes(label, task.labels, prediction.where)
    return str(task.labels.index(label)) if task.name in NUMBERED else label
