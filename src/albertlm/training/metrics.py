"""The log of a run: `metrics.jsonl`, and TensorBoard's files where that is installed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from albertlm import storage

FILE, TENSORBOARD = "metrics.jsonl", "tensorboard"
SUMS = ("tokens", "seconds", "waited", "flops")
"""What adds up over the steps of a line; of all else it holds the mean."""


class MetricsLog:
    """A line of JSON every few steps, one for each validation and one for each event.

    Lines past the step that a run goes on from are cut off first, and so is one that a killed
    run was writing.

    Args:
        run: the run's folder; None for no log, as all processes but the first have.
        done: the step that the run goes on from.
        every: steps of a line.
    """

    def __init__(self, run: Path | None, done: int, every: int) -> None:
        self.every = every
        self._window: list[Mapping[str, float]] = []
        self._path = run and run / FILE
        self._board: Any = None
        if run is None:
            return
        _cut_behind(run / FILE, done)
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(run / TENSORBOARD, purge_step=done + 1)

    def add(self, step: int, values: Mapping[str, float], *, last: bool = False) -> None:
        """One training step; `last` ends the line whatever its number."""
        self._window.append(values)
        if step % self.every and not last:
            return
        sums = {name: sum(row[name] for row in self._window) for name in values}
        count = len(self._window)
        line = {name: sums[name] / (1 if name in SUMS else count) for name in sums}
        self._window = []
        self._write({"step": step, **line})
        self._show(step, "training", line)

    def validation(self, step: int, scores: Mapping[str, float]) -> None:
        """What was measured on held-out documents after a step."""
        self._write({"step": step, "validation": dict(scores)})
        self._show(step, "held out", scores)

    def event(self, step: int, name: str, **details: Any) -> None:
        """Something that befell the run, such as a rollback. Lines behind `step` are history."""
        self._window = []
        self._write({"step": step, "event": name, **details})

    def close(self) -> None:
        """Bring everything to the disk."""
        if self._board is not None:
            self._board.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _show(self, step: int, group: str, values: Mapping[str, float]) -> None:
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{group}/{name}", value, step)


def _cut_behind(path: Path, done: int) -> None:
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    whole = [line for line in lines if line.startswith("{") and line.endswith("}")]
    kept = [line for line in whole if json.loads(line)["step"] <= done]
    with storage.atomic_path(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
