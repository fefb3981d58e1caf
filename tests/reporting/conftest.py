import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from albertlm.recipes.small import smoke


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes the folder of a run with a line of metrics every 5 of 100 steps.

    `lines` are more of them, given as (index in the file, value); `last` is the last step.
    """

    def make(
        name: str = "run",
        *,
        last: int = 100,
        lines: Sequence[tuple[int, Any]] = (),
        phases: Sequence[dict[str, Any]] = (
            {"steps": 60, "batch_size": 8, "length": 32, "layers": 1},
            {"steps": 40, "batch_size": 4, "length": 64, "layers": None},
        ),
        **config: Any,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        fields = asdict(smoke(90)) | {"phases": phases} | config
        (folder / "config.json").write_text(json.dumps(fields), encoding="utf-8")
        rows = [metrics(step) for step in range(5, last + 1, 5)]
        for index, row in lines:
            rows.insert(index, row)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
        return folder

    return make


def metrics(step: int) -> dict[str, Any]:
    """What the trainer logs, and a key that nobody knows."""
    return {
        "step": step,
        "total": 9.0 - step / 50,
        "mlm_loss": 8.0 - step / 50,
        "sop_loss": 1.0,
        "mlm_accuracy": step / 400,
        "sop_accuracy": 0.5 + (step % 10) / 50,
        "learning_rate": 1e-3 * (1 - step / 100),
        "tokens": 1000.0 + step,
        "seconds": 0.5,
        "phase_of_the_moon": "waning",
    }


def estimate(value: float, n: int = 10) -> dict[str, Any]:
    """An estimate as it stands in the JSON of a test of bias."""
    interval = {"low": value - 5, "high": value + 5}
    return {"value": value, **interval, "p": 0.5, "n": n, "clusters": n, "ties": 0}


@pytest.fixture
def pairs_found() -> dict[str, Any]:
    """What `albertlm bias crows-pairs --json` prints, but for what no page shows."""
    valid = {
        "masked_accuracy": 30.0,
        "language_modelling": 70.0,
        "predictions": 9,
        "verdict": "too weak to interpret",
    }
    parts = {"all": estimate(45.0), "stereo": estimate(44.0), "gender": estimate(55.0, 4)}
    return {
        "measures": dict.fromkeys(("pll", "aul", "aula"), parts),
        "differences": {name: [-0.5, 0.25, 1.0] for name in ("pll", "aul", "aula")},
        "examples": {
            "pll": [
                {"first": "They <b>left</b>.", "second": "We left.", "part": "age", "difference": 1}
            ]
        },
        "validity": valid,
        "skipped": [],
        "engine": "numpy",
        "dtype": "float32",
        "data": {"pairs.csv": "1" * 64},
        "as_published": False,
        "caution": "Many of its pairs are invalid.",
    }
