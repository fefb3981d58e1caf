"""A pretraining run as the command line starts it: alone, under torchrun, or on a Ray cluster."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from albertlm.training.config import Execution, PretrainingConfig


@dataclass(frozen=True)
class Job:
    """What every process of a run is told.

    Fields:
        config, execution: as in `trainer.pretrain`.
        tokens: the folder that `albertlm tokens` wrote.
        output: the folder of the run.
    """

    config: PretrainingConfig
    execution: Execution
    tokens: Path
    output: Path


@dataclass(frozen=True)
class Ended:
    """How a process ended: its last step with its values, and whether it is to tell of them."""

    step: int
    values: dict[str, float]
    first: bool


def train(job: Job) -> Ended:
    """All steps of a run in one of its processes; the first shows them."""
    from albertlm.cli.training_bar import TrainingBar
    from albertlm.pretraining.shards import Tokens
    from albertlm.training import trainer
    from albertlm.training.devices import matrix_rate, resolve
    from albertlm.training.group import Group

    opened = Tokens.open(job.tokens)
    held_out = opened.part("held-out") if opened.manifest["held-out"]["tokens"] else None
    execution = resolve(job.execution)
    step, values = job.config.total_steps, dict[str, float]()
    with Group.join(execution.device) as group:
        shown = group.first and sys.stderr.isatty()
        rate = matrix_rate(group.device, bf16=bool(execution.bf16)) if shown else None
        with TrainingBar(job.config.total_steps, rate, shown=shown) as bar:
            for report in trainer.pretrain(
                *(job.config, opened.part("training"), job.output, execution),
                held_out=held_out,
                group=group,
            ):
                step, values = report.step, report.values
                for note in report.notes if group.first else ():
                    bar.say(note)
                bar.show(step, values)
        return Ended(step, values, group.first)
