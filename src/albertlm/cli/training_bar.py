"""The progress bar of a training run."""

from __future__ import annotations

import datetime
import sys
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from albertlm.training.metrics import together

if TYPE_CHECKING:
    from albertlm.training.loop import Loop, StepReport

SMOOTHED = 20
"""The number of last steps over which values are averaged."""


def follow(loop: Loop[Any]) -> StepReport | None:
    """Train to the end, with a progress bar if the standard error is a terminal.

    Returns:
        The last report, or None if no steps were left.
    """
    from albertlm.training.devices import matrix_rate

    shown = loop.group.first and sys.stderr.isatty()
    rate = matrix_rate(loop.group.device, bf16=bool(loop.execution.bf16)) if shown else None
    last = None
    with TrainingBar(
        loop.config.total_steps, rate, loop.run.shares, loop.run.weights, shown=shown
    ) as bar:
        for last in loop:
            for note in last.notes if loop.group.first else ():
                bar.say(note)
            bar.total = loop.config.total_steps  # a limited time may change it
            bar.show(last.step, last.values)
    return last


class TrainingBar:
    """A progress bar on the standard error.

    Args:
        total: the number of steps of the run, which may be set anew.
        matrix_rate: the peak floating-point operations per second of the device, for the MFU; None
            to leave it out.
        shares: the labels of the values to show as percentages.
        weights: as in `metrics.together`.
        shown: whether to show the bar; lines from `say` are shown in any case.
    """

    def __init__(
        self,
        total: int,
        matrix_rate: float | None,
        shares: Mapping[str, str],
        weights: Mapping[str, str],
        *,
        shown: bool,
    ) -> None:
        self.total = total
        self.shares, self.weights = shares, weights
        self.matrix_rate = matrix_rate
        self._last: deque[Mapping[str, float]] = deque(maxlen=SMOOTHED)
        self._progress = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[shown]}"),
            console=Console(stderr=True, markup=False, highlight=False),
            disable=not shown,
        )
        self._task = self._progress.add_task("", total=total, shown="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(line)

    def show(self, step: int, values: Mapping[str, float]) -> None:
        """Update the bar after a step."""
        self._last.append(values)
        shown = describe_progress(
            self._last, self.total - step, self.matrix_rate, self.shares, self.weights
        )
        self._progress.update(self._task, completed=step, total=self.total, shown=shown)


def describe_progress(
    steps: deque[Mapping[str, float]],
    left: int,
    matrix_rate: float | None,
    shares: Mapping[str, str],
    weights: Mapping[str, str],
) -> str:
    """The means of the values of the last steps, as a line of text.

    Args:
        steps: the values of each step; at least one step.
        left: the number of remaining steps.
        matrix_rate: as for `TrainingBar`.
        shares: as for `TrainingBar`.
        weights: as for `TrainingBar`.
    """
    told = together(steps, weights)
    parts = [
        f"loss {told['total']:.3f}",
        *(f"{label} {told[name]:.1%}" for label, name in shares.items() if name in told),
        f"{told['tokens'] / told['seconds']:,.0f} tokens/s",
    ]
    if matrix_rate and "flops" in told:
        parts.append(f"MFU {told['flops'] / told['seconds'] / matrix_rate:.0%}")
    seconds = left * told["seconds"] / len(steps)
    parts.append(f"ETA {datetime.timedelta(seconds=round(seconds))}")
    return "  ".join(parts)
