"""All tasks by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from albertlm.settings import did_you_mean
from albertlm.tasks import glue, hans, race, squad, squad_v2
from albertlm.tasks.own import OwnData, own_task
from albertlm.tasks.task import Task

TASKS: dict[str, Task[Any]] = {
    task.name: task
    for task in (squad.SQUAD1, squad_v2.SQUAD2, *glue.TASKS, glue.AX, race.RACE, hans.HANS)
}
"""The tasks whose files have an official format."""

OWN = "own"
NAMES = (*TASKS, OWN)


def find_task(name: str, path: str | Path, data: OwnData | None = None) -> Task[Any]:
    """The task with a name; `own` is the one that a file poses.

    Args:
        name: one of `NAMES`.
        path: the training data, which shows what an own task is.
        data: what the user says about it.

    Raises:
        ValueError: there is no such task; the message suggests a similar name.
    """
    if name == OWN:
        return own_task(path, data)
    if name not in TASKS:
        hint = did_you_mean(name, NAMES, count=2) or ";"
        raise ValueError(f"unknown task {name!r}{hint} the tasks are {', '.join(NAMES)}")
    return TASKS[name]
