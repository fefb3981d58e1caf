"""Results of tasks, gathered into the table of the model card: as a page, CSV and a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

from albertlm import storage
from albertlm.recipes import card
from albertlm.reporting.figures import BARS, LEFT_OUT, STYLE, save_figure
from albertlm.reporting.page import NOTHING, table
from albertlm.settings import check_choice
from albertlm.tasks import scores
from albertlm.tasks.catalogue import NAMES, TASKS
from albertlm.tasks.glue import TASKS as GLUE
from albertlm.tasks.glue import glue_score

MARK = "<!-- written by `albertlm table` -->"
PAGE, TABLE, FIGURE = "README.md", "results.csv", "results.png"

TITLES = ("SQuAD1.1", "SQuAD2.0", "MNLI", "SST-2", "RACE")
"""The names of `card.TASKS` on the card."""

_CARD_METRICS = {
    "squad1": ("f1", "exact_match"),
    "squad2": ("f1", "exact"),
    **dict.fromkeys(("mnli", "sst2", "race"), ("accuracy",)),
}
_IN_PERCENT = ("squad1", "squad2")
_CORRELATIONS = ("matthews", "pearson", "spearman")
_SHARES = ("accuracy", "exact", "exact_match")
_CARD_SPLITS = ("", "dev", "dev_matched")

_LEGEND = (
    "In percent: F1 and exact match of SQuAD, accuracies of the others, for MNLI that of the "
    "matched half. The Average is the mean of the five columns, where a SQuAD counts with the mean "
    "of F1 and exact match. Rows with (card) have the numbers of the cards of the released models."
)


@dataclass(frozen=True)
class TaskResult:
    """A metric of a model on a task, the mean over runs with different seeds.

    Fields:
        model, task, split, metric: what was measured; the split may be unknown.
        score: in percent.
        low, high: the 95 % interval of a single run, None if it is not known for the metric.
        n: the number of examples; None for published numbers.
        seeds: the number of runs.
        lowest, highest: the scores of the worst and the best run.
        selection: how the checkpoint was chosen.
        looks: the largest number of times that dev was looked at for that in a run.
    """

    model: str
    task: str
    split: str
    metric: str
    score: float
    low: float | None
    high: float | None
    n: int | None
    seeds: int
    lowest: float
    highest: float
    selection: str
    looks: int | None


COLUMNS = (
    "model",
    "task",
    "split",
    "metric",
    "score",
    "95 % interval",
    "n",
    "seeds",
    "lowest to highest",
    "selection",
    "looks at dev",
)


def read_results(names: Sequence[str | Path]) -> list[TaskResult]:
    """The results in JSON files, of which each is an object that `evaluate --json` printed.

    It has `task`, `n` and `scores`, and may have `model` (the name of the file by default),
    `split`, `selection` and `looks`. Files of the same model, task and split are runs with
    different seeds.

    Args:
        names: the files, each as `FILE`, or as `MODEL=FILE` for another name of the model.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is not a result, or runs differ in what they say of themselves.
    """
    runs: dict[tuple[str, str, str], list[tuple[Path, dict[str, Any]]]] = {}
    for name in names:
        model, path = _model_and_file(str(name))
        found = storage.read_json(path)
        _check_result(path, found)
        model = model or found.get("model") or path.stem
        runs.setdefault((model, found["task"], found.get("split") or ""), []).append((path, found))
    results = []
    for (model, task, split), each in runs.items():
        for name in ("n", "selection"):
            if len({found.get(name) for _, found in each}) > 1:
                told = ", ".join(f"{found.get(name)} ({path})" for path, found in each)
                raise ValueError(f"runs of {model} on {task} differ in {name}: {told}")
        results += _of_runs(model, task, split, [found for _, found in each])
    return results


def _model_and_file(name: str) -> tuple[str, Path]:
    """The model, which may be empty, and the file of `FILE` or `MODEL=FILE`."""
    model, _, file = name.partition("=")
    return (model, Path(file)) if file and not Path(name).exists() else ("", Path(name))


def _check_result(path: Path, found: dict[str, Any]) -> None:
    n, measured = found.get("n"), found.get("scores")
    if not isinstance(n, int) or n < 1 or not isinstance(measured, dict) or not measured:
        raise ValueError(
            f"{path} is not the result of a task: it needs task, n and scores, as evaluate --json "
            "and score --json print them"
        )
    task = str(found.get("task"))
    check_choice(NAMES, **{f"task of {path}": task})
    for name, score in measured.items():
        if isinstance(score, bool) or not isinstance(score, (int, float)):
            raise ValueError(f"{path} has the {name} {score!r}; it must be a number")
    if task in TASKS and TASKS[task].main_metric not in measured:
        raise ValueError(
            f"{path} has no {TASKS[task].main_metric}, by which {task} is compared; it has "
            f"{', '.join(measured)}"
        )


def _of_runs(model: str, task: str, split: str, runs: list[dict[str, Any]]) -> list[TaskResult]:
    wanted = TASKS[task].metrics if task in TASKS else tuple(runs[0]["scores"])
    n, results = runs[0]["n"], []
    for metric in wanted:
        values = [run["scores"][metric] for run in runs if metric in run["scores"]]
        if not values:
            continue
        factor = 1 if task in _IN_PERCENT or metric == "mean_squared_error" else 100
        score = sum(values) / len(values)
        interval = _interval(task, metric, factor * score / 100, n)
        results.append(
            TaskResult(
                model=model,
                task=task,
                split=split,
                metric=metric,
                score=factor * score,
                low=interval and 100 * interval[0],
                high=interval and 100 * interval[1],
                n=n,
                seeds=len(values),
                lowest=factor * min(values),
                highest=factor * max(values),
                selection=runs[0].get("selection") or "",
                looks=max((run["looks"] for run in runs if run.get("looks")), default=None),
            )
        )
    return results


def _interval(task: str, metric: str, score: float, n: int) -> tuple[float, float] | None:
    if metric in _CORRELATIONS:
        return scores.interval_of_correlation(score, n)
    # the F1 of a SQuAD is a mean over questions, others are not means over examples
    is_mean = metric in _SHARES or task in _IN_PERCENT
    return scores.interval_of_share(score, n) if is_mean else None


def published_results() -> list[TaskResult]:
    """The results of the eight released models on their cards."""
    return [
        TaskResult(
            model=f"{model} (card)",
            task=task,
            split="dev_matched" if task == "mnli" else "dev",
            metric=metric,
            score=score,
            low=None,
            high=None,
            n=None,
            seeds=1,
            lowest=score,
            highest=score,
            selection=card.SELECTION,
            looks=None,
        )
        for model, cells in card.PUBLISHED.items()
        for task, cell in cells.items()
        for metric, score in zip(_CARD_METRICS[task], cell, strict=True)
    ]


def card_cells(results: Sequence[TaskResult]) -> dict[str, dict[str, card.Cell]]:
    """The cells of the card's table by model and task; those of MNLI are the matched half."""
    found: dict[str, dict[str, card.Cell]] = {each.model: {} for each in results}
    for model, cells in found.items():
        for task, metrics in _CARD_METRICS.items():
            of_task = {
                each.metric: each.score
                for each in results
                if (each.model, each.task) == (model, task) and each.split in _CARD_SPLITS
            }
            if all(metric in of_task for metric in metrics):
                cells[task] = tuple(of_task[metric] for metric in metrics)
    return found


def card_rows(results: Sequence[TaskResult]) -> list[list[str]]:
    """The rows of the card's table: model, Average, SQuAD1.1, SQuAD2.0, MNLI, SST-2 and RACE."""
    return [
        [
            model,
            _number(card.average(cells)),
            *("/".join(map(_number, cells.get(task, ()))) or NOTHING for task in card.TASKS),
        ]
        for model, cells in card_cells(results).items()
    ]


def detail_rows(results: Sequence[TaskResult]) -> list[list[str]]:
    """A row for each metric of each model on each split, with the columns of `COLUMNS`."""
    return [
        [
            each.model,
            each.task,
            each.split or NOTHING,
            each.metric,
            _number(each.score),
            NOTHING if each.low is None else f"{each.low:.1f} to {_number(each.high)}",
            NOTHING if each.n is None else f"{each.n:,}",
            str(each.seeds),
            NOTHING if each.seeds == 1 else f"{each.lowest:.1f} to {each.highest:.1f}",
            each.selection or NOTHING,
            NOTHING if each.looks is None else f"{each.looks:,}",
        ]
        for each in results
    ]


def glue_rows(results: Sequence[TaskResult]) -> list[list[str]]:
    """The score of GLUE, with and without WNLI, of each model that has dev results on all of it."""
    rows = []
    for model in dict.fromkeys(each.model for each in results):
        found: dict[str, dict[str, float]] = {}
        for each in results:
            of_dev = each.model == model and not each.split.startswith("test")
            if of_dev and each.task in {task.name for task in GLUE}:
                name = "mnli-mm" if "mismatched" in each.split else each.task
                found.setdefault(name, {})[each.metric] = each.score
        if {task.name for task in GLUE} <= found.keys():
            rows.append([model, *map(_number, glue_score(found).values())])
    return rows


def write_table(results: Sequence[TaskResult], folder: str | Path) -> Path:
    """Write a page, all results as CSV, and a picture of the card's table into a folder.

    Returns:
        the path of the page.

    Raises:
        FileExistsError: the folder contains a `README.md` that this did not write.
    """
    page = Path(folder) / PAGE
    if page.is_file() and not page.read_text(encoding="utf-8").startswith(MARK):
        raise FileExistsError(f"{page} is not such a table and was not replaced; name another")
    everything = [*results, *published_results()]
    parts = [
        MARK,
        "# Results on tasks",
        table(["model", "Average", *TITLES], card_rows(everything), left=1),
        _LEGEND,
        f"![The table as a picture]({FIGURE})",
        "## Details",
        table(COLUMNS, detail_rows(everything), left=4),
        "The interval is that of a single run on so many examples. It is too wide for F1.",
    ]
    if glue := glue_rows(results):
        parts += ["## GLUE", table(["model", "GLUE", "without WNLI"], glue, left=1)]
    _draw(everything, {each.model for each in results}, page.with_name(FIGURE))
    with (
        storage.atomic_path(page.with_name(TABLE)) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, [*asdict(everything[0])], lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(asdict, everything))
    with storage.atomic_path(page) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def _draw(results: Sequence[TaskResult], ours: set[str], path: Path) -> None:
    """Plot a bar for each model in a panel for each column of the card's table."""
    cells = card_cells(results)
    models = [*cells]
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(11, 1 + 0.24 * len(models)), layout="constrained")
        panels = figure.subplots(1, 1 + len(card.TASKS), sharey=True)
        colours = [BARS if model in ours else LEFT_OUT for model in models]
        columns = zip(panels, ("Average", *TITLES), (None, *card.TASKS), strict=True)
        for panel, title, task in columns:
            values = [_height(cells[model], task) for model in models]
            bars = panel.barh(range(len(models)), [value or 0 for value in values], color=colours)
            labels = [_number(value) if value else "" for value in values]
            panel.bar_label(bars, labels, padding=2)
            panel.set(title=title, xlim=(0, 115), xticks=(0, 50, 100))
            panel.grid(axis="y", visible=False)
        panels[0].set_yticks(range(len(models)), models)
        panels[0].invert_yaxis()
        save_figure(figure, path)


def _height(cells: Mapping[str, card.Cell], task: str | None) -> float | None:
    """The mean of a cell, or the Average where no task is named."""
    if task is None:
        return card.average(cells)
    return sum(cells[task]) / len(cells[task]) if task in cells else None


def _number(value: float | None) -> str:
    """A number with one decimal, halves rounded up: the card prints 80.05 as 80.1."""
    if value is None:
        return NOTHING
    return str(Decimal(f"{value:.6f}").quantize(Decimal("0.1"), ROUND_HALF_UP))
