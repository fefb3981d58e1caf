"""The curves of one or several runs in one figure, as PNG and SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from albertlm.reporting.across import SMALL, Across, event_colours
from albertlm.reporting.figures import COLOURS, STYLE, save_figure
from albertlm.reporting.history import History, Series

POINTS = 2000
"""The maximum number of points of a curve; longer curves are averaged over intervals."""

Dashes = Literal["-", "--", ":"]
DASHES: tuple[Dashes, ...] = ("-", "--", ":")
"""Line styles, to distinguish more runs than there are colours."""

LOGGED, HELD_OUT, CHANCE = "#a9cbe2", "#d55e00", "#888888"

MARKERS: dict[str, Any] = {
    "linewidth": 0.8,
    "marker": "o",
    "markersize": 4,
    "markeredgecolor": "white",
    "markeredgewidth": 0.6,
}


@dataclass(frozen=True)
class Panel:
    """A measure: its name in the log and its axis; `chance` is the value for guessing."""

    name: str
    label: str
    scale: float = 1
    bottom: float | None = None
    chance: float | None = None
    is_smoothed: bool = True
    training: bool = True
    held_out: bool = True

    def of(self, run: History) -> tuple[Series | None, Series | None]:
        """The series to show of a run: training and held out."""
        training = run.training.get(self.name) if self.training else None
        held_out = run.held_out.get(self.name) if self.held_out else None
        return training, held_out


PANELS = (
    Panel("mlm_loss", "masked-token loss (nats)"),
    Panel("mlm_accuracy", "masked-token accuracy (%)", 100, bottom=0),
    Panel("mask_accuracy", "accuracy on [MASK] alone (%)", 100, bottom=0, held_out=False),
    Panel("sop_loss", "sentence-order loss (nats)", chance=math.log(2)),
    Panel("sop_accuracy", "sentence-order accuracy (%)", 100, bottom=49, chance=50),
    Panel("bits_per_character", "bits per character"),
    *(
        replace(panel, held_out=False)
        for panel in (
            Panel("learning_rate", "learning rate (10⁻³)", 1e3, bottom=0, is_smoothed=False),
            Panel("tokens_per_second", "speed (1,000 tokens/s)", 1e-3, bottom=0),
            Panel("gradient_norm", "gradient norm before clipping", bottom=0),
            Panel("waiting", "waiting for data (% of the time)", 100, bottom=0),
            Panel("flops_per_second", "the model's TFLOP/s", 1e-12, bottom=0),
        )
    ),
)
"""All panels; those that no run has logged are left out."""


def draw(runs: Sequence[History], folder: Path) -> None:
    """Write `curves.png` and `curves.svg`, with the same bytes for the same runs."""
    with matplotlib.style.context(["default", STYLE]):
        figure = _figure(runs)
        for kind in ("png", "svg"):
            save_figure(figure, folder / f"curves.{kind}")


def smoothing_width(series: Series) -> int:
    """The number of points of the moving mean: a fortieth of all."""
    return len(series.steps) // 40 | 1


def _figure(runs: Sequence[History]) -> Figure:
    panels = [panel for panel in _panels(len(runs)) if any(any(panel.of(run)) for run in runs)]
    rows = -(-len(panels) // 2)
    # leave room for half of the last tick's label on the right
    layout = ConstrainedLayoutEngine(rect=(0, 0, 0.98, 1))
    figure = Figure(figsize=(10, 0.9 + 2.3 * rows), layout=layout)
    across = Across(runs)
    cells = list(figure.subplots(rows, 2, squeeze=False).flat)
    if len(panels) % 2:
        cells.pop().remove()
    for number, (axes, panel) in enumerate(zip(cells, panels, strict=True)):
        across.lay_out(axes, with_text=number < 2)
        _draw_panel(axes, panel, runs, across)
        if number >= 2 * rows - 2:
            across.label(axes)
    figure.align_ylabels()
    handles = _legend(runs)
    widest = 8 + max(len(str(line.get_label())) for line in handles)
    columns = min(len(handles), max(1, 150 // widest))
    legend = figure.legend(handles=handles, loc="outside upper center", ncols=columns)
    for text in legend.get_texts():
        text.set_parse_math(False)  # a run's name may contain a dollar sign
    if len(panels) % 2:
        # put the labels above the missing panel into its space, not between the rows
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for above in cells[-2:-1]:
            across.label(above)
    return figure


def _panels(runs: int) -> list[Panel]:
    """The panels for a number of runs; of several runs, held-out values have separate panels."""
    if runs == 1:
        return list(PANELS)
    both = [each for each in PANELS if each.held_out]
    training = [replace(each, held_out=False) for each in both]
    held_out = [replace(each, label=f"held out:\n{each.label}", training=False) for each in both]
    return [*training, *held_out, *(each for each in PANELS if not each.held_out)]


def _draw_panel(axes: Axes, panel: Panel, runs: Sequence[History], across: Across) -> None:
    if panel.chance is not None:
        axes.axhline(panel.chance, color=CHANCE, linewidth=1, linestyle=":")
    lines, noise = [], []
    for run, (colour, dashes) in zip(runs, _looks(runs), strict=True):
        logged, held_out = panel.of(run)
        if logged:
            logged = logged.scaled(panel.scale)
            if panel.is_smoothed and len(runs) == 1:
                noise.append(logged.averaged(POINTS))
                x = across(run, noise[-1].steps)
                axes.plot(x, noise[-1].values, color=LOGGED, linewidth=0.8)
            if panel.is_smoothed:
                logged = logged.smoothed(smoothing_width(logged), run.phase_ends)
            lines.append(logged.averaged(POINTS // 4))
            x = across(run, lines[-1].steps)
            dot = "." if len(x) == 1 else ""
            axes.plot(x, lines[-1].values, dashes + dot, color=colour, linewidth=1.6)
        if held_out:
            lines.append(held_out.averaged(POINTS // 4).scaled(panel.scale))
            x = across(run, lines[-1].steps)
            axes.plot(
                x,
                lines[-1].values,
                color=HELD_OUT if len(runs) == 1 else colour,
                markevery=max(1, len(x) // 30),
                **MARKERS,
            )
    axes.set_ylabel(panel.label)
    _set_limits(axes, panel, lines, noise)


def _set_limits(axes: Axes, panel: Panel, lines: list[Series], noise: list[Series]) -> None:
    """Set the limits of the vertical axis; much larger values of the first steps are cut off."""
    values = np.concatenate([_settled(line) for line in lines])
    spread = [np.quantile(_settled(line), [0.01, 0.99]) for line in noise]
    low, high = (float(end(np.concatenate([values, *spread]))) for end in (np.min, np.max))
    if panel.bottom is not None:
        low = min(panel.bottom, float(values.min()))
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    top = high + margin
    axes.set_ylim(low - margin if panel.bottom is None else low, top)
    first = max(float(line.values[0]) for line in (*lines, *noise))
    if first > top + 0.2 * (top - low):
        behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        said = f"from {first:.1f}"
        axes.text(0.1, 0.92, said, transform=axes.transAxes, bbox=behind, **SMALL)


def _settled(series: Series) -> NDArray[np.float64]:
    """The values without those of the first steps."""
    settled: NDArray[np.float64] = series.values[series.steps >= 0.03 * series.steps[-1]]
    return settled


def _legend(runs: Sequence[History]) -> list[Line2D]:
    """The entries of the legend: lines with labels."""
    if len(runs) == 1:
        width = smoothing_width(runs[0].training["mlm_loss"])
        entries = {"logged": Line2D([], [], color=LOGGED)} if width > 1 else {}
        mean = f"mean of {width}" if width > 1 else "logged"
        entries[mean] = Line2D([], [], color=COLOURS[0], linewidth=1.6)
        if runs[0].held_out:
            entries["held out"] = Line2D([], [], color=HELD_OUT, **MARKERS)
    else:
        entries = {
            run.name: Line2D([], [], color=colour, linestyle=dashes, linewidth=1.6)
            for run, (colour, dashes) in zip(runs, _looks(runs), strict=True)
        }
    if any(panel.chance and panel.name in run.training for panel in PANELS for run in runs):
        entries["guessing"] = Line2D([], [], color=CHANCE, linewidth=1, linestyle=":")
    for name, colour in event_colours(runs).items():
        entries[name] = Line2D([], [], color=colour, linewidth=1, linestyle="--")
    for name, line in entries.items():
        line.set_label(name)
    return list(entries.values())


def _looks(runs: Sequence[History]) -> list[tuple[str, Dashes]]:
    """The colour and line style of each run."""
    return [
        (COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)])
        for number in range(len(runs))
    ]
