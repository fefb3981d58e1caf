"""The bar of a training run: how it goes, how fast, and how long yet."""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

SMOOTHED = 20
"""Values are means of so many of the last steps."""


class TrainingBar:
    """A bar on the standard error.

    Args:
        total: steps of the run.
        matrix_rate: floating-point operations a second that the device could do, for the MFU;
            None to leave that out.
        shown: whether there is a bar; lines that are said are shown in any case.
    """

    def __init__(self, total: int, matrix_rate: float | None, *, shown: bool) -> None:
        self.total = total
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
        """A line above the bar."""
        self._progress.console.print(line)

    def show(self, step: int, values: Mapping[str, float]) -> None:
        """After each step."""
        self._last.append(values)
        shown = describe(self._last, self.total - step, self.matrix_rate)
        self._progress.update(self._task, completed=step, shown=shown)


def describe(steps: deque[Mapping[str, float]], left: int, matrix_rate: float | None) -> str:
    """The means of the last steps' values in a line.

    Args:
        steps: the values of each, of which there is at least one.
        left: steps to go.
        matrix_rate: as for `TrainingBar`.
    """
    sums = {name: sum(values[name] for values in steps) for name in steps[-1]}
    mean = {name: value / len(steps) for name, value in sums.items()}
    parts = [
        f"loss {mean['total']:.3f}",
        f"MLM {mean['mlm_accuracy']:.1%}",
        f"SOP {mean['sop_accuracy']:.1%}",
        f"{sums['tokens'] / sums['seconds']:,.0f} tokens/s",
    ]
    if matrix_rate and "flops" in sums:
        parts.append(f"MFU {sums['flops'] / sums['seconds'] / matrix_rate:.0%}")
    parts.append(f"ETA {datetime.timedelta(seconds=round(left * mean['seconds']))}")
    return "  ".join(parts)
