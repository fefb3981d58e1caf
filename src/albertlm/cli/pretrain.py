"""`albertlm pretrain`: documents and a vocabulary to a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common


def pretrain(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, such as `smoke`.")],
    corpus: common.Corpus,
    *,
    vocabulary: common.Vocabulary,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run; an interrupted one goes on.")
    ],
    language: common.Language = "en",
    as_json: common.Json = False,
) -> None:
    """Pretrain a model with masked tokens and sentence order.

    The run's folder gets `tokens/`, `metrics.jsonl`, checkpoints, and in the end `model/`, which
    every --model option takes. Held-out documents (about 1 %) are not used.
    """
    from albertlm.pretraining.shards import shard_of_files
    from albertlm.recipes.pretraining import RECIPES
    from albertlm.tokenization.tokenizer import AlbertTokenizer
    from albertlm.training import trainer

    if recipe not in RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}; the recipes are {', '.join(RECIPES)}")
    tokenizer = AlbertTokenizer.from_pretrained(vocabulary)
    config = RECIPES[recipe](tokenizer.vocab_size)
    with common.counting("documents") as count:
        shard = shard_of_files(
            corpus,
            tokenizer,
            output / "tokens",
            held_out=False,
            language=language,
            on_document=count,
        )
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    progress = Progress(
        *Progress.get_default_columns(),
        TextColumn("{task.fields[shown]}"),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    values: dict[str, float] = {}
    with progress:
        task = progress.add_task("steps", total=config.total_steps, shown="")
        for report in trainer.pretrain(config, shard, tokenizer, output):
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
