"""How much of its time a run with a budget uses: 2, 10 and 30 minutes of the recipe `small`.

The recipe has a second phase here, of the same tokens in twice the length, after one of half the
depth. `took_s` is the time from the first measured step to the exported model; `early` is the share
of the budget that was left, whose goal is from 0 to 3 %. `planned` are the steps of the first plan,
which changes once, after 80 % of the time or of the steps; `done` are those that were made. In
`slower`, one thread computes instead of all from the middle of the planned steps on, so that the
clock ends the run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import common
from albertlm.data.token_shards import Tokens
from albertlm.recipes.small import small
from albertlm.training.budget import Budget
from albertlm.training.group import Group
from albertlm.training.pretraining import PretrainingJob
from albertlm.training.run_config import Execution
from sample import sample_tokens


def measure(tokens: Tokens, folder: Path, seconds: float, *, slower: bool) -> dict[str, Any]:
    """Train for a time; `slower` takes threads away in the middle."""
    recipe = small(tokens.vocab_size)
    phase = recipe.phases[0]
    phases = (
        replace(phase, layers=recipe.model.num_hidden_layers // 2, length=phase.length // 2),
        replace(phase, batch_size=phase.batch_size // 2),
    )
    job = PretrainingJob(
        *(
            replace(recipe, phases=phases),
            Execution(device="cpu", validation_examples=128),
            tokens,
            folder,
        ),
        budget=Budget(seconds=seconds),
    )
    threads, started = torch.get_num_threads(), time.monotonic()
    loop = job.loop(Group.alone("cpu"))
    planned = loop.config.total_steps
    for report in loop:
        if slower and report.step == planned // 2:
            torch.set_num_threads(1)
    took = time.monotonic() - started
    torch.set_num_threads(threads)
    return {
        "took_s": round(took, 2),
        "early": f"{1 - took / seconds:.2%}",
        "planned": planned,
        "done": loop.progress.step,
        "ended by": "the clock" if loop.progress.ended else "its steps",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 10, 30])
    options = parser.parse_args()
    measurements: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tokens = Tokens.open(sample_tokens(folder).folder.parent)
        for slower in (False, True):
            for minutes in options.minutes[: 1 if slower else None]:
                name = f"{minutes:g} minutes{', slower' if slower else ''}"
                run = folder / name.replace(" ", "-")
                measurements[name] = measure(tokens, run, 60 * minutes, slower=slower)
                print(name, measurements[name], flush=True)
    common.record("time_budget", measurements, ["torch"])


if __name__ == "__main__":
    main()
