"""The models that a run writes into its folder, at its end and before."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from albertlm.training.clock import Clock
from albertlm.training.run import Run
from albertlm.training.updates import Updater


class Exports:
    """Writes the model of a run in one process: the first.

    Args:
        run: the run.
        updater: the optimizer of its model, which may keep an average of the weights.
        folder: the folder of the run.
        minutes: the minutes between exports in half precision during the run; None for none.
        clock: measures the time.
    """

    def __init__(
        self, run: Run[Any], updater: Updater, folder: Path, minutes: float | None, clock: Clock
    ) -> None:
        self.run, self.updater, self.folder = run, updater, folder
        self.minutes, self.clock = minutes, clock
        self._recent = [folder / f"model-recent-{number}" for number in (1, 2)]
        self._written = clock()

    def is_due(self) -> bool:
        """Whether it is time for an export during the run."""
        return self.minutes is not None and self.clock() - self._written >= 60 * self.minutes

    def write_recent(self) -> None:
        """Replace the older of two exports in half precision, of the average if there is one."""
        times = {path: path.stat().st_mtime_ns for path in self._recent if path.is_dir()}
        older = min(self._recent, key=lambda path: times.get(path, 0))
        with self.updater.averaged() if self.updater.average is not None else nullcontext():
            self.run.export(older, half=True)
        self._written = self.clock()

    def write_last(self) -> None:
        """Write the trained model, and the averaged one beside it, in place of earlier exports."""
        self.run.export(self.folder / "model")
        if self.updater.average is not None:
            with self.updater.averaged():
                self.run.export(self.folder / "model-average")
        for path in self._recent:
            shutil.rmtree(path, ignore_errors=True)
