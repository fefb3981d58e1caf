"""`albertlm pretrain`: tokens to a model."""

from __future__ import annotations

import dataclasses
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
    compiled: Annotated[
        bool | None,
        typer.Option(
            "--compile/--no-compile", help="Compile the layer first; by default on a GPU."
        ),
    ] = _DEFAULT.compiled,
    micro_batch: Annotated[
        int | None,
        typer.Option(min=1, help="Examples at a time in one process; all of a step by default."),
    ] = _DEFAULT.micro_batch,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Compute activations twice to save memory.")
    ] = _DEFAULT.checkpointing,
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
    engine: common.MapEngine = "local",
    address: common.Address = None,
    ranks: Annotated[
        int | None,
        typer.Option(min=1, help="Processes on the Ray cluster, each with a GPU or else a core."),
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Pretrain a model with masked tokens and sentence order.

    The run's folder gets `metrics.jsonl`, checkpoints, and in the end `model/`, which every
    --model option takes. Held-out documents (about 1 %) are only validated on. A run that was
    interrupted goes on with the same command. `torchrun` starts it in several processes.
    """
    from albertlm.cli.training_job import Job, train
    from albertlm.overrides import override
    from albertlm.pretraining.shards import Tokens
    from albertlm.recipes.registry import find
    from albertlm.training import state
    from albertlm.training.cluster import run_on_cluster

    make = find(recipe)
    if resume and not state.checkpoints(output):
        raise ValueError(f"{output} holds no run to go on with; leave --resume out to begin one")
    vocab_size = Tokens.open(tokens).part("training").tokenizer.vocab_size
    config = override(make(vocab_size), changes or ())
    if source is not None:
        config = dataclasses.replace(config, source=source)
    execution = Execution(
        device=device,
        bf16=bf16,
        compiled=compiled,
        micro_batch=micro_batch,
        checkpointing=checkpointing,
        workers=workers,
        sharded=sharded,
        bf16_gradients=bf16_gradients,
        log_every=log_every,
        save_every=save_every,
        validate_every=validate_every,
        keep=keep,
    )
    job = Job(config, execution, tokens.resolve(), output.resolve())
    if engine == "local":
        _check_local(address, ranks)
        ended = train(job)
    elif ranks is None:
        raise ValueError("the engine ray needs the number of processes; add --ranks, such as 8")
    else:
        ended = run_on_cluster(train, job, output, ranks=ranks, address=address, device=device)
    if ended.first:
        _tell(output, ended.step, ended.values, as_json=as_json)


def _check_local(address: str | None, ranks: int | None) -> None:
    if address is not None or ranks is not None:
        raise ValueError(
            "--address and --ranks need --engine ray; on one machine, "
            "`torchrun --nproc-per-node 2 --no-python albertlm pretrain …` starts two processes"
        )


def _tell(output: Path, step: int, values: dict[str, float], *, as_json: bool) -> None:
    model = output / "model"
    finished = model.is_dir()
    if as_json:
        shown = str(model) if finished else None
        common.print_json({"model": shown, "steps": step, **values})
    elif finished:
        print(f"{step} steps: {model}")
    else:
        print(f"stopped at step {step}; the same command goes on")
