"""Functions that the tests run in workers; those can import this module."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    number: int
    marks: Path


def square(task: Task) -> int:
    return task.number**2


def die_once(task: Task) -> int:
    """Kill the worker in the middle of task 3, the first time that it is run."""
    if task.number == 3 and not (task.marks / "died").exists():
        (task.marks / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task.number


def die_always(task: Task) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return task.number


def refuse(task: Task) -> int:
    raise ValueError(f"task {task.number} is refused")
