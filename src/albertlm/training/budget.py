"""The time of a run, and the plan that fixes its steps so that they take this time.

The phases of a recipe keep the ratios of their steps, and the warmup its share. From then on, the
run is an ordinary one, which resumes bit by bit.
"""

from __future__ import annotations

import datetime
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from albertlm import storage
from albertlm.training import snapshots
from albertlm.training.run_config import Execution, TrainingConfig
from albertlm.training.snapshots import PLAN

Config = TypeVar("Config", bound=TrainingConfig)

SHARE = 0.99
"""The share of the time that is planned; the rest is for what was not measured."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}


@dataclass(frozen=True)
class Budget:
    """The time of a run.

    Fields:
        seconds: the time at work, over all resumptions; or None.
        deadline: the moment at which it ends, whatever happened before, in seconds since 1970; or
            None.
    """

    seconds: float | None = None
    deadline: float | None = None

    @classmethod
    def parse(cls, budget: str | None, deadline: str | None) -> Self | None:
        """The budget of the options `--budget` and `--deadline`; None for neither.

        Raises:
            ValueError: a text is malformed, or both are given.
        """
        if budget is not None and deadline is not None:
            raise ValueError("--budget and --deadline exclude each other; leave out one of them")
        if budget is not None:
            return cls(seconds=_parse_duration(budget))
        return None if deadline is None else cls(deadline=_parse_moment(deadline))


def _parse_duration(text: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(map("".join, parts)) != text or not seconds:
        raise ValueError(f"--budget {text!r} is not a time; write it as 8m, 1h30m or 90s")
    return seconds


def _parse_moment(text: str) -> float:
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise ValueError(
            f"--deadline {text!r} is not a moment; write it as 2030-01-31T18:30"
        ) from None


@dataclass(frozen=True, kw_only=True)
class Times:
    """Measured times, in seconds.

    Fields:
        steps: of a step of each phase.
        validation, checkpoint, export: of one of each.
        counting: of counting the examples of an epoch of each phase, which the end of a run does
            for all epochs.
        epochs: no time, but the share of an epoch that a step of each phase reads.
    """

    steps: tuple[float, ...]
    validation: float
    checkpoint: float
    export: float
    counting: tuple[float, ...]
    epochs: tuple[float, ...]

    def ending(self, steps: Sequence[int]) -> float:
        """The time for what follows the last step, after some steps of each phase."""
        counted = zip(self.counting, self.epochs, steps, strict=True)
        counting = sum(each * math.ceil(share * done) for each, share, done in counted)
        return 1.1 * (self.validation + self.checkpoint + self.export + counting)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The fixed steps of a run with a budget.

    Fields:
        budget: the budget.
        times: the times that it was made from.
        steps: the number of steps of each phase.
        warmup_steps: the number of warmup steps.
        seconds: the time that each phase should take, with its validations and checkpoints.
    """

    budget: Budget
    times: Times
    steps: tuple[int, ...]
    warmup_steps: int
    seconds: tuple[float, ...]

    @classmethod
    def make(
        cls,
        config: TrainingConfig,
        execution: Execution,
        budget: Budget,
        times: Times,
        left: float,
    ) -> Self:
        """Scale the steps of all phases alike, so that they take the time that is left.

        Raises:
            ValueError: the time is too short for a step of each phase and one validation.
        """
        between = times.validation / execution.validate_every
        between += times.checkpoint / execution.save_every
        each = [seconds + between for seconds in times.steps]
        counting = [1.1 * a * b for a, b in zip(times.counting, times.epochs, strict=True)]
        # of each phase, the last step, the validation behind it and the epoch that it leaves unread
        fixed = times.ending([1] * len(each)) + times.steps[-1]
        fixed += (len(each) - 1) * (times.validation + times.checkpoint)
        parts = list(zip(each, counting, config.phases, strict=True))
        whole = sum((a + b) * phase.steps for a, b, phase in parts)
        scale = (SHARE * left - fixed) / whole
        steps = tuple(int(phase.steps * scale) for phase in config.phases)
        if min(steps) < 1:
            least = fixed + whole / min(phase.steps for phase in config.phases)
            raise ValueError(
                f"the {max(0.0, left):.0f} s that are left are too short for a step of each phase, "
                f"a validation and the export; allow at least {math.ceil(1.1 * least)} s more"
            )
        return cls(
            budget=budget,
            times=times,
            steps=steps,
            warmup_steps=min(round(config.warmup_steps * scale), sum(steps) - 1),
            seconds=tuple(a * number for a, number in zip(each, steps, strict=True)),
        )

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The plan of the run in a folder; None if it has none.

        Raises:
            ValueError: the file is damaged.
        """
        path = folder / PLAN
        if not path.is_file():
            return None
        try:
            found = storage.read_json(path)
            none = [0.0] * len(found["steps"])  # in runs of older versions
            times = {"counting": none, "epochs": none, **found["times"]}
            times |= {name: tuple(times[name]) for name in ("steps", "counting", "epochs")}
            return cls(
                budget=Budget(**found["budget"]),
                times=Times(**times),
                steps=tuple(found["steps"]),
                warmup_steps=found["warmup_steps"],
                seconds=tuple(found["seconds"]),
            )
        except (KeyError, TypeError):
            raise ValueError(f"{path} is damaged; name another output") from None

    def apply(self, config: Config) -> Config:
        """The configuration with the fixed steps.

        Raises:
            ValueError: the recipe has another number of phases.
        """
        if len(config.phases) != len(self.steps):
            raise ValueError(
                f"the recipe has {len(config.phases)} phases, the run {len(self.steps)}; give the "
                "recipe that it was begun with"
            )
        phases = zip(config.phases, self.steps, strict=True)
        return replace(
            config,
            phases=tuple(replace(phase, steps=steps) for phase, steps in phases),
            warmup_steps=self.warmup_steps,
        )


def find_plan(folder: Path, budget: Budget | None) -> Plan | None:
    """The plan of the run that was begun in a folder; None if none was begun.

    Raises:
        ValueError: it was begun with another budget, or without one.
    """
    if not snapshots.has_trained(folder):
        return None
    plan = Plan.read(folder)
    begun = plan.budget if plan else None
    if budget != begun:
        raise ValueError(
            f"{folder} was begun with {_told(begun)}, not {_told(budget)}; give the same options, "
            "or name another output"
        )
    return plan


def _told(budget: Budget | None) -> str:
    if budget is None:
        return "no --budget or --deadline"
    if budget.deadline is None:
        return f"--budget {budget.seconds:.0f}s"
    moment = datetime.datetime.fromtimestamp(budget.deadline).astimezone()
    return f"--deadline {moment.isoformat(timespec='minutes')}"


def seconds_left(budget: Budget, before: float, since: float) -> float:
    """The seconds that are left of a budget.

    Args:
        budget: the budget.
        before: the seconds that earlier processes worked.
        since: the seconds that this process has worked.
    """
    if budget.deadline is not None:
        return budget.deadline - time.time()
    return float(budget.seconds or 0.0) - before - since
