"""The horizontal axis of the curves, with phases and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from albertlm.reporting.history import History

EVENTS = ("#b03060", "#7b3f98", "#009e73", "#555555")

SMALL: dict[str, Any] = {"fontsize": 7.5, "color": "#666666"}
_LETTERS = 75
"""The number of small letters that fit into the width of a panel."""


class Across:
    """The horizontal axis: steps if all runs have the same phases, otherwise tokens seen."""

    def __init__(self, runs: Sequence[History]) -> None:
        self.runs = runs
        counted = all("tokens" in run.training for run in runs)
        self.by_steps = not counted or all(run.phases == runs[0].phases for run in runs)
        self.with_tokens = counted and len(runs) == 1
        self.end = max(float(self(run, np.array(run.steps))) for run in runs)

    def __call__(self, run: History, steps: NDArray[Any]) -> NDArray[Any]:
        return steps if self.by_steps else run.tokens_seen(steps)

    def label(self, axes: Axes) -> None:
        steps = "steps, and tokens seen" if self.with_tokens else "steps"
        axes.set_xlabel(steps if self.by_steps else "tokens seen")
        axes.tick_params(labelbottom=True)

    def lay_out(self, axes: Axes, *, with_text: bool) -> None:
        """Scale the axis without labels, and mark phases and events on it."""
        axes.set_xlim(0, 1.01 * self.end)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(self._tick))
        axes.tick_params(labelbottom=False)
        if self.by_steps:
            self._mark_phases(axes, with_text)
        colours = event_colours(self.runs)
        for run in self.runs:
            for event in run.events:
                at = float(self(run, np.array(event.step)))
                axes.axvline(at, color=colours[event.name], linewidth=1, linestyle="--")

    def _mark_phases(self, axes: Axes, with_text: bool) -> None:
        phases, ends = self.runs[0].phases, self.runs[0].phase_ends
        for number, (start, end) in enumerate(pairwise([0, *ends])):
            share = (min(end, self.end) - start) / self.end
            if share <= 0:
                return
            if number % 2:
                axes.axvspan(start, min(end, self.end), color="#f3f3f3", zorder=0)
            if with_text:
                text, room = f"{number + 1}: {_describe(phases[number])}", share * _LETTERS
                if len(text) > room:
                    text = str(number + 1) if room > 3 else ""
                middle = start + share * self.end / 2
                at = axes.get_xaxis_transform()
                axes.text(middle, 1.02, text, transform=at, ha="center", **SMALL)

    def _tick(self, x: float, _: int) -> str:
        if not self.by_steps:
            return compact(x)
        if not self.with_tokens:
            return f"{x:,.0f}"
        return f"{x:,.0f}\n{compact(float(self.runs[0].tokens_seen(np.array(x))))}"


def _describe(phase: Mapping[str, Any]) -> str:
    text = f"{phase.get('batch_size', '?')} × {phase.get('length', '?')} tokens"
    return text if phase.get("layers") is None else f"{text}, {phase['layers']} layers"


def event_colours(runs: Sequence[History]) -> dict[str, str]:
    names = dict.fromkeys(event.name for run in runs for event in run.events)
    return dict(zip(names, cycle(EVENTS), strict=False))


def compact(number: float) -> str:
    """A number with up to three digits: 950, 12.3k, 4.82M, 1.2B."""
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * size:
            return f"{float(f'{number / size:.3g}'):g}{unit}"
    return f"{number:.3g}"
