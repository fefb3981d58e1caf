"""`albertlm finetune`: fine-tune a model on a task."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albertlm.cli import common
from albertlm.tasks.own import OwnData
from albertlm.training.run_config import Execution
from albertlm.training.stopping import StoppedEarlyError, ended_by_signals

if TYPE_CHECKING:
    from albertlm.executors import Runner
    from albertlm.finetuning.grid import GridResult
    from albertlm.finetuning.job import FinetuningJob
    from albertlm.finetuning.preview import FinetuningPreview
    from albertlm.finetuning.seeds import FinetuningResult

SET_BY_THE_RECIPE = (
    *("save_every", "validate_every", "validation_examples", "keep", "workers"),
    "export_minutes",
)
"""Options of `pretrain` that fine-tuning does not have."""


@common.with_options_of(OwnData, "own")
@common.with_options_of(Execution, "execution", without=SET_BY_THE_RECIPE)
def finetune(
    task: common.TaskArgument,
    *,
    data: Annotated[
        Path,
        typer.Option(
            help="Training file, a folder with files of official names, or hub:OWNER/NAME or "
            "hub:OWNER/NAME:SUBSET for a data set of the hub."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the runs; interrupted ones resume.")
    ],
    model: common.ModelOption = None,
    from_scratch: Annotated[
        bool,
        typer.Option("--from-scratch", help="Random weights of the same shape, for comparison."),
    ] = False,
    dev: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|SHARE",
            help="File, or share of the training file such as 10%, by which checkpoints are "
            "compared; by default that of the folder, or 10%.",
        ),
    ] = None,
    drop_leaks: Annotated[
        bool,
        typer.Option("--drop-leaks", help="Drop training examples that share a text with dev."),
    ] = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="published|as-run|small",
            help="Recipe: by default small for small models, and published for others.",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Change the recipe, such as learning_rate=1e-4, epochs=3 or batch_size=16; "
            "--dry-run shows all fields. Repeatable.",
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE,VALUE",
            help="Run with each value, such as learning_rate=1e-4,3e-4, or combination of values "
            "where there are several fields, and keep the best median. Repeatable.",
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, a run for each, such as 0,1,2.")] = "0",
    restarts: Annotated[
        int, typer.Option(help="How often a run that learned nothing starts on another seed.")
    ] = 2,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show data and cost instead of training.")
    ] = False,
    own: OwnData,
    execution: Execution,
    runner: common.RunnerOption = "local",
    address: common.AddressOption = None,
    ranks: common.RanksOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Fine-tune a model on a task, and keep the weights with the best score on dev data.

    The output receives `seed-N/` with the log, the predictions and the result of each run,
    `results.json`, and `model/`, that of the best run, which every --model option accepts. A run
    that learned nothing is started again on another seed, as often as --restarts says. With --grid,
    each combination has such a folder in the output, and `grid.json` compares them.
    """
    from albertlm.finetuning.job import FinetuningJob
    from albertlm.tasks import hub_data

    if hub_data.is_hub_name(data):
        data, held_out = hub_data.train_and_dev(str(data))
        dev = dev or (str(held_out) if held_out else None)
    job = FinetuningJob(
        task=task,
        data=data.resolve(),
        dev=_as_absolute(dev),
        own=own,
        without_leaks=drop_leaks,
        model=_as_absolute(model),
        from_scratch=from_scratch,
        recipe=recipe,
        changes=tuple(changes or ()),
        grid=tuple(grid or ()),
        seeds=_seeds(seeds),
        restarts=restarts,
        output=output.resolve(),
        execution=execution,
    )
    if dry_run:
        _preview(job, as_json=as_json)
        return
    try:
        with ended_by_signals():
            result = _train(job, runner, address, ranks)
    except StoppedEarlyError:
        result = None
    _print_end(job, result, as_json=as_json)


def _as_absolute(name: str | None) -> str | None:
    """The absolute path of a file or folder; another name as it is."""
    return str(Path(name).resolve()) if name and Path(name).exists() else name


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in text.split(","))
    except ValueError:
        raise ValueError(f"--seeds {text} is not allowed; write numbers as 0,1,2") from None


def _train(
    job: FinetuningJob, runner: Runner, address: str | None, ranks: int | None
) -> FinetuningResult | GridResult | None:
    from albertlm.cli.training_bar import follow
    from albertlm.finetuning.grid import finetune_grid
    from albertlm.finetuning.seeds import finetune_seeds
    from albertlm.training import launch

    function: Callable[..., FinetuningResult | GridResult | None]
    function = finetune_grid if job.grid else finetune_seeds

    processes = common.check_runner(runner, address, ranks)
    if not processes:
        return function(job, follow, lambda line: print(line, file=sys.stderr))
    return launch.run_on_cluster(
        *(function, job, job.output),
        ranks=processes,
        address=address,
        device=job.execution.device,
    )


def _print_end(
    job: FinetuningJob, result: FinetuningResult | GridResult | None, *, as_json: bool
) -> None:
    if result is None:
        print("stopped; the same command goes on", file=sys.stderr)
        if as_json:
            common.print_json({"model": None})
        return
    if not result.first:
        return
    told = result.to_json()
    if as_json:
        common.print_json({"model": str(job.output / "model"), **told})
        return
    if "settings" in told:
        names = ("median", "best", "spread", "failed")
        common.print_table(
            ("setting", *(f"#{name}" for name in names)),
            [
                (setting, *(f"{each[name]:.4g}" for name in names))
                for setting, each in told["settings"].items()
            ],
            title=f"{result.metric}, best median with {told['best']}",
        )
    else:
        _print_runs(told)
    print(job.output / "model")


def _print_runs(told: dict[str, Any]) -> None:
    """Print a line for each run, and what is said of all."""
    metric, runs = told["metric"], told["runs"]
    common.print_table(
        ("#seed", f"#{metric}", "#steps", "failed because"),
        [
            (
                str(run["seed"]),
                f"{run['scores'][metric]:.4f}",
                f"{run['steps']:,}",
                run["failure"] or "",
            )
            for run in runs
        ],
    )
    if len(runs) > 1:
        names = ("mean", "median", "best", "spread")
        print(", ".join(f"{name} {told[name]:.4f}" for name in names))


def _preview(job: FinetuningJob, *, as_json: bool) -> None:
    from albertlm.finetuning.grid import prepared_grid
    from albertlm.finetuning.preview import preview
    from albertlm.settings import flatten

    prepared = job.prepare()
    found, recipe = preview(prepared), flatten(prepared.recipe)
    runs = len(prepared_grid(prepared)) * len(job.seeds)
    if as_json:
        common.print_json(
            {**asdict(found), "runs": runs, "recipe": recipe, "notes": prepared.notes()}
        )
        return
    for line in prepared.notes():
        print(line)
    rows = [
        *_rows(found),
        ("runs", f"{runs:,}"),
        *((f"recipe: {name}", str(value)) for name, value in recipe.items()),
    ]
    common.print_table(("what", "value"), rows, title=f"{job.task}: {job.data}")


def _rows(found: FinetuningPreview) -> list[tuple[str, str]]:
    labels = [
        (f"label {name}", f"{train:,} and {dev:,}") for name, (train, dev) in found.labels.items()
    ]
    lengths = ", ".join(f"{name} {value:,}" for name, value in found.lengths.items())
    free = "" if found.free is None else f" of {found.free / 1e9:.1f} GB that are free"
    shown: dict[str, Any] = {
        "examples to train on, and of dev": f"{found.train:,} and {found.dev:,}",
        **dict(labels),
        "rows of tokens": f"{found.windows:,}",
        "tokens of a row": lengths,
        "truncated": f"{found.truncated:.1%}",
        "steps": f"{found.steps:,} ({found.epochs:.2f} epochs)",
        "looks at dev": f"{found.looks:,}",
        "memory": f"{found.memory / 1e9:.2f} GB{free}",
        "time of a run, about": str(datetime.timedelta(seconds=round(found.seconds))),
    }
    return [*shown.items()]
