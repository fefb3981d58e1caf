"""`albertlm pretrain`: tokens to a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common


def pretrain(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, such as `smoke`.")],
    tokens: common.Tokens,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run; an interrupted one goes on.")
    ],
    as_json: common.Json = False,
) -> None:
    """Pretrain a model with masked tokens and sentence order.

    The run's folder gets `metrics.jsonl`, checkpoints, and in the end `model/`, which every
    --model option takes. Held-out documents (about 1 %) are not used.
    """
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    from albertlm.pretraining.shards import Tokens
    from albertlm.recipes.pretraining import RECIPES
    from albertlm.training import trainer

    if recipe not in RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}; the recipes are {', '.join(RECIPES)}")
    training = Tokens.open(tokens).part("training")
    config = RECIPES[recipe](training.tokenizer.vocab_size)
    progress = Progress(
        *Progress.get_default_columns(),
        TextColumn("{task.fields[shown]}"),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    values: dict[str, float] = {}
    with progress:
        task = progress.add_task("steps", total=config.total_steps, shown="")
        for report in trainer.pretrain(config, training, output):
            values = report.values
            progress.update(task, completed=report.step, shown=_shown(values))
    if as_json:
        common.print_json({"model": str(output / "model"), "steps": config.total_steps, **values})
    else:
        print(f"{config.total_steps} steps: {output / 'model'}")


def _shown(values: dict[str, float]) -> str:
    speed = values["tokens"] / values["seconds"]
    return (
        f"MLM {values['mlm_loss']:.2f} ({values['mlm_accuracy']:.0%})  "
        f"SOP {values['sop_loss']:.2f} ({values['sop_accuracy']:.0%})  {speed:,.0f} tokens/s"
    )
