"""Write a report on one or several pretraining runs: figures and a Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from albertlm import storage
from albertlm.reporting import curves
from albertlm.reporting.history import CoveredEpochs, History
from albertlm.reporting.summary import MEASURES, WINDOW, Summary, Value, summarise

PAGE = "README.md"
MARK = "<!-- written by `albertlm report` -->"
"""The first line of a report; a page without it is never overwritten."""

NOTHING = "–"


def read_runs(folders: Sequence[str | Path]) -> list[History]:
    """The histories of runs, in order; runs with equal names are named by their paths.

    Raises:
        OSError: a folder or file cannot be read.
        ValueError: a folder is not a run, has logged nothing yet, or is named twice.
    """
    paths = [Path(folder) for folder in folders]
    places = [path.resolve() for path in paths]
    for number, path in enumerate(paths):
        if places[number] in places[:number]:
            raise ValueError(f"{path} is named twice; name each run once")
    runs = [History.read(path) for path in paths]
    names = [run.name for run in runs]
    return [
        run if names.count(run.name) == 1 else replace(run, name=str(path))
        for run, path in zip(runs, paths, strict=True)
    ]


def write_report(runs: Sequence[History], folder: str | Path) -> list[Summary]:
    """Write `README.md`, `curves.png` and `curves.svg` into a folder.

    Raises:
        FileExistsError: the folder contains a `README.md` that is not a report.
        ValueError: the configuration of a run's model is invalid.
    """
    page = Path(folder) / PAGE
    if page.is_file() and not page.read_text(encoding="utf-8").startswith(MARK):
        raise FileExistsError(f"{page} is not a report and was not replaced; name another folder")
    summaries = [summarise(run) for run in runs]
    curves.draw(runs, page.parent)
    with storage.atomic_path(page) as temporary:
        temporary.write_text("\n\n".join(_page(runs, summaries)) + "\n", encoding="utf-8")
    return summaries


def result_rows(summaries: Sequence[Summary]) -> list[list[str]]:
    """The table of results: a row for each measure of any run, and a column for each run."""
    rows: dict[str, list[str]] = {
        "state": [_state(run) for run in summaries],
        "parameters": [f"{run.parameters:,}" for run in summaries],
        "steps": [f"{run.steps:,}" for run in summaries],
        "tokens": [_optional(run.tokens, ",") for run in summaries],
        "hours": [_optional(run.hours, ".3g") for run in summaries],
        "tokens per second": [_optional(run.tokens_per_second, ",.0f") for run in summaries],
        "waiting for data": [_optional(run.waiting, ".2%") for run in summaries],
        "device idle between steps": [_optional(run.idling, ".2%") for run in summaries],
        "TFLOP of the model per second": [
            _optional(run.flops_per_second and run.flops_per_second / 1e12, ".3g")
            for run in summaries
        ],
    }
    rows = {label: cells for label, cells in rows.items() if set(cells) != {NOTHING}}
    for part in ("training", "held_out"):
        for name, measure in MEASURES.items():
            values = [getattr(run, part).get(name) for run in summaries]
            if any(values):
                label = f"{part.replace('_', ' ')}: {measure.label}"
                rows[label] = [_last_and_best(value, measure.form) for value in values]
    return [[label, *cells] for label, cells in rows.items()]


def _page(runs: Sequence[History], summaries: Sequence[Summary]) -> Iterator[str]:
    """Yield the parts of the page."""
    names = [f"`{run.name}`" for run in runs]
    settings = [_flat(run.config) for run in runs]
    every = dict.fromkeys(name for each in settings for name in each)
    rows = {name: [each.get(name, NOTHING) for each in settings] for name in every}
    equal = {name: cells for name, cells in rows.items() if len(set(cells)) == 1}

    yield MARK
    yield f"# Pretraining: {', '.join(names)}"
    for run, summary in zip(runs, summaries, strict=True):
        yield from _remarks(run, summary)
    yield "![Loss, accuracy, learning rate and speed over the run](curves.png)"
    yield (
        "The same figure as [SVG](curves.svg). A logged value is the mean over the steps since the "
        "one before."
    )
    yield "## Results"
    yield table(["", *names], result_rows(summaries), left=1)
    yield (
        "In brackets stands the best value with its step, where that is not the last. Last and "
        f"best values of training are means of {WINDOW} logged ones, or of a tenth of all where "
        "that is less."
    )
    if len(runs) > 1:
        yield "## What differs"
        yield table(["setting", *names], [[n, *rows[n]] for n in rows if n not in equal], left=1)
    yield "## Phases"
    yield _phases(runs)
    if planned := [row for run, name in zip(runs, names, strict=True) for row in _times(run, name)]:
        yield "## Time"
        yield table(["run", "phase", "planned", "took"], planned, left=1)
    if events := [
        [name, event.name, event.details, f"{event.step:,}"]
        for run, name in zip(runs, names, strict=True)
        for event in run.events
    ]:
        yield "## Events"
        yield table(["run", "event", "details", "step"], events, left=3)
    if covered := [
        [
            *(name, f"{part.phase} {part.tokens}".rstrip(), _epochs(part)),
            *(f"{part.seen:,}", f"{part.expected:,}", part.verdict),
        ]
        for run, name in zip(runs, names, strict=True)
        for part in run.coverage
    ]:
        yield "## Coverage"
        columns = ["run", "phase", "epochs", "examples seen", "of", "which is"]
        yield table(columns, covered, left=1)
    yield "## Settings" if len(runs) == 1 else "## Settings in common"
    yield table(["setting", "value"], [[name, cells[0]] for name, cells in equal.items()], left=1)


def _remarks(run: History, summary: Summary) -> Iterator[str]:
    if not summary.finished:
        yield f"`{run.name}` is unfinished: {_state(summary)}."
    if run.undone:
        yield (
            f"`{run.name}` went back and did some steps again; {run.undone} values that it had "
            "logged there before are left out."
        )
    if run.cut_off:
        yield f"The last line of the log of `{run.name}` is cut off and left out."


def _state(summary: Summary) -> str:
    if summary.finished:
        return "finished"
    share = summary.steps / summary.total_steps
    return f"{summary.steps:,} of {summary.total_steps:,} steps done ({share:.0%})"


def _phases(runs: Sequence[History]) -> str:
    """The table of the phases of all runs, or of one if they are all equal."""
    told = runs if any(run.phases != runs[0].phases for run in runs) else runs[:1]
    phases = [
        (run.name, number, _flat(phase))
        for run in told
        for number, phase in enumerate(run.phases, start=1)
    ]
    fields = dict.fromkeys(
        name for _, _, phase in phases for name, value in phase.items() if value != NOTHING
    )
    rows = [
        [f"`{run}`", str(number), *(phase.get(name, NOTHING) for name in fields)]
        for run, number, phase in phases
    ]
    columns = ["run", "phase", *(name.replace("_", " ") for name in fields)]
    if len(told) == 1:
        columns, rows = columns[1:], [row[1:] for row in rows]
    return table(columns, rows, left=len(told) > 1)


def _times(run: History, name: str) -> Iterator[list[str]]:
    """Yield the planned steps and time of each phase and of the run, and what they took."""
    seconds, start = run.training.get("seconds"), 0
    if run.plan is None or seconds is None:
        return
    planned = zip(run.plan["steps"], run.plan["seconds"], run.phase_ends, strict=True)
    for number, (steps, time, end) in enumerate(planned, start=1):
        inside = (seconds.steps > start) & (seconds.steps <= end)
        took = seconds.values[inside].sum()
        done = max(0, min(run.steps, end) - start)
        yield [
            name,
            str(number),
            f"{steps:,} steps, {time:,.0f} s",
            f"{done:,} steps, {took:,.0f} s",
        ]
        start = end
    if run.clock:
        seconds_planned = run.plan["budget"]["seconds"]
        planned_whole = "until a moment" if seconds_planned is None else f"{seconds_planned:,.0f} s"
        ended = ", ended by the clock" if run.clock.get("ended") else ""
        yield [name, "all, at work", planned_whole, f"{run.clock['worked']:,.0f} s{ended}"]


def _epochs(part: CoveredEpochs) -> str:
    first, last = part.epochs
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as text, by dotted name, without the phases."""
    flat: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif name != "phases":
            flat[prefix + name] = _text(value)
    return flat


def _text(value: object) -> str:
    """A setting as text; long texts, such as checksums, are truncated."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case _:
            text = str(value)
            return text if len(text) <= 40 else f"{text[:12]}…"


def _optional(value: float | None, form: str) -> str:
    return NOTHING if value is None else format(value, form)


def _last_and_best(value: Value | None, form: str) -> str:
    if value is None:
        return NOTHING
    last, best = format(value.last, form), format(value.best, form)
    return last if last == best else f"{last} ({best} at {value.best_step:,})"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> str:
    """A Markdown table whose first `left` columns are text and whose others are numbers."""
    under = ["---"] * left + ["---:"] * (len(columns) - left)
    cells = [[each.replace("|", "\\|") for each in row] for row in (columns, under, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
