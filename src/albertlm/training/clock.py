"""Measure the time of a run's steps, and watch the time that it has left.

If the machine becomes slower than it was measured, the clock ends a run early enough to validate,
save and export it.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from albertlm import storage
from albertlm.data.batches import Position
from albertlm.training import snapshots
from albertlm.training.budget import Plan, Times, seconds_left
from albertlm.training.devices import resolve_execution
from albertlm.training.group import Group
from albertlm.training.run import AnyBatch, Run
from albertlm.training.run_config import Execution
from albertlm.training.snapshots import CLOCK, PLAN
from albertlm.training.steps import BegunStep, Steps
from albertlm.training.updates import Updater

Clock = Callable[[], float]
"""The seconds since some moment, which never go back."""

TIMED_STEPS, TIMED_SHARE = 8, 0.01
"""The number of steps of a phase that are timed, or the share of the time that they may take."""

NOTED_SHARE = 0.001
"""The share of the time between lines in the log of the clock; a kill loses no more."""


def measure(
    run: Run[AnyBatch],
    execution: Execution,
    group: Group,
    *,
    folder: Path,
    left: float,
    clock: Clock,
) -> Times:
    """Measure a run on this machine; its model is another one afterwards.

    Args:
        run: the run.
        execution: the options of the execution.
        group: the processes, all of which call this, and all get the times of the first.
        folder: checkpoints are written beside this folder.
        left: the time that is left, of which only a part is used.
        clock: measures the time.
    """
    execution = resolve_execution(execution, group.device)
    run.check(execution, group.size)
    run.begin(group.device, execution, resumed=False)
    updater = Updater(run.model, run.config, execution, group)
    steps = Steps(run, updater, execution, group)
    of_steps = []
    for number in range(len(run.config.phases)):
        run.enter_phase(number)
        seconds: list[float] = []
        before: BegunStep[AnyBatch] | None = None
        with run.stream(number, Position(), group, execution.workers) as batches:
            started = clock()
            for batch, after in batches:
                enough = len(seconds) > TIMED_STEPS or sum(seconds) > TIMED_SHARE * left
                step = steps.begin(number, 1, batch, after, wishes=(enough and len(seconds) > 1,))
                if before:  # a step late, as in training, where the device never waits
                    before.ended.wait()
                before, now = step, clock()
                seconds.append(now - started)
                started = now
                if step.agreed[0]:
                    step.ended.wait()
                    break
        # kernels are compiled in the first step, and some in the second, of perhaps only three
        of_steps.append(statistics.median_low(seconds[1:]))
    for examples in (group.size, execution.validation_examples):  # the first ones compile, too
        started = clock()
        run.validate(len(of_steps) - 1, examples, group, bf16=bool(execution.bf16))
    validated = clock()
    state = updater.state_dict()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".measured-") as temporary:
        if group.first:
            snapshots.save(Path(temporary), snapshots.Progress(), run.model, state, 1)
        group.wait()
        saved = clock()
        if group.first:
            run.export(Path(temporary) / "model")
        group.wait()
        exported = clock()
    times = [*of_steps, validated - started, saved - validated, exported - saved]
    own = torch.tensor(times if group.first else [0.0] * len(times), dtype=torch.float64)
    *told, validation, checkpoint, export = group.sum(own).tolist()
    return Times(steps=tuple(told), validation=validation, checkpoint=checkpoint, export=export)


class Watch:
    """Watches the time of a run, in the first process.

    The log of the clock has a line for the start of each process, one every now and then, and one
    where the clock ended the run; lines after the step from which the run resumes are removed.

    Args:
        plan: the plan of the run.
        folder: the folder of the run.
        clock: measures the time.
        started: what the clock said when this process began to work.
    """

    def __init__(self, plan: Plan, folder: Path, clock: Clock, started: float) -> None:
        self.plan, self.folder, self.clock, self.started = plan, folder, clock, started
        self.before = 0.0
        if snapshots.has_trained(folder):  # a killed process may have worked at two steps since
            self.before = worked(folder) + 2 * max(plan.times.steps)
        self._noted, self._between = -math.inf, NOTED_SHARE * self.left

    def begin(self, step: int) -> None:
        """Write the plan if it is new, and begin the log behind a step."""
        if not (self.folder / PLAN).is_file():
            storage.write_json(self.folder / PLAN, asdict(self.plan))
        kept = [row for row in _rows(self.folder) if row["step"] <= step]
        with storage.atomic_path(self.folder / CLOCK) as temporary:
            temporary.write_text("".join(f"{json.dumps(row)}\n" for row in kept), encoding="utf-8")
        self.note(step)

    @property
    def worked(self) -> float:
        """The seconds at work, those of earlier processes included."""
        return self.before + self.clock() - self.started

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return seconds_left(self.plan.budget, self.before, self.clock() - self.started)

    def is_over(self, phase: int, step: int) -> bool:
        """Whether a step of a phase, which begins now, must be the last one.

        The step before may not have ended, so there must be time for three steps, or for two if
        this is the last one of the plan.
        """
        after = sum(self.plan.steps) - step
        return self.left < self.plan.times.reserve(phase, 2 + min(1, after))

    def note(self, step: int, *, ended: bool = False) -> None:
        """Log the time at work after a step, if the last line is some seconds old."""
        if ended or self.worked - self._noted >= self._between:
            self._noted = self.worked
            row = {"step": step, "worked": round(self._noted, 3)} | (
                {"ended": True} if ended else {}
            )
            with (self.folder / CLOCK).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def worked(folder: Path) -> float:
    """The seconds for which a run has worked, from its log of the clock."""
    return max((float(row["worked"]) for row in _rows(folder)), default=0.0)


def _rows(folder: Path) -> list[dict[str, Any]]:
    path = folder / CLOCK
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
