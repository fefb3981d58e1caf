"""The style of all figures, how they are saved, and those of a corpus, answers and engines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from math import log2
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from albertlm import storage
from albertlm.corpus.statistics import LENGTHS, Statistics, bin_of, least
from albertlm.inference.speed import SHAPES, Speed
from albertlm.tasks.squad_v2 import PrecisionRecall

STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans", "sans-serif"],  # the second for an SVG viewer without it
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "grid.color": "#e0e0e0",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "albertlm",
}

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7b3f98", "#555555")
"""Colours that colour-blind readers can distinguish too (after Okabe and Ito)."""

BARS, SPREAD, LEFT_OUT = "#0072b2", "#d55e00", "#888888"
_PER_OCTAVE = 4
_MOST_SOURCES = 6
_WIDE = 1000
"""The ratio of the limits of an axis from which labels at 2 and 5 do not fit."""


def save_figure(figure: Figure, path: Path, *, dpi: int = 120) -> None:
    """Write a figure as .png or .svg, the same bytes for the same figure."""
    kind = path.suffix.removeprefix(".")
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with storage.atomic_path(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=dpi, metadata=metadata)


def draw_corpus(
    statistics: Statistics,
    dropped: Mapping[str, int],
    path: Path,
    fit: Mapping[str, float] | None = None,
) -> None:
    """Plot the three distributions of lengths, and the number of documents kept and left out.

    Args:
        statistics: the statistics of the corpus.
        dropped: the number of documents left out for each reason.
        path: the file to write, which ends in .png or .svg.
        fit: measurements of how well a vocabulary fits, for the second line of the title.
    """
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(10, 6.5), layout="constrained")
        *histograms, outcome = figure.subplots(2, 2).ravel()
        for panel, name in zip(histograms, LENGTHS, strict=True):
            _draw_lengths(panel, statistics, name)
        _draw_outcome(outcome, statistics, dropped)
        title = (
            f"{statistics.documents:,} documents, {statistics.sentences:,} sentences, "
            f"{statistics.words:,} words"
        )
        if fit:
            title += "\n" + ", ".join(f"{name}: {value:.4g}" for name, value in fit.items())
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        save_figure(figure, path)


def draw_precision_recall(curves: Mapping[str, PrecisionRecall], path: Path) -> None:
    """Plot curves of precision and recall by name, with the areas under them in percent.

    Args:
        curves: such as those of `RawScores.curves`.
        path: the file to write, which ends in .png or .svg.
    """
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(5, 4), layout="constrained")
        panel = figure.subplots()
        for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
            label = f"{name} ({curve.average:.1f})"
            panel.step(curve.recalls, curve.precisions, where="post", color=colour, label=label)
        panel.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
        panel.legend(loc="lower left")
        save_figure(figure, path)


def draw_speeds(speeds: Mapping[tuple[str, str], Speed], path: Path) -> None:
    """Plot the median of each engine and precision for both shapes, up to the 95th percentile.

    Args:
        speeds: what was measured, by engine and precision.
        path: the file to write, which ends in .png or .svg.
    """
    names = [" ".join(pair) for pair in speeds]
    of_shapes = [[each.short, each.long] for each in speeds.values()]
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(9, 1.2 + 0.3 * len(names)), layout="constrained")
        for number, panel in enumerate(figure.subplots(1, len(SHAPES), sharey=True)):
            latencies = [each[number] for each in of_shapes]
            medians = [1000 * each.p50 for each in latencies]
            above = [1000 * max(0.0, each.p95 - each.p50) for each in latencies]
            places = range(len(names))
            panel.barh(places, medians, xerr=([0] * len(above), above), color=BARS, ecolor=SPREAD)
            panel.set_yticks(places, names)
            panel.set(title=list(SHAPES)[number], xlabel="ms, and 95th percentile")
            panel.grid(axis="y", visible=False)
        panel.invert_yaxis()
        save_figure(figure, path)


def _draw_lengths(panel: Axes, statistics: Statistics, name: str) -> None:
    """Draw a histogram on a logarithmic axis, with areas proportional to counts."""
    columns = Counter[int]()
    for number, count in statistics.lengths[name].items():
        columns[bin_of(max(1, least(number)), _PER_OCTAVE)] += count
    shown = range(min(columns, default=1), max(columns, default=1) + 1)
    edges = [least(column, _PER_OCTAVE) for column in (*shown, shown.stop)]
    heights = [
        columns[column] / log2(stop / start)
        for column, (start, stop) in zip(shown, pairwise(edges), strict=True)
    ]
    panel.stairs(heights, edges, fill=True, color=BARS)
    low, _, middle, _, high = statistics.quantiles(name).values()
    panel.axvline(middle, color=SPREAD, linewidth=1.5)
    panel.axvspan(low, high, color=SPREAD, alpha=0.12, linewidth=0, zorder=0)
    panel.set_title(f"median {middle:,}; nine in ten from {low:,} to {high:,}")
    panel.set_xscale("log")
    unit = name.rsplit(maxsplit=1)[-1]
    panel.set(xlabel=name, ylabel=f"{unit}s per doubling", xlim=(edges[0], edges[-1]))
    narrow = edges[-1] < _WIDE * edges[0]
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    panel.yaxis.set_major_formatter("{x:,.0f}")
    panel.grid(axis="y")


def _draw_outcome(panel: Axes, statistics: Statistics, dropped: Mapping[str, int]) -> None:
    """Draw a bar for each source and for each reason for leaving documents out."""
    sources = Counter(statistics.sources).most_common()
    bars = [(source, count, BARS) for source, count in sources[:_MOST_SOURCES]]
    if others := sum(count for _, count in sources[_MOST_SOURCES:]):
        bars.append((f"{len(sources) - _MOST_SOURCES} other sources", others, BARS))
    bars += [(reason, count, LEFT_OUT) for reason, count in Counter(dropped).most_common()]
    names, counts, colours = zip(*bars, strict=True) if bars else ((), (), ())
    drawn = panel.barh(range(len(bars)), counts, color=colours)
    panel.bar_label(drawn, [f"{count:,}" for count in counts], padding=3)
    panel.set_yticks(range(len(bars)), names)
    panel.invert_yaxis()
    panel.set(xlabel="documents", xmargin=0.15)
    panel.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.set_title(f"kept {statistics.documents:,}, left out {sum(dropped.values()):,} (grey)")
    panel.grid(axis="x")
