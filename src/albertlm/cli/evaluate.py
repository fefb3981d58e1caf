"""`albertlm evaluate`: score a model on held-out documents, or on the data of a task."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from albertlm import hub
from albertlm.cli import common
from albertlm.tasks.catalogue import NAMES
from albertlm.tasks.own import OwnData

evaluate = typer.Typer(help="Score a model on held-out documents, or on the data of a task.")


@evaluate.command()
def pretraining(
    tokens: common.TokensArgument,
    *,
    model: common.ModelOption = None,
    length: Annotated[
        int | None,
        typer.Option(help="Tokens of a window; all of the model's positions by default."),
    ] = None,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "float32",
    as_json: common.JsonOption = False,
) -> None:
    """Score a model's masked tokens and sentence order on held-out documents.

    The tokens must have been made with the vocabulary of the model.
    """
    from rich.console import Console
    from rich.progress import Progress

    from albertlm.data.token_shards import Tokens
    from albertlm.evaluation.pretraining import evaluate_pretraining
    from albertlm.inference.engines import open_engine
    from albertlm.tokenization.tokenizer import AlbertTokenizer

    folder = hub.resolve(model or hub.SHIPPED)
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    opened = open_engine(engine, folder, device=device, dtype=dtype)
    held_out = Tokens.open(tokens).part("held-out")
    console = Console(stderr=True)
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("batches", total=None)
        scores = evaluate_pretraining(
            *(opened, tokenizer, held_out),
            length=length,
            on_batch=lambda: progress.advance(task),
        )
    if as_json:
        common.print_json(dataclasses.asdict(scores))
        return
    rows = [
        ("masked-token accuracy", f"{scores.mlm_accuracy:.2%}"),
        ("masked-token loss", f"{scores.mlm_loss:.4f} nats"),
        ("bits per character", f"{scores.bits_per_character:.4f}"),
        ("masked tokens", f"{scores.predictions:,}"),
        ("sentence-order accuracy", f"{scores.sop_accuracy:.2%}"),
        ("pairs", f"{scores.pairs:,}"),
        ("window", f"{scores.window} tokens"),
    ]
    common.print_table(("measure", "#value"), rows, title=str(folder))


@common.with_options_of(OwnData, "own")
def _task(
    context: typer.Context,
    *,
    data: Annotated[
        Path,
        typer.Option(help="File, or folder with files of official names, of which dev is used."),
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", help="A folder or hub id of a fine-tuned model.")
    ],
    labels: Annotated[
        str | None,
        typer.Option(
            help="Names of the model's classes in its order, such as a,b,c, if it has only LABEL_0 "
            "and so on."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for predictions.jsonl, for Google's files if they are answers, and for "
            "the file that GLUE's server accepts if the data has no labels.",
        ),
    ] = None,
    own: OwnData,
    windows: common.WindowsOption = False,
    as_google: Annotated[
        bool,
        typer.Option(
            "--as-google", help="RACE: cut a passage for each choice on its own, as as-run does."
        ),
    ] = False,
    batch_size: common.BatchSizeOption = 16,
    engine: Annotated[
        str,
        typer.Option(
            metavar="torch|numpy", help="Engine: torch by default, with which models are selected."
        ),
    ] = "torch",
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "float32",
    as_json: common.JsonOption = False,
) -> None:
    """Score a fine-tuned model through the pipeline that serves it.

    Of data without gold labels, only predictions are written.
    """
    from albertlm.evaluation.tasks import evaluate_task
    from albertlm.finetuning.task_data import dev_file
    from albertlm.inference.engines import open_engine
    from albertlm.tasks import hub_data
    from albertlm.tasks.catalogue import find_task
    from albertlm.tasks.submission import submission_name, write_submission
    from albertlm.tokenization.tokenizer import AlbertTokenizer

    data = hub_data.dev_of(str(data)) if hub_data.is_hub_name(data) else data
    name = str(context.info_name)
    task = find_task(name, data, own)
    if data.is_dir() and task.splits:
        data = dev_file(task, data)
    examples = task.read(data)
    if output is None and all(example.label is None for example in examples):
        raise ValueError(f"{data} has no gold labels; add --output to have only predictions")
    folder = hub.resolve(model)
    found = evaluate_task(
        open_engine(engine, folder, device=device, dtype=dtype),
        AlbertTokenizer.from_pretrained(folder),
        task,
        examples,
        given=labels.split(",") if labels else None,
        windows=windows,
        equal_contexts=not as_google,
        batch_size=batch_size,
    )
    split = task.split_of(data)
    if output is not None:
        found.write(output)
        submission = submission_name(task, split)
        if submission and not found.scores:
            write_submission(output / submission, task, found.predictions)
    if as_json:
        told = {"task": name, "model": model} | ({"split": split} if split else {})
        common.print_json(told | {"n": len(examples), "scores": found.scores})
    elif found.scores:
        common.print_scores(name, found.scores, len(examples), data)
    else:
        print(output)


for _name in NAMES:
    evaluate.command(_name, help=f"Score a model that was fine-tuned on {_name}.")(_task)
