"""Fine-tuning of a tiny model on a small table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labelled_texts import write_csv

from albertlm.finetuning.job import FinetuningJob
from albertlm.training.run_config import Execution

SMALL = ("epochs=6", "learning_rate=3e-3", "batch_size=16", "look_every=6", "length=48")


@pytest.fixture
def make_job(tiny_folder: Path, tmp_path: Path) -> Callable[..., FinetuningJob]:
    """Makes jobs with a table of 40 texts."""

    def make(**changes: Any) -> FinetuningJob:
        fields: dict[str, Any] = {
            "task": "own",
            "data": write_csv(tmp_path / "a.csv", 40),
            "model": str(tiny_folder),
            "changes": SMALL,
            "output": tmp_path / "run",
            "execution": Execution(device="cpu", bf16=False, log_every=1),
        }
        return FinetuningJob(**fields | changes)

    return make
