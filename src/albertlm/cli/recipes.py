"""`albertlm recipes`: list the recipes for pretraining and their cost."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from albertlm import costs
from albertlm.cli import common
from albertlm.training.memory import step_memory
from albertlm.training.run_config import Execution, PretrainingConfig


def recipes(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE", help="Show all fields of this recipe, by the names for `--set`."
        ),
    ] = None,
    *,
    vocab_size: Annotated[int, typer.Option(min=1, help="Size of the vocabulary.")] = 30000,
    as_json: common.JsonOption = False,
) -> None:
    """Show the recipes for `albertlm pretrain`, or one of them.

    The memory of a step consists of that for the model, its gradients and the optimizer's state,
    and that for each example of a micro-batch. It is given for the longest phase, on a GPU, without
    activation checkpointing.
    """
    from albertlm.recipes.registry import RECIPES, find_recipe
    from albertlm.settings import flatten

    if recipe is not None:
        values = flatten(find_recipe(recipe)(vocab_size))
        if as_json:
            common.print_json(values)
        else:
            common.print_table(("field", "value"), [(name, str(values[name])) for name in values])
        return
    told = {name: _costs(make(vocab_size)) for name, make in RECIPES.items()}
    if as_json:
        common.print_json(told)
        return
    columns = ("recipe", "#parameters", "#steps", "#examples × length", "#tokens")
    rows = [(name, *_row(each)) for name, each in told.items()]
    common.print_table((*columns, "#memory", "#and an example"), rows)


def _costs(config: PretrainingConfig) -> dict[str, Any]:
    longest = max(config.phases, key=lambda phase: phase.length)
    one, two = (
        step_memory(config, longest, Execution(device="cuda", bf16=True), examples)
        for examples in (64, 128)
    )
    return {
        "parameters": sum(costs.parameters_by_part(config.model).values()),
        "steps": config.total_steps,
        "phases": [dataclasses.asdict(phase) for phase in config.phases],
        "tokens": sum(phase.steps * phase.batch_size * phase.length for phase in config.phases),
        "step_bytes": {"fixed": 2 * one - two, "of_an_example": (two - one) // 64},
    }


def _row(told: dict[str, Any]) -> list[str]:
    shapes = [f"{each['batch_size']:,} × {each['length']}" for each in told["phases"]]
    return [
        f"{told['parameters']:,}",
        f"{told['steps']:,}",
        ", ".join(dict.fromkeys(shapes)),
        f"{told['tokens'] / 1e6:,.0f} M",
        *(f"{size / 1e6:,.0f} MB" for size in told["step_bytes"].values()),
    ]
