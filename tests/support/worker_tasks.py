"""Functions that tests run in workers, which can import this module."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    number: int
    marks: Path


def square(task: Task) -> int:
    return task.number**2


def threads(task: Task) -> str | None:
    """The number of threads that libraries of this worker compute in."""
    return os.environ.get("OMP_NUM_THREADS")


def die_once(task: Task) -> int:
    """Kill the worker in the middle of task 3 when it first runs."""
    if task.number == 3 and not (task.marks / "died").exists():
        (task.marks / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task.number


def die_always(task: Task) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return task.number


def refuse(task: Task) -> int:
    raise ValueError(f"task {task.number} is refused")


def linger(task: Task) -> int:
    """Return the number of task 0, and work on all others for minutes."""
    if task.number:
        time.sleep(600)
    return task.number
