"""All combinations are run, and the one with the best median is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from albertlm import storage
from albertlm.finetuning.grid import GridResult, combinations, finetune_grid
from albertlm.finetuning.job import FinetuningJob
from albertlm.finetuning.seeds import FinetuningResult, RunResult, finetune_seeds

MakeJob = Callable[..., FinetuningJob]


def test_combinations() -> None:
    assert combinations(["learning_rate=1e-4, 3e-4", "batch_size=16,32"]) == [
        ("learning_rate=1e-4", "batch_size=16"),
        ("learning_rate=1e-4", "batch_size=32"),
        ("learning_rate=3e-4", "batch_size=16"),
        ("learning_rate=3e-4", "batch_size=32"),
    ]
    assert combinations([]) == [()]


def test_every_combination_is_a_fine_tuning_of_its_own(make_job: MakeJob, tmp_path: Path) -> None:
    changes = ("epochs=1", "batch_size=16", "length=8")
    grid = ("learning_rate=3e-3,1e-9", "classifier_dropout=0.0")
    said: list[str] = []
    found = finetune_grid(make_job(changes=changes, grid=grid, seeds=(0, 1)), say=said.append)
    assert found is not None
    assert "longer than 8 tokens" in said[0]  # once, for all combinations
    names = [f"learning_rate={rate},classifier_dropout=0.0" for rate in ("3e-3", "1e-9")]
    assert [*found.settings] == names
    assert [line.removesuffix(":") for line in said if line.startswith("learning")] == names

    alone = make_job(
        changes=(*changes, "learning_rate=1e-9", "classifier_dropout=0.0"),
        seeds=(0, 1),
        output=tmp_path / "alone",
    )
    assert finetune_seeds(alone) == found.settings[names[1]]

    told = storage.read_json(tmp_path / "run" / "grid.json")
    assert told == found.to_json()
    medians = {name: each["median"] for name, each in told["settings"].items()}
    assert medians[told["best"]] == max(medians.values())
    assert told["looks"] == sum(
        run["looks"] for each in told["settings"].values() for run in each["runs"]
    )
    kept = tmp_path / "run" / told["best"] / "model" / "model.safetensors"
    assert (tmp_path / "run/model/model.safetensors").read_bytes() == kept.read_bytes()


def test_a_stopped_grid_goes_on(make_job: MakeJob, tmp_path: Path) -> None:
    changes = ("epochs=1", "batch_size=16", "length=48")
    job = make_job(changes=changes, grid=("learning_rate=3e-3,1e-3",))
    assert finetune_grid(job, lambda loop: next(iter(loop))) is None
    assert not (tmp_path / "run" / "grid.json").exists()
    assert finetune_grid(job) is not None


def of_errors(*errors: float) -> FinetuningResult:
    runs = [
        RunResult("own", "m", "dev", 3, seed, {"mean_squared_error": error}, "", 1, 1)
        for seed, error in enumerate(errors)
    ]
    return FinetuningResult(tuple(runs), "mean_squared_error")


def test_the_best_has_the_best_median_not_the_best_run() -> None:
    found = GridResult({"a=1": of_errors(0.1, 3.0, 3.0), "a=2": of_errors(1.0, 1.0, 1.5)})
    assert (found.best, found.metric, found.first) == ("a=2", "mean_squared_error", True)
    assert found.to_json()["looks"] == 6


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (["learning_rate"], "'learning_rate' is no part of a grid; write FIELD=VALUE,VALUE"),
        (["seed=1,"], "'seed=1,' is no part of a grid"),
        (["a=1,2", "a=3"], "grid='a=3' is not allowed; it must be given once for each field"),
        (["a=1,1"], "grid='a=1,1' is not allowed; it must be different values"),
    ],
)
def test_bad_grids(grid: Sequence[str], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        combinations(grid)


@pytest.mark.parametrize(
    ("grid", "message"),
    [("rate=1,2", "has no 'rate'"), ("length=48,4", "length=4 is not allowed")],
)
def test_all_combinations_are_checked_before_the_first_is_run(
    grid: str, message: str, make_job: MakeJob, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        finetune_grid(make_job(grid=(grid,)))
    assert not (tmp_path / "run").exists()
