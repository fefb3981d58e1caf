"""The paper's ablations at small scale: a recipe changed in one respect at a time, equal budgets.

Every run is the recipe `small` of `albertlm recipes` or one of its variants, with a vocabulary of
2,000 pieces and equal numbers of steps and examples, and takes minutes on one core. `small` is run
with three seeds and each variant with two; a row has the means, and `seeds` is the difference
between the highest and the lowest loss of its seeds.

Scores are those of held-out articles with whole words masked, one at a time, as in training with
n-grams. `albertlm evaluate pretraining` masks single pieces. With this vocabulary, a third of the
words have several pieces, among them 61 % of all tokens, and a model that was trained on whole
words has never seen a masked piece beside the rest of its word: there, its loss is a nat higher. In
the table of n-grams, 0 was trained on single pieces, so its scores suffer from the opposite
difference.

`paper` is the average of five tasks that the paper reports for the same change of albert-base
(tables 3, 4, 5), or of albert-xxlarge for dropout (table 8), after a hundred thousand times as much
training; `paper SOP` is the accuracy of table 5 on sentence order. The last table compares each
variant with `small`: an order is reproduced if what the paper found better is also better here, by
the mean loss, and of objectives by the accuracy on sentence order. It is open if the seeds of the
two overlap. Without a sentence objective no head learns the order, so `none` is at chance whatever
the model knows, and is not compared.

    python benchmarks/ablations.py TOKENS RUNS

![Held-out loss of each run, by change](ablations.png)
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import common
from albertlm.data.masking import MaskingConfig
from albertlm.executors import open_executor

PICTURE = Path(__file__).parents[1] / "docs" / "ablations.png"
BASE = "small"
SEEDS, OF_BASE = (0, 1), (0, 1, 2)
"""The seeds of each variant, and of the base."""

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
"""The averages of the paper."""

PAPER_SOP = {"sop": 86.5, "nsp": 52.0}
"""The accuracies on sentence order of table 5, where a head is trained."""

LOSS, SOP = "MLM loss", "SOP accuracy"
WHOLE_WORDS = MaskingConfig(max_ngram=1, mask_share=1.0, random_share=0.0)


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
    scores = evaluate_pretraining(engine, held_out.tokenizer, held_out, masking=WHOLE_WORDS)
    return {
        "parameters": sum(costs.parameters_by_part(engine.config).values()),
        "MLM loss": round(scores.mlm_loss, 4),
        "MLM accuracy": round(scores.mlm_accuracy, 4),
        "SOP accuracy": round(scores.sop_accuracy, 4),
    }


def averaged(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The means of runs that differ only in the seed, and how far their losses are apart."""
    means = {name: round(statistics.fmean(run[name] for run in runs), 4) for name in runs[0]}
    losses = [run[LOSS] for run in runs]
    spread = round(max(losses) - min(losses), 4)
    return {**means, "parameters": runs[0]["parameters"], "seeds": spread}


def base_of(what: str) -> str:
    """The value of a change that the base has."""
    return next(value for value, recipe in FAMILIES[what].items() if recipe == BASE)


def orders(runs: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> dict[str, Any]:
    """Which of the paper's differences from the base are found here, by change and value."""
    found = {}
    for what, averages in PAPER.items():
        base = base_of(what)
        measure, paper = (SOP, PAPER_SOP) if what == "objective" else (LOSS, averages)
        of_base = [run[measure] for run in runs[what][base]]
        for value in paper.keys() - {base}:
            values = [run[measure] for run in runs[what][value]]
            gain = statistics.fmean(values) - statistics.fmean(of_base)
            better = gain < 0 if measure == LOSS else gain > 0
            overlap = min(values) <= max(of_base) and min(of_base) <= max(values)
            found[f"{what} {value} instead of {base}"] = {
                "measure": measure,
                "difference": round(gain, 4),
                "paper": round(paper[value] - paper[base], 1),
                "reproduced": "open" if overlap else better == (paper[value] > paper[base]),
            }
    return dict(sorted(found.items()))


def draw(runs: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]], path: Path) -> None:
    """Plot the held-out loss of each run by what is changed, and the range of the base."""
    import matplotlib.style
    from matplotlib.figure import Figure

    from albertlm.reporting.figures import COLOURS, STYLE, save_figure

    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(11, 3), layout="constrained")
        panels = figure.subplots(1, len(FAMILIES), sharey=True)
        for panel, (what, values) in zip(panels, runs.items(), strict=True):
            losses = [run[LOSS] for run in values[base_of(what)]]
            panel.axhspan(min(losses), max(losses), color="#dddddd", zorder=0)
            for place, each in enumerate(values.values()):
                panel.plot([place] * len(each), [run[LOSS] for run in each], "o", color=COLOURS[0])
            panel.set_xticks(range(len(values)), values)
            panel.set_xlim(-0.5, len(values) - 0.5)
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
    recipes = {
        (what, value): recipe or f"{BASE}-{what}-{value}"
        for what, values in FAMILIES.items()
        for value, recipe in values.items()
    }
    seeds = {recipe: OF_BASE if recipe == BASE else SEEDS for recipe in recipes.values()}
    tasks = [
        Task(recipe, seed, options.tokens, options.runs)
        for seed in OF_BASE
        for recipe, wanted in seeds.items()
        if seed in wanted
    ]
    with open_executor(workers=options.workers) as executor:
        done = {tasks[number]: row for number, row in executor.map(carry_out, tasks)}
    runs = {
        what: {
            value: [row for task, row in done.items() if task.recipe == recipes[what, value]]
            for value in values
        }
        for what, values in FAMILIES.items()
    }
    measurements: dict[str, dict[str, Any]] = {
        what: {
            value: averaged(each) | ({"paper": PAPER[what][value]} if what in PAPER else {})
            for value, each in values.items()
        }
        for what, values in runs.items()
    }
    for value, score in PAPER_SOP.items():
        measurements["objective"][value]["paper SOP"] = score
    measurements["the paper's orders"] = orders(runs)
    draw(runs, PICTURE)
    common.record("ablations", measurements, ["torch"])


if __name__ == "__main__":
    main()
