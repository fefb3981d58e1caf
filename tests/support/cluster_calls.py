"""Functions that tests run in the processes of a Ray cluster."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import torch

from albertlm.training.group import Group


@dataclass(frozen=True)
class Job:
    """The trouble that the last process makes: `none`, `die`, `die once` or `refuse`."""

    marks: Path
    trouble: str = "none"


def work(job: Job) -> tuple[int, float]:
    """The number of calls of this process, and the sum of all ranks counted from 1."""
    with Group.join("cpu") as group:
        calls = job.marks / f"{group.rank}"
        with calls.open("a", encoding="utf-8") as file:
            file.write("called\n")
        count = len(calls.read_text("utf-8").splitlines())
        if group.rank == group.size - 1:
            if job.trouble == "die" or (job.trouble == "die once" and count == 1):
                os.kill(os.getpid(), signal.SIGKILL)
            if job.trouble == "refuse":
                raise ValueError("the job is refused")
        return count, group.sum(torch.tensor(group.rank + 1.0)).item()
