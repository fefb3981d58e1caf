"""`albertlm pretrain`: pretrain a model on tokens."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from albertlm.cli import common
from albertlm.training.run_config import Execution
from albertlm.training.stopping import StoppedEarlyError, ended_by_signals

if TYPE_CHECKING:
    from albertlm.data.token_shards import Tokens
    from albertlm.executors import Runner
    from albertlm.training.launch import Ended
    from albertlm.training.pretraining import PretrainingJob
    from albertlm.training.run_config import PretrainingConfig


@common.with_options_of(Execution, "execution")
def pretrain(
    recipe: Annotated[
        str,
        typer.Argument(metavar="RECIPE", help="Name of a recipe; `albertlm recipes` lists them."),
    ],
    tokens: Annotated[
        list[str],
        typer.Argument(
            metavar="TOKENS...",
            help="A folder that `albertlm tokens` wrote, or several as NAME=TOKENS, whose shares "
            "`--set phases.0.shares.NAME=0.7` sets; by default, those of their tokens.",
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run; an interrupted run resumes.")
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Change the recipe, such as learning_rate=1e-3, model.hidden_size=512 or "
            "phases.0.steps=100; `albertlm recipes RECIPE` shows all fields. Repeatable.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="MODEL", help="Start with the weights of this folder or hub id."
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Train for this time at work, such as 8m or 10h: the steps of the recipe are "
            "scaled by their measured time.",
        ),
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(metavar="MOMENT", help="Likewise until a moment, such as 2030-01-31T18:30."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Fail if there is no run to resume.")
    ] = False,
    execution: Execution,
    runner: common.RunnerOption = "local",
    address: common.AddressOption = None,
    ranks: common.RanksOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Pretrain a model with masked tokens and sentence order.

    The folder of the run receives `metrics.jsonl`, checkpoints and, at the end, `model/`, which
    every --model option accepts. Held-out documents (about 1 %) are used for validation only. Run
    the same command again to resume an interrupted run. `torchrun` starts several processes.
    """
    try:
        with ended_by_signals():
            from albertlm.training.budget import Budget
            from albertlm.training.pretraining import PretrainingJob

            time = Budget.parse(budget, deadline)
            config, opened = _read(recipe, tokens, changes or (), source)
            if resume:
                _check_begun(output)
            job = PretrainingJob(config, execution, opened, output.resolve(), time)
            ended = _train(job, runner, address, ranks)
    except StoppedEarlyError:
        _print_stopped(as_json=as_json)
    else:
        if ended.first:
            _print_end(output, ended, as_json=as_json)


def _read(
    recipe: str, tokens: Sequence[str], changes: Sequence[str], source: str | None
) -> tuple[PretrainingConfig, Tokens | dict[str, Tokens]]:
    from albertlm.recipes.registry import find_recipe
    from albertlm.settings import override

    make = find_recipe(recipe)
    opened = _open(tokens)
    (first, *_) = opened.values() if isinstance(opened, dict) else [opened]
    config = override(make(first.vocab_size), changes)
    return dataclasses.replace(config, source=source or config.source), opened


def _open(tokens: Sequence[str]) -> Tokens | dict[str, Tokens]:
    from albertlm.data.token_shards import Tokens

    if len(tokens) == 1 and ("=" not in tokens[0] or Path(tokens[0]).exists()):
        return Tokens.open(Path(tokens[0]).resolve())
    opened: dict[str, Tokens] = {}
    for each in tokens:
        name, _, folder = each.partition("=")
        if not (folder and re.fullmatch(r"[\w-]+", name) and name not in opened):
            raise ValueError(
                f"{each!r} names no folder of tokens; several folders need names of letters and "
                "digits, each its own: NAME=TOKENS"
            )
        opened[name] = Tokens.open(Path(folder).resolve())
    return opened


def _check_begun(output: Path) -> None:
    from albertlm.training import snapshots

    if not snapshots.has_trained(output):
        raise ValueError(f"{output} holds no run to resume; leave out --resume to start one")


def _train(job: PretrainingJob, runner: Runner, address: str | None, ranks: int | None) -> Ended:
    from albertlm.cli.training_bar import follow
    from albertlm.training import launch

    processes = common.check_runner(runner, address, ranks)
    if not processes:
        return launch.train(job, follow)
    return launch.run_on_cluster(
        *(launch.train, job, job.output),
        ranks=processes,
        address=address,
        device=job.execution.device,
    )


def _print_end(output: Path, ended: Ended, *, as_json: bool) -> None:
    model = output / "model"
    finished = model.is_dir()
    if as_json:
        shown = str(model) if finished else None
        common.print_json({"model": shown, "steps": ended.step, **ended.values})
    elif finished:
        print(f"{ended.step} steps: {model}")
    else:
        print(f"stopped at step {ended.step}; the same command goes on")


def _print_stopped(*, as_json: bool) -> None:
    print("stopped before the first step; the same command goes on", file=sys.stderr)
    if as_json:
        common.print_json({"model": None, "steps": None})
