"""Measure the time of a run's steps, and watch the time that it has left.

If the machine becomes slower than it was measured, the clock ends a run early enough to validate,
save and export it.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch

from albertlm import storage
from albertlm.data.batches import Position
from albertlm.data.coverage import Coverage
from albertlm.training import snapshots
from albertlm.training.budget import Plan, Times, seconds_left
from albertlm.training.devices import fast_cpu, resolve_execution
from albertlm.training.group import Group
from albertlm.training.run import AnyBatch, Run
from albertlm.training.run_config import Execution
from albertlm.training.snapshots import CLOCK, PLAN
from albertlm.training.steps import Steps
from albertlm.training.updates import Updater

Clock = Callable[[], float]
"""The seconds since some moment, which never go back."""

TIMED_STEPS, TIMED_SHARE = 32, 0.01
"""The number of steps of a phase that are timed, or the share of the time that they may take."""

JUDGED_STEPS = 9
"""The number of last steps whose median tells how much slower the machine has become."""

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
    phases, most = run.config.phases, TIMED_SHARE * left
    with fast_cpu(group.device):  # as in training
        timed = [_time_step(steps, number, most, clock) for number in range(len(phases))]
        for examples in (group.size, execution.validation_examples):  # the first ones compile, too
            started = clock()
            run.validate(len(phases) - 1, examples, group, bf16=bool(execution.bf16))
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
    models = 1 if updater.average is None else 2
    singles = [models * (validated - started), saved - validated, models * (exported - saved)]
    rows = torch.zeros(3, len(phases), dtype=torch.float64)
    if group.first:
        for number, (seconds, coverage) in enumerate(timed):
            counting, examples = _time_counting(run, number, coverage, clock)
            epochs = phases[number].batch_size / examples
            rows[:, number] = torch.tensor([seconds, counting, epochs])
    else:
        singles = [0.0] * len(singles)
    of_steps, of_counting, of_epochs = group.sum(rows).tolist()
    validation, checkpoint, export = group.sum(torch.tensor(singles, dtype=torch.float64)).tolist()
    return Times(
        steps=tuple(of_steps),
        validation=validation,
        checkpoint=checkpoint,
        export=export,
        counting=tuple(of_counting),
        epochs=tuple(of_epochs),
    )


def _time_step(
    steps: Steps[AnyBatch], phase: int, most: float, clock: Clock
) -> tuple[float, Coverage]:
    """The time of a step of a phase, and the examples that were read to measure it.

    Args:
        steps: makes the steps.
        phase: the number of the phase, from 0.
        most: the time that may be used, unless three steps take longer.
        clock: measures the time.
    """
    run, group = steps.run, steps.group
    run.enter_phase(phase)
    seconds: list[float] = []
    coverage, before = Coverage(), None
    with run.stream(phase, Position(), group, steps.execution.workers) as batches:
        started = clock()
        for batch, after in batches:
            enough = len(seconds) > TIMED_STEPS or sum(seconds) > most
            step = steps.begin(phase, 1, batch, after, wishes=(enough and len(seconds) > 1,))
            if before:  # a step late, as in training, where the device never waits
                before.ended.wait()
            before, now = step, clock()
            seconds.append(now - started)
            started = now
            coverage.add(batch.epochs, batch.examples)
            if step.agreed[0]:
                step.ended.wait()
                break
    # kernels are compiled in the first step, and some in the second, of perhaps only three
    return statistics.median_low(seconds[len(seconds) // 2 :]), coverage


def _time_counting(
    run: Run[AnyBatch], phase: int, coverage: Coverage, clock: Clock
) -> tuple[float, int]:
    """The time to count the examples of an epoch of a phase, and their number."""
    coverages = [Coverage() for _ in run.config.phases]
    coverages[phase] = coverage
    started = clock()
    found = run.findings(coverages)
    return clock() - started, sum(row["expected"] for row in found)


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
        self._last: float | None = None
        self._paces: deque[float] = deque(maxlen=JUDGED_STEPS)

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

    def is_over(self, phase: int, step: int, *, due: bool) -> bool:
        """Whether a step of a phase, which begins now, must be the last one.

        Args:
            phase: the number of the phase, from 0.
            step: the number of the step, from 1.
            due: whether a validation and a checkpoint, or an export, follow the step in any case.
        """
        plan, times, now = self.plan, self.plan.times, self.worked
        if self._last is not None:
            self._paces.append((now - self._last) / times.steps[phase])
        self._last = now
        # the step before may not have ended, and there must be time for the next one
        ends = list(accumulate(plan.steps))
        needed = 2 * times.steps[phase] + sum(times.steps[bisect_right(ends, step) :][:1])
        done = [*plan.steps[:phase], step - sum(plan.steps[:phase])]
        needed += times.ending([*done, *[0] * (len(ends) - len(done))])
        needed += due * (times.validation + times.checkpoint)
        return self.left < needed * max(1.0, statistics.median(self._paces or [1.0]))

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
