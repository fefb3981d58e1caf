"""Pretraining as each process of a group does it in tests."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from albertlm.pretraining.shards import Tokens
from albertlm.training.config import Execution, PretrainingConfig
from albertlm.training.group import Group
from albertlm.training.trainer import pretrain


def values_of_steps(
    config: PretrainingConfig,
    tokens: Path,
    run: Path,
    execution: Execution,
    steps: int | None = None,
) -> list[dict[str, float]]:
    """What the loop tells of each step, or of the first ones, and then the run is left."""
    opened = Tokens.open(tokens)
    with Group.join("cpu", timeout=60) as group:
        reports = pretrain(
            *(config, opened.part("training"), run, execution),
            held_out=opened.part("held-out"),
            group=group,
        )
        return [report.values for report in islice(reports, steps)]
