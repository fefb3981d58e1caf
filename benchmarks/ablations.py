"""The paper's ablations at small scale: a recipe changed in one respect at a time, equal budgets.

Every run is the recipe `small` of `albertlm recipes` or one of its variants, with a vocabulary of
2,000 pieces, equal numbers of steps and examples and one seed, and takes minutes on one core. All
scores are measured on held-out articles with `albertlm evaluate pretraining`. `small` is run with
three seeds; differences no larger than those between the seeds are not significant. `paper` is the
average of five tasks that the paper reports for the same change of albert-base (tables 3, 4, 5), or
of albert-xxlarge for dropout (table 8), after a hundred thousand times as much training. A change
that saves parameters without loss there may cost more, or nothing, here.

    python benchmarks/ablations.py TOKENS RUNS

![Held-out loss of each run, by change](ablations.png)
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import common
from albertlm.executors import open_executor

PICTURE = Path(__file__).parents[1] / "docs" / "ablations.png"
BASE = "small"
SEEDS = (0, 1, 2)
FAMILIES = {
    "sharing": {"all": BASE, "attention": None, "ffn": None, "none": None},
    "embedding": {"16": None, "32": None, "64": BASE, "128": None},
    "objective": {"sop": BASE, "nsp": None, "none": None},
    "ngram": {"3": BASE, "1": None, "0": None},
    "dropout": {"0": BASE, "0.1": None},
}
"""The changes and their values; None for the recipe `small-WHAT-VALUE`."""

PAPER = {
    "sharing": {"all": 80.1, "attention": 81.7, "ffn": 80.2, "none": 81.6},
    "objective": {"sop": 80.1, "nsp": 79.2, "none": 79.0},
    "dropout": {"0": 90.7, "0.1": 90.4},
}


@dataclass(frozen=True)
class Task:
    """A run of a recipe."""

    recipe: str
    seed: int
    tokens: Path
    runs: Path


def carry_out(task: Task) -> dict[str, Any]:
    """Train a model, or resume its training, and score it."""
    import torch

    from albertlm import costs
    from albertlm.data.token_shards import Tokens
    from albertlm.evaluation.pretraining import evaluate_pretraining
    from albertlm.inference.engines import open_engine
    from albertlm.recipes.registry import find_recipe
    from albertlm.training.pretraining import pretrain
    from albertlm.training.run_config import Execution

    torch.set_num_threads(1)
    training = Tokens.open(task.tokens).part("training")
    config = replace(find_recipe(task.recipe)(training.tokenizer.vocab_size), seed=task.seed)
    run = task.runs / f"{task.recipe}-seed-{task.seed}"
    execution = Execution(device="cpu", bf16=False)
    for report in pretrain(config, training, run, execution):
        if report.step % 100 == 0:
            print(f"{run.name}: step {report.step}, loss {report.values['total']:.3f}", flush=True)
    engine = open_engine("torch", run / "model")
    held_out = Tokens.open(task.tokens).part("held-out")
    scores = evaluate_pretraining(engine, held_out.tokenizer, held_out)
    return {
        "parameters": sum(costs.parameters_by_part(engine.config).values()),
        "MLM loss": round(scores.mlm_loss, 4),
        "MLM accuracy": round(scores.mlm_accuracy, 4),
        "SOP accuracy": round(scores.sop_accuracy, 4),
    }


def draw(measurements: dict[str, dict[str, dict[str, Any]]], path: Path) -> None:
    """Plot the held-out loss for the values of each change, and the range of the seeds."""
    import matplotlib.style
    from matplotlib.figure import Figure

    from albertlm.reporting.figures import COLOURS, STYLE, save_figure

    losses = [row["MLM loss"] for row in measurements["seeds of small"].values()]
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(11, 3), layout="constrained")
        panels = figure.subplots(1, len(FAMILIES), sharey=True)
        for panel, what in zip(panels, FAMILIES, strict=True):
            rows = measurements[what]
            values = [row["MLM loss"] for row in rows.values()]
            panel.axhspan(min(losses), max(losses), color="#dddddd", zorder=0)
            panel.plot(range(len(rows)), values, "o", color=COLOURS[0])
            panel.set_xticks(range(len(rows)), rows)
            panel.set_xlim(-0.5, len(rows) - 0.5)
            panel.set_title(what)
            panel.grid(axis="x", visible=False)
        panels[0].set_ylabel("held-out masked-token loss, nats")
        save_figure(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tokens", "runs"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    folders = (options.tokens, options.runs)
    names = {
        (what, value): recipe or f"{BASE}-{what}-{value}"
        for what, values in FAMILIES.items()
        for value, recipe in values.items()
    }
    wanted = [(BASE, seed) for seed in SEEDS]
    wanted += [(recipe, SEEDS[0]) for recipe in names.values() if recipe != BASE]
    with open_executor(workers=options.workers) as executor:
        tasks = [Task(recipe, seed, *folders) for recipe, seed in wanted]
        rows = {wanted[number]: row for number, row in executor.map(carry_out, tasks)}
    measurements: dict[str, dict[str, dict[str, Any]]] = {
        what: {
            value: rows[names[what, value], SEEDS[0]]
            | ({"paper": PAPER[what][value]} if what in PAPER else {})
            for value in values
        }
        for what, values in FAMILIES.items()
    }
    measurements["seeds of small"] = {str(seed): rows[BASE, seed] for seed in SEEDS}
    draw(measurements, PICTURE)
    common.record("ablations", measurements, ["torch"])


if __name__ == "__main__":
    main()
