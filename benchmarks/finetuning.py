"""Scores of models that were fine-tuned from the one that ships, beside what needs no pretraining.

Each task is learned with the recipe for small models, once from the weights that ship and once from
random weights of the same shape, and solved by rules or by TF-IDF with logistic regression. Random
weights have a learning rate of 5e-5, since they learned nothing of SST-2 at that of the recipe.
Scores are medians over the runs, in percent: accuracy, or F1 of answers. Runs that learned nothing
are kept, counted as `failed`, and in the median and the range; from the weights that ship, they
were started again on other seeds. `looks` is the number of times that a run was scored on the split
called `selected on` to choose its checkpoint. The interval is that of one score on `n` examples,
and is too wide for F1.

MNLI is the public subset of 6,870 pairs without the 1,788 that share a text with its matched dev
data; mismatched dev data is never looked at in training. SST-2 is learned in one epoch, SQuAD 1.1
and RACE in one epoch on every fourth article or passage. The dev data of SQuAD 2.0 is divided by
article, since its training data is not at hand: its rows only show that the task works.

    make finetuning-table

![Scores by task, with the range of the runs](finetuning.png)

Everything is computed by the commands `finetune`, `evaluate`, `score`, `compare` and `table`. In
the rows of random weights, the difference is that to the model that ships on the same dev data, by
one seed of each, with its 95 % interval by a paired bootstrap. The last picture is that of `table`,
with means over seeds; the published models were trained on whole data sets and scored on other dev
data of RACE.

![The table of the model card](finetuning_table.png)
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import common
import finetuning_baselines as baselines
from albertlm import storage
from albertlm.tasks import rows
from albertlm.tasks.catalogue import TASKS
from albertlm.tasks.scores import interval_of_share

DOCS = Path(__file__).parents[1] / "docs"
PICTURE, CARD = DOCS / "finetuning.png", DOCS / "finetuning_table.png"
DATA = common.DATA
MNLI, SQUAD = DATA / "glue" / "MNLI-subset", DATA / "squad"
PRETRAINED, RANDOM = "model that ships", "random weights"
FOLDERS = {name: name.replace(" ", "-") for name in (PRETRAINED, RANDOM)}
LINEAR = "TF-IDF and logistic regression"
EVERY = 4
"""Of how many articles or passages one is trained on, where a whole epoch takes too long."""

OF_RANDOM = ("learning_rate=5e-5",)
"""The change to the recipe for random weights. At its rate, 12 applications of 512 units give all
sentences of SST-2 the same label after 360 steps; at this one, they learn.
"""

IN_PERCENT = ("squad1", "squad2")
ONE_LOOK = 10**6
"""Steps between looks that no run has, so that it is looked at once, at its end."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """A task with its data, and how it is learned.

    Fields:
        task: the name of the task.
        data, dev: as `albertlm finetune` takes them.
        splits: the name of each file or folder to report on, besides the dev data; it is reported
            first.
        seeds: a run for each.
        changes: to the recipe.
        rules: what needs no model, by the names of the rows.
    """

    task: str
    data: Path
    dev: str | None
    splits: Mapping[str, Path]
    seeds: tuple[int, ...]
    changes: tuple[str, ...]
    rules: Mapping[str, baselines.Baseline]


def studies(made: Path) -> dict[str, Study]:
    """The studies by the headings of their tables.

    Args:
        made: a folder for the data that is made of the files.
    """
    one_epoch = ("epochs=1", f"look_every={ONE_LOOK}")
    return {
        "MNLI, 5,082 pairs": Study(
            *("mnli", MNLI, None, {"dev_mismatched": MNLI / "mnli_mismatched.tsv"}, (0, 1, 2), ()),
            {LINEAR: baselines.linear, "most frequent label": baselines.majority},
        ),
        "SST-2": Study(
            *("sst2", DATA / "glue" / "SST-2", None, {}, (0, 1, 2), ("epochs=1",)),
            {LINEAR: baselines.linear, "most frequent label": baselines.majority},
        ),
        f"SQuAD 1.1, one article in {EVERY}": Study(
            *("squad1", part_of_squad(made), str(SQUAD / "dev-v1.1.json.xz"), {}, (0,), one_epoch),
            {"first sentence": baselines.first_sentence},
        ),
        f"RACE, one passage in {EVERY} of a sample": Study(
            *("race", part_of_race(made), str(made / "race" / "dev"), {}, (0,), one_epoch),
            {"nearest choice by TF-IDF": baselines.nearest, "chance": chance},
        ),
        "SQuAD 2.0, dev data by article": Study(
            *("squad2", SQUAD / "dev-v2.0.json.xz", "25%", {}, (0,), one_epoch),
            {"no answer": baselines.unanswered},
        ),
    }


def chance(task: Any, train: baselines.Examples, dev: baselines.Examples) -> dict[str, float]:
    """The accuracy of guesses between choices."""
    del train
    return {task.main_metric: statistics.fmean(1 / (len(each.texts) - 1) for each in dev)}


def part_of_squad(made: Path) -> Path:
    """A file with one article in `EVERY` of the training data."""
    path = made / "squad" / "train-v1.1.json"
    if not path.exists():
        whole = rows.read_json(SQUAD / "train-v1.1.json.xz")
        path.parent.mkdir(parents=True, exist_ok=True)
        storage.write_json(path, {**whole, "data": whole["data"][::EVERY]})
    return path


def part_of_race(made: Path) -> Path:
    """A file with one passage in `EVERY` of the training data; the dev data is beside it."""
    path = made / "race" / "train.jsonl"
    if not path.exists():
        with tarfile.open(DATA / "race" / "race-sample.tar.xz") as archive:
            archive.extractall(made / "race", filter="data")
        passages = [
            json.dumps(json.loads(file.read_text(encoding="utf-8")))
            for file in sorted((made / "race" / "train").rglob("*.txt"))[::EVERY]
        ]
        with storage.atomic_path(path) as temporary:
            temporary.write_text("\n".join(passages) + "\n", encoding="utf-8")
    return path


def contestants(study: Study, runs: Path) -> Iterator[tuple[str, Callable[[], dict[str, Row]]]]:
    """The name of each contestant of a study, and what computes its rows by their splits."""
    for name, rule in study.rules.items():
        yield name, partial(by_rule, study, rule)
    for name, folder in FOLDERS.items():
        output = runs / study.task / folder
        yield name, partial(trained, study, output, from_scratch=name == RANDOM)


def by_rule(study: Study, rule: baselines.Baseline) -> dict[str, Row]:
    """The row of a rule for each split."""
    from albertlm.finetuning.task_data import read_task_data

    data = read_task_data(study.task, study.data, study.dev, without_leaks=study.task == "mnli")
    found = {}
    for split, path in study.splits.items():
        dev = data.task.read(path)
        found[split] = row(study.task, len(dev), [rule(data.task, data.train, dev)])
    found[data.dev_name] = row(study.task, len(data.dev), [rule(data.task, data.train, data.dev)])
    return found


def trained(study: Study, folder: Path, *, from_scratch: bool) -> dict[str, Row]:
    """The row of fine-tuned models for each split."""
    changes = study.changes + (OF_RANDOM if from_scratch else ())
    told = albertlm(
        *("finetune", study.task, "--data", study.data, "--output", folder),
        *(("--dev", study.dev) if study.dev else ()),
        *(("--drop-leaks",) if study.task == "mnli" else ()),
        *(("--from-scratch", "--restarts", 0) if from_scratch else ()),
        *("--seeds", ",".join(map(str, study.seeds))),
        *(part for change in changes for part in ("--set", change)),
    )
    if told["model"] is None:
        raise SystemExit("stopped; the same command goes on")
    runs = told["runs"]
    dev, looks = runs[0]["split"], max(run["looks"] for run in runs)
    more: Row = {
        "seeds": len(study.seeds),
        "failed": told["failed"],
        "selected on": dev if looks > 1 else "nothing, the last step",
        "looks": looks,
    }
    found = {}
    for split, path in study.splits.items():
        results = [evaluated(study.task, folder / f"seed-{run['seed']}", path) for run in runs]
        scores = [each["scores"] for each in results]
        found[split] = row(study.task, results[0]["n"], scores) | more
    if from_scratch:
        more |= difference(folder.with_name(FOLDERS[PRETRAINED]), folder, runs[0]["seed"])
    found[dev] = row(study.task, runs[0]["n"], [run["scores"] for run in runs]) | more
    return found


def evaluated(task: str, run: Path, data: Path) -> dict[str, Any]:
    """The result of a run on other data, once its predictions were scored with the same result."""
    output = run / data.stem
    of_task = (task, "--data", data)
    result = albertlm("evaluate", *of_task, "--model", run / "model", "--output", output)
    again = albertlm("score", *of_task, "--predictions", output / "predictions.jsonl")
    if again["scores"] != result["scores"]:
        raise SystemExit(f"{output} has the scores {again['scores']}, not {result['scores']}")
    return result


def difference(a: Path, b: Path, seed: int) -> Row:
    """How much better or worse the runs in B are than those in A, by one seed of each."""
    told = albertlm("compare", *(each / f"seed-{seed}" / "predictions.jsonl" for each in (a, b)))
    mean, low, high = (100 * told[name] for name in ("difference", "low", "high"))
    return {f"difference, seed {seed}": f"{mean:.1f} ({low:.1f} to {high:.1f})"}


def albertlm(*arguments: object) -> dict[str, Any]:
    """What a command prints as JSON."""
    print("  albertlm", *arguments, flush=True)
    command = [sys.executable, "-m", "albertlm", *map(str, arguments), "--json"]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(told)
    return found


def draw_table(runs: Path) -> None:
    """Draw the table of the model card, with what was measured so far."""
    results = [
        f"{name}={file}"
        for name, folder in FOLDERS.items()
        for file in sorted(runs.glob(f"*/{folder}/seed-*/result.json"))
    ]
    if results:
        albertlm("table", *results, "--output", runs / "table")
        shutil.copyfile(runs / "table" / "results.png", CARD)


def row(task: str, n: int, runs: list[dict[str, float]]) -> Row:
    """The scores of runs by the main metric of the task, and the others of the median run."""
    metrics = TASKS[task].metrics
    factor = 1 if task in IN_PERCENT else 100
    values = [factor * run[metrics[0]] for run in runs]
    median = statistics.median(values)
    low, high = interval_of_share(median / 100, n)
    found: Row = {"n": n, metrics[0]: round(median, 1)}
    if task in IN_PERCENT:
        found[metrics[1]] = round(statistics.median(run[metrics[1]] for run in runs), 1)
    if len(runs) > 1:
        found["lowest to highest"] = f"{min(values):.1f} to {max(values):.1f}"
    return {**found, "95 % interval": f"{100 * low:.1f} to {100 * high:.1f}"}


def draw(measurements: Mapping[str, Mapping[str, Row]], path: Path) -> None:
    """Plot the score of each row of each study, and the range of its runs."""
    import matplotlib.style
    from matplotlib.figure import Figure

    from albertlm.reporting.figures import BARS, LEFT_OUT, SPREAD, STYLE, save_figure

    heights = [len(table) for table in measurements.values()]
    with matplotlib.style.context(["default", STYLE]):
        size = (8, 0.7 * len(heights) + 0.24 * sum(heights))
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(heights), height_ratios=heights, sharex=True, squeeze=False)
        for panel, (title, table) in zip(panels[:, 0], measurements.items(), strict=True):
            scores = [score_of(each) for each in table.values()]
            learned = [BARS if name.startswith(PRETRAINED) else LEFT_OUT for name in table]
            bars = panel.barh(range(len(table)), scores, color=learned)
            panel.bar_label(bars, [f"{score:.1f}" for score in scores], padding=12)
            for place, each in enumerate(table.values()):
                if "lowest to highest" in each:
                    ends = [float(end) for end in each["lowest to highest"].split(" to ")]
                    panel.plot(ends, [place, place], color=SPREAD, linewidth=3)
            panel.set_yticks(range(len(table)), table)
            panel.set(title=title, xlim=(0, 100))
            panel.grid(axis="y", visible=False)
            panel.invert_yaxis()
        save_figure(figure, path)


def score_of(found: Row) -> float:
    """The main score of a row."""
    return next(float(found[name]) for name in ("f1", "accuracy") if name in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "runs",
        type=Path,
        nargs="?",
        default=Path("runs", "finetuning"),
        help="folder of the runs and of their rows; what is there is not measured again",
    )
    parser.add_argument("--only", nargs="*", default=[], help="tasks to measure, in this order")
    options = parser.parse_args()
    common.require_data(MNLI, DATA / "glue" / "SST-2", SQUAD, DATA / "race")
    runs = options.runs.resolve()
    found = studies(runs / "data")
    by_task = {study.task: (heading, study) for heading, study in found.items()}
    for task in options.only or by_task:
        heading, study = by_task[task]
        for name, compute in contestants(study, runs):
            file = runs / task / f"{name}.json"
            if not file.exists():
                print(f"{heading}: {name}", flush=True)
                file.parent.mkdir(parents=True, exist_ok=True)
                storage.write_json(file, compute())
            write(found, runs)


def write(headings: Mapping[str, Study], runs: Path) -> None:
    """Write the results of all rows that were measured, and the picture."""
    measurements: dict[str, dict[str, Row]] = {}
    for heading, study in headings.items():
        files = {name: runs / study.task / f"{name}.json" for name, _ in contestants(study, runs)}
        tables = {name: storage.read_json(file) for name, file in files.items() if file.exists()}
        for split in dict.fromkeys(split for table in tables.values() for split in table):
            for name, table in tables.items():
                found = measurements.setdefault(heading, {})
                found[f"{name}, {split}"] = table[split]
    common.record("finetuning", measurements, ["torch", "scikit-learn"])
    draw(measurements, PICTURE)
    draw_table(runs)


if __name__ == "__main__":
    main()
