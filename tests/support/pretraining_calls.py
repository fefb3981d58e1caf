"""Pretraining in each process of a group, for tests."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import count, islice
from pathlib import Path

from albertlm.data.token_shards import Tokens
from albertlm.training.group import Group
from albertlm.training.pretraining import PretrainingJob, pretrain
from albertlm.training.run_config import Execution, PretrainingConfig


def values_of_steps(
    config: PretrainingConfig,
    tokens: Path,
    run: Path,
    execution: Execution,
    steps: int | None = None,
) -> list[dict[str, float]]:
    """The values of all steps, or of the first `steps`, after which the run is abandoned."""
    opened = Tokens.open(tokens)
    with Group.join("cpu", timeout=60) as group:
        reports = pretrain(
            *(config, opened.part("training"), run, execution),
            held_out=opened.part("held-out"),
            group=group,
        )
        return [report.values for report in islice(reports, steps)]


def steps_in_a_time(job: PretrainingJob, paces: tuple[float, ...]) -> tuple[int, tuple[int, ...]]:
    """The steps that a process makes, and the phases' numbers of steps that it ends with.

    Args:
        job: a job with a budget.
        paces: the seconds that pass in each process whenever it asks for the time.
    """
    with Group.join("cpu", timeout=60) as group:
        clock = partial(next, count(1000.0, paces[group.rank]))
        loop = replace(job, clock=clock).loop(group)
        done = sum(1 for _ in loop)
        return done, tuple(phase.steps for phase in loop.config.phases)
