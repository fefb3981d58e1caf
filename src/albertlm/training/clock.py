"""Measure the time of a run's steps, and watch the time that it has left.

A machine is seldom as fast over hours as in the seconds in which it was measured. Behind
`REVISED_SHARE` of the time or of the steps, those that are left are fixed anew, from the rate of
the run so far. If the machine becomes much slower still, the clock ends the run early enough to
validate, save and export it.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

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

REVISED_SHARE = 0.8
"""The share of the time, or of the planned time of all steps, behind which the steps that are left
are fixed anew.
"""

JUDGED_STEPS = 5
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
    counted = [_time_counting(run, number, each, clock) for number, (_, each) in enumerate(timed)]
    seconds, counting = [each for each, _ in timed], [each for each, _ in counted]
    epochs = [phase.batch_size / each for phase, (_, each) in zip(phases, counted, strict=True)]
    others = [models * (validated - started), saved - validated, models * (exported - saved)]
    validation, checkpoint, export, *told = group.from_first(
        [*others, *seconds, *counting, *epochs]
    )
    number = len(phases)
    return Times(
        steps=tuple(told[:number]),
        validation=validation,
        checkpoint=checkpoint,
        export=export,
        counting=tuple(told[number : 2 * number]),
        epochs=tuple(told[2 * number :]),
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

    The log of the clock has a line for the start of each process, one every now and then, one with
    the steps of all phases where they were fixed anew, and one where the clock ended the run. Lines
    after the step from which the run resumes are removed.

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
        self._begun = 0, 0.0
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
        self._begun = step, self.worked

    @property
    def worked(self) -> float:
        """The seconds at work, those of earlier processes included."""
        return self.before + self.clock() - self.started

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return seconds_left(self.plan.budget, self.before, self.clock() - self.started)

    def is_over(self, phase: int, step: int, ends: Sequence[int], *, due: bool) -> bool:
        """Whether a step of a phase, which begins now, must be the last one.

        Args:
            phase: the number of the phase, from 0.
            step: the number of the step, from 1.
            ends: the number of the last step of each phase.
            due: whether a validation and a checkpoint, or an export, follow the step in any case.
        """
        times, now = self.plan.times, self.worked
        if self._last is not None:
            self._paces.append((now - self._last) / times.steps[phase])
        self._last = now
        # the step before may not have ended, and there must be time for the next one
        needed = 2 * times.steps[phase] + sum(times.steps[bisect_right(ends, step) :][:1])
        needed += times.ending(_by_phase(step, ends))
        needed += (due and step < ends[-1]) * (times.validation + times.checkpoint)
        return self.left < needed * max(1.0, statistics.median(self._paces or [1.0]))

    @property
    def revision(self) -> tuple[int, list[int]] | None:
        """The step at which the steps of the phases were fixed anew, and these; None if not yet."""
        rows = [row for row in _rows(self.folder) if "steps" in row]
        return (rows[-1]["step"], rows[-1]["steps"]) if rows else None

    def is_revising(self, step: int, ends: Sequence[int]) -> bool:
        """Whether to fix the steps that are left behind this one anew; arguments as in `revise`."""
        least = (1 - REVISED_SHARE) * sum(self.plan.seconds)
        rest = self._planned(ends[-1], ends) - self._planned(step, ends)
        return min(self.left, rest) < least

    def revise(self, step: int, ends: Sequence[int]) -> tuple[int, list[int]]:
        """Fix and log the numbers of steps that fill the time that is left, at the rate so far.

        Args:
            step: the number of steps done, which no phase ends with.
            ends: the number of the last step of each phase.
        """
        times, (begun, worked) = self.plan.times, self._begun
        planned = self._planned(step, ends)
        pace = (self.worked - worked) / (planned - self._planned(begun, ends))
        done = _by_phase(step, ends)
        rest = [b - a for a, b in zip(done, _by_phase(ends[-1], ends), strict=True)]
        ending = times.ending(self.plan.steps) + 1.1 * times.steps[-1]
        ending += sum(map(bool, rest[:-1])) * (times.validation + times.checkpoint)
        scale = (self.left / pace - ending) / (self._planned(ends[-1], ends) - planned)
        steps = [a + (b and max(1, int(scale * b))) for a, b in zip(done, rest, strict=True)]
        self._write({"step": step, "worked": round(self.worked, 3), "steps": steps})
        return step, steps

    def _planned(self, step: int, ends: Sequence[int]) -> float:
        """The planned time of the first `step` steps."""
        phases = zip(_by_phase(step, ends), self.plan.seconds, self.plan.steps, strict=True)
        return sum(done * seconds / steps for done, seconds, steps in phases)

    def note(self, step: int, *, ended: bool = False) -> None:
        """Log the time at work after a step, if the last line is some seconds old."""
        if ended or self.worked - self._noted >= self._between:
            self._noted = self.worked
            row = {"step": step, "worked": round(self._noted, 3)}
            self._write(row | {"ended": True} if ended else row)

    def _write(self, row: dict[str, Any]) -> None:
        with (self.folder / CLOCK).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def worked(folder: Path) -> float:
    """The seconds for which a run has worked, from its log of the clock."""
    return max((float(row["worked"]) for row in _rows(folder)), default=0.0)


def _by_phase(step: int, ends: Sequence[int]) -> list[int]:
    """The number of steps of each phase among the first `step` steps of a run."""
    begins = [0, *ends[:-1]]
    return [max(0, min(step, end) - begin) for begin, end in zip(begins, ends, strict=True)]


def _rows(folder: Path) -> list[dict[str, Any]]:
    path = folder / CLOCK
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
