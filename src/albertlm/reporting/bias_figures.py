"""The figures of an audit."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from albertlm.evaluation.bias.validity import TOO_WEAK
from albertlm.reporting.audit import AS_PUBLISHED, AuditRow
from albertlm.reporting.figures import BARS, LEFT_OUT, SPREAD, STYLE

PUBLISHED = {
    ("crows-pairs", "pll", "all"): {
        "BERT base": 60.5,
        "RoBERTa large": 64.1,
        "ALBERT xxlarge": 67.0,
    },
    ("stereoset", "intrasentence: ss", "all"): {"BERT base cased": 58.68, "RoBERTa base": 55.21},
}
"""What was published of other models: by Nangia et al. 2020, and in the predictions that were
released with StereoSet.
"""

_INCHES = 0.24


def published(row: AuditRow) -> dict[str, float]:
    """What was published of other models for a number, by their names."""
    return PUBLISHED.get((row.test, row.measure.removesuffix(AS_PUBLISHED), row.part), {})


def forest(rows: Sequence[AuditRow]) -> Figure:
    """Numbers with their 95 % intervals, a line at no preference, and what others have.

    Numbers of a model that is too weak are grey, published ones hollow. There is a panel for each
    unit and value of no preference; numbers without such a value are left out.
    """
    kinds = dict.fromkeys((row.unit, row.neutral) for row in rows if row.neutral is not None)
    shown = [[row for row in rows if (row.unit, row.neutral) == kind] for kind in kinds]
    heights = [0.9 + _INCHES * len(of_kind) for of_kind in shown]
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(8.5, sum(heights)), layout="constrained")
        panels = figure.subplots(len(shown), 1, height_ratios=heights, squeeze=False)[:, 0]
        for panel, of_kind, (unit, neutral) in zip(panels, shown, kinds, strict=True):
            panel.axvline(neutral, color=LEFT_OUT, linewidth=1.2)
            panel.set_xlabel(f"{unit}; the grey line is no preference or difference")
            _intervals(panel, of_kind)
    return figure


def _intervals(panel: Axes, rows: Sequence[AuditRow]) -> None:
    """Draw numbers below each other, with their names on the left and n on the right."""
    for place, row in enumerate(rows):
        colour = LEFT_OUT if row.verdict == TOO_WEAK else BARS
        panel.plot([row.low, row.high], [place, place], color=colour, linewidth=1.6)
        panel.plot(row.value, place, "o", color=colour, markersize=4.5)
        for value in published(row).values():
            panel.plot(value, place, "o", mfc="white", mec=SPREAD, markersize=5, zorder=1)
    tests = {row.test for row in rows}
    names = [f"{row.test}: " if len(tests) > 1 else "" for row in rows]
    panel.set_yticks(
        range(len(rows)),
        [f"{name}{row.measure}, {row.part}" for name, row in zip(names, rows, strict=True)],
    )
    panel.set_ylim(len(rows) - 0.4, -0.6)
    counts = panel.secondary_yaxis("right")
    counts.set_yticks(range(len(rows)), [f"n = {row.n:,}" for row in rows])
    for axes in (panel, counts):
        axes.tick_params(axis="y", length=0)
    counts.spines["right"].set_visible(False)
    panel.grid(axis="y", visible=False)


def heat_map(
    rows: Sequence[str], columns: Sequence[str], values_RC: Sequence[Sequence[float]]
) -> Figure:
    """Numbers in colours, blue below 0 and red above."""
    array_RC = np.asarray(values_RC, np.float64)
    bound = float(np.abs(array_RC).max()) or 1.0
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(
            figsize=(2.6 + 0.8 * len(columns), 1.2 + 0.15 * len(rows)), layout="constrained"
        )
        panel = figure.subplots()
        image = panel.imshow(array_RC, cmap="RdBu_r", vmin=-bound, vmax=bound, aspect="auto")
        panel.set_xticks(range(len(columns)), columns)
        panel.set_yticks(range(len(rows)), rows, fontsize=7)
        panel.xaxis.tick_top()
        panel.tick_params(length=0)
        panel.grid(visible=False)
        figure.colorbar(image, ax=panel, shrink=min(1.0, 12 / max(12, len(rows))))
    return figure


def histogram(values: Mapping[str, Sequence[float]], label: str) -> Figure:
    """The distribution of changes, one panel for each name, with a line at 0."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(3.6 * len(values), 2.4), layout="constrained")
        panels = figure.subplots(1, len(values), squeeze=False)[0]
        for panel, (name, numbers) in zip(panels, values.items(), strict=True):
            bound = max(map(abs, numbers), default=0.0) or 1.0
            panel.hist(numbers, bins=np.linspace(-bound, bound, 42), color=BARS)
            panel.axvline(0, color=LEFT_OUT, linewidth=1.2)
            panel.set(title=f"{name}, n = {len(numbers):,}", xlabel=label)
    return figure


def scatter(x: Mapping[str, float], y: Mapping[str, float], labels: tuple[str, str]) -> Figure:
    """Two numbers of each word, with the names of those that are outermost in either."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(6.4, 4), layout="constrained")
        panel = figure.subplots()
        panel.plot([x[word] for word in x], [y[word] for word in x], "o", color=BARS, markersize=3)
        ordered = [sorted(x, key=of.__getitem__) for of in (x, y)]
        outermost = [*ordered[0][:3], *ordered[0][-3:], *ordered[1][:3], *ordered[1][-3:]]
        for word in dict.fromkeys(outermost):
            panel.annotate(
                word, (x[word], y[word]), xytext=(3, 3), textcoords="offset points", fontsize=7
            )
        panel.set(xlabel=labels[0], ylabel=labels[1])
    return figure


def svg(figure: Figure) -> str:
    """A figure to put into a page: SVG without the lines before its root."""
    with io.StringIO() as file, matplotlib.style.context(["default", STYLE]):
        figure.savefig(file, format="svg", metadata={"Date": None})
        text = file.getvalue()
    return text[text.index("<svg") :]
