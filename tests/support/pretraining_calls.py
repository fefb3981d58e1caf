"""Pretraining in each process of a group, for tests."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from albertlm.data.token_shards import Tokens
from albertlm.training.group import Group
from albertlm.training.pretraining import pretrain
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
