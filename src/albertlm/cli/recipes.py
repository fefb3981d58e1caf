"""`albertlm recipes`: what can be pretrained by name, and what it costs."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from albertlm import costs
from albertlm.cli import common
from albertlm.training.config import Execution, PretrainingConfig
from albertlm.training.memory import step_memory


def recipes(
    recipe: Annotated[
        str | None, typer.Argument(help="Show all fields of this one, as `--set` takes them.")
    ] = None,
    *,
    vocab_size: Annotated[int, typer.Option(min=1, help="Pieces of the vocabulary.")] = 30000,
    as_json: common.Json = False,
) -> None:
    """Show the recipes for `albertlm pretrain`, or one of them.

    A step takes memory for the model, its gradients and the optimizer's state, and for each example
    of a micro-batch: here of the longest phase, on a GPU, without checkpointing.
    """
    from albertlm.overrides import fields
    from albertlm.recipes.registry import RECIPES, find

    if recipe is not None:
        values = fields(find(recipe)(vocab_size))
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
