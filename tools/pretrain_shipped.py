"""Pretrain the model that ships, so that it can be cut off at any moment.

    python tools/pretrain_shipped.py TOKENS RUN --back BACK --budget 8m

It needs no installation where PyTorch, NumPy, safetensors, SentencePiece and fsspec are: set
`PYTHONPATH=src`. It unpacks the tokens if they are not there, checks the size of the model, and
trains until the time is over. The folder BACK always holds what should be brought back from the
machine: the logs, the weights of the last two minutes in half precision, and in the end, the last
and the averaged weights instead. SIGTERM ends the training early, with these weights.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from albertlm import AlbertForPreTraining, settings, storage
from albertlm.cli.training_bar import describe_progress
from albertlm.data.token_shards import Tokens
from albertlm.recipes.registry import find_recipe
from albertlm.training import launch, snapshots
from albertlm.training.budget import Budget
from albertlm.training.devices import matrix_rate
from albertlm.training.loop import Loop, StepReport
from albertlm.training.pretraining import PretrainingJob
from albertlm.training.run_config import Execution, PretrainingConfig
from pack_tokens import unpack
from run_files import MACHINE, Back, check_size, files_brought_back

RESERVE = 200_000
"""Bytes of the folder that ships for its card and curve."""

SAVE_EVERY = 2000
"""The steps between checkpoints, a few in ten minutes; each takes about a second."""

TOLD_SECONDS = 10
"""The time between lines about the progress."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tokens", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--back", type=Path, required=True, help="the folder to be brought back")
    parser.add_argument("--parts", type=Path, help="the packed tokens")
    parser.add_argument("--recipe", default="gpu-ten-minutes")
    parser.add_argument("--from", dest="source", help="a model to start from")
    parser.add_argument("--set", dest="changes", metavar="FIELD=VALUE", action="append", default=[])
    parser.add_argument("--budget", help="the time for training, such as 8m")
    parser.add_argument("--deadline", help="or the moment at which it ends")
    parser.add_argument("--device", help="by default a GPU where there is one")
    parser.add_argument("--workers", type=int, default=1, help="processes that make batches")
    parser.add_argument(
        "--bf16-residual", action="store_true", help="states between layers in bfloat16"
    )
    parser.add_argument("--export-minutes", type=float, default=1.0)
    options = parser.parse_args(arguments)
    try:
        pretrain(options)
    except (OSError, ValueError, FloatingPointError) as error:
        sys.exit(f"error: {error}")


def pretrain(options: argparse.Namespace) -> None:
    """Train as the options say."""
    started = time.monotonic()
    tokens = unpack(options.parts, options.tokens) if options.parts else Tokens.open(options.tokens)
    config = settings.override(find_recipe(options.recipe)(tokens.vocab_size), options.changes)
    config = replace(config, source=options.source)
    check_model(config, tokens)
    execution = Execution(
        device=options.device,
        bf16_residual=options.bf16_residual,
        workers=options.workers,
        export_minutes=options.export_minutes,
        save_every=SAVE_EVERY,
        keep=1,
    )
    budget = Budget.parse(options.budget, options.deadline)
    job = PretrainingJob(config, execution, tokens, options.run.resolve(), budget)
    back = Back(job.output, options.back)
    _say(f"ready after {time.monotonic() - started:.0f} s")
    launch.train(job, lambda loop: follow(loop, back))
    print("\n".join(files_brought_back(options.back)), flush=True)


def check_model(config: PretrainingConfig, tokens: Tokens) -> None:
    """Check the sizes of the model that the recipe results in.

    Raises:
        ValueError: it would be larger than what may ship.
    """
    with tempfile.TemporaryDirectory() as temporary:
        model = Path(temporary) / "model"
        snapshots.export(AlbertForPreTraining(config.model), tokens.tokenizer, model, half=True)
        check_size(model, reserve=RESERVE)


def follow(loop: Loop[Any], back: Back) -> StepReport | None:
    """Train to the end, or until a signal, and leave the files that should be brought back."""
    device = loop.group.device
    rate = matrix_rate(device, bf16=bool(loop.execution.bf16)) if device.type == "cuda" else None
    storage.write_json(loop.folder / MACHINE, machine(loop, rate))
    told, last = time.monotonic(), None
    steps: deque[Mapping[str, float]] = deque(maxlen=100)
    back.update()
    for last in loop:
        steps.append(last.values)
        for note in last.notes:
            _say(f"step {last.step}: {note}")
        back.update()
        ends = last.step in loop.phase_ends
        if ends or time.monotonic() - told >= TOLD_SECONDS:
            left = loop.config.total_steps - last.step
            line = describe_progress(steps, left, rate, loop.run.shares, loop.run.weights)
            _say(f"step {last.step}: {line}{', the end of a phase' if ends else ''}")
            told = time.monotonic()
        if ends:
            steps.clear()
    if last:
        _finish(loop, back)
    return last


def machine(loop: Loop[Any], rate: float | None) -> dict[str, Any]:
    """What a run was trained on, and how it was executed."""
    device = loop.group.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": name,
        "matrix_tflops": rate and rate / 1e12,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "command": sys.argv,
        "execution": asdict(loop.execution),
    }


def _finish(loop: Loop[Any], back: Back) -> None:
    """Compare the accuracies at all lengths, and export the last and the averaged weights."""
    with tempfile.TemporaryDirectory(dir=loop.folder) as temporary:
        models = Path(temporary)
        _say(_compared("the last weights", _accuracies(loop)))
        loop.run.export(models / "model", half=True)
        if loop.updater.average is not None:
            with loop.updater.averaged():
                _say(_compared("the averaged weights", _accuracies(loop)))
                loop.run.export(models / "model-average", half=True)
        back.finish(models)


def _accuracies(loop: Loop[Any]) -> dict[int, float]:
    """The accuracy on held-out documents at each length, by the whole depth."""
    found = {}
    for number, phase in enumerate(loop.config.phases):
        if phase.layers is None:
            loop.run.enter_phase(number)
            scores = loop.run.validate(
                *(number, loop.execution.validation_examples, loop.group),
                bf16=bool(loop.execution.bf16),
            )
            found[phase.length] = scores["mlm_accuracy"] if scores else float("nan")
    return found


def _compared(name: str, accuracies: Mapping[int, float]) -> str:
    told = ", ".join(f"{value:.2%} at {length} tokens" for length, value in accuracies.items())
    shortest, longest = min(accuracies), max(accuracies)
    worse = accuracies[longest] < accuracies[shortest]
    hint = f"; {longest} tokens need more training: continue with a longer last phase"
    return f"{name}: masked-token accuracy {told}{hint if worse else ''}"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
