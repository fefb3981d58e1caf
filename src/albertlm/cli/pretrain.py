"""`albertlm pretrain`: tokens to a model."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common
from albertlm.training.config import Execution

_DEFAULT = Execution()


def pretrain(
    recipe: Annotated[
        str, typer.Argument(help="Name of a recipe; `albertlm recipes` shows all of them.")
    ],
    tokens: common.Tokens,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run; an interrupted one goes on.")
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
            "--from", metavar="MODEL", help="Begin with these weights, of a folder or hub id."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Refuse to begin anew: go on, or it is an error.")
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, …; by default a GPU where there is one.")
    ] = _DEFAULT.device,
    bf16: Annotated[
        bool | None,
        typer.Option(help="Products in bfloat16; by default where the device has units for them."),
    ] = _DEFAULT.bf16,
    micro_batch: Annotated[
        int | None,
        typer.Option(min=1, help="Examples at a time in one process; all of a step by default."),
    ] = _DEFAULT.micro_batch,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Compute activations twice to save memory.")
    ] = _DEFAULT.checkpointing,
    compile_layer: Annotated[
        bool, typer.Option("--compile", help="Compile the layer before the first step.")
    ] = _DEFAULT.compile,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that make batches ahead; 0 for a thread.")
    ] = _DEFAULT.workers,
    sharded: Annotated[
        bool, typer.Option("--sharded", help="Share the optimizer's state out among processes.")
    ] = _DEFAULT.sharded,
    bf16_gradients: Annotated[
        bool, typer.Option("--bf16-gradients", help="Send gradients in bfloat16.")
    ] = _DEFAULT.bf16_gradients,
    log_every: Annotated[
        int, typer.Option(min=1, help="Steps of a line in the log.")
    ] = _DEFAULT.log_every,
    save_every: Annotated[
        int, typer.Option(min=1, help="Steps between checkpoints.")
    ] = _DEFAULT.save_every,
    validate_every: Annotated[
        int, typer.Option(min=1, help="Steps between looks at held-out documents.")
    ] = _DEFAULT.validate_every,
    keep: Annotated[
        int, typer.Option(min=1, help="Newest checkpoints that stay, beside the best.")
    ] = _DEFAULT.keep,
    as_json: common.Json = False,
) -> None:
    """Pretrain a model with masked tokens and sentence order.

    The run's folder gets `metrics.jsonl`, checkpoints, and in the end `model/`, which every
    --model option takes. Held-out documents (about 1 %) are only validated on. A run that was
    interrupted goes on with the same command.
    """
    from albertlm.cli.training_bar import TrainingBar
    from albertlm.overrides import override
    from albertlm.pretraining.shards import Tokens
    from albertlm.recipes.registry import find
    from albertlm.training import state, trainer
    from albertlm.training.devices import matrix_rate, resolve

    make = find(recipe)
    if resume and not state.checkpoints(output):
        raise ValueError(f"{output} holds no run to go on with; leave --resume out to begin one")
    opened = Tokens.open(tokens)
    training = opened.part("training")
    held_out = opened.part("held-out") if opened.manifest["held-out"]["tokens"] else None
    config = override(make(training.tokenizer.vocab_size), changes or ())
    if source is not None:
        config = dataclasses.replace(config, source=source)
    execution = resolve(
        Execution(
            device=device,
            bf16=bf16,
            micro_batch=micro_batch,
            checkpointing=checkpointing,
            compile=compile_layer,
            workers=workers,
            sharded=sharded,
            bf16_gradients=bf16_gradients,
            log_every=log_every,
            save_every=save_every,
            validate_every=validate_every,
            keep=keep,
        )
    )
    rate = (
        matrix_rate(str(execution.device), bf16=bool(execution.bf16))
        if sys.stderr.isatty()
        else None
    )
    step, values = config.total_steps, dict[str, float]()
    with TrainingBar(config.total_steps, rate) as bar:
        for report in trainer.pretrain(config, training, output, execution, held_out=held_out):
            step, values = report.step, report.values
            for note in report.notes:
                bar.say(note)
            bar.show(step, values)
    model = output / "model"
    finished = model.is_dir()
    if as_json:
        shown = str(model) if finished else None
        common.print_json({"model": shown, "steps": step, **values})
    elif finished:
        print(f"{step} steps: {model}")
    else:
        print(f"stopped at step {step}; the same command goes on")
