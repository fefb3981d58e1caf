"""The log of a run: `metrics.jsonl`, and TensorBoard files if TensorBoard is installed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from albertlm import storage

METRICS, TENSORBOARD = "metrics.jsonl", "tensorboard"
SUMMED = ("tokens", "replaced", "pairs", "seconds", "waited", "idle", "flops")
"""Values that are summed over the steps of a line; others are averaged."""

FIRST_STEPS, CHECKED_STEPS, MOST_IDLE = 20, 100, 0.1
"""Steps that compile and fill caches; the steps after them in which a device must not be idle for a
larger share of the time.
"""


def together(rows: Sequence[Mapping[str, float]], weights: Mapping[str, str]) -> dict[str, float]:
    """The values of several steps as one.

    Args:
        rows: the values of each step; a step may lack some of them.
        weights: by the name of a value, that of the value by which its mean is weighted; other
            means are over the steps.

    Returns:
        Sums or means, by name, without means whose weights are all 0.
    """
    found = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        having = [row for row in rows if name in row]
        if name in SUMMED:
            found[name] = sum(row[name] for row in having)
            continue
        weight = [row[weights[name]] if name in weights else 1 for row in having]
        if any(weight):
            pairs = zip(having, weight, strict=True)
            found[name] = sum(row[name] * each for row, each in pairs) / sum(weight)
    return found


class MetricsLog:
    """Writes a line of JSON every few steps, for each validation and for each event.

    Lines after the step from which a run resumes are removed first, as is an incomplete line of a
    killed run.

    Args:
        run: the folder of the run; None, as in all processes except the first, writes no log.
        done: the step from which the run resumes.
        every: the number of steps of a line.
        weights: as in `together`.
    """

    def __init__(
        self, run: Path | None, done: int, every: int, weights: Mapping[str, str] | None = None
    ) -> None:
        self.every = every
        self._weights = weights or {}
        self._window: list[Mapping[str, float]] = []
        self._path = run and run / METRICS
        self._board: Any = None
        if run is None:
            return
        _cut_behind(run / METRICS, done)
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(run / TENSORBOARD, purge_step=done + 1)

    def add(self, step: int, values: Mapping[str, float], *, last: bool = False) -> None:
        """Log a training step; `last` writes the line even if it has fewer steps."""
        self._window.append(values)
        if step % self.every and not last:
            return
        line = together(self._window, self._weights)
        self._window = []
        self._write({"step": step, **line})
        self._show(step, "training", line)

    def validation(self, step: int, scores: Mapping[str, float]) -> None:
        """Log the scores of held-out documents after a step."""
        self._write({"step": step, "validation": dict(scores)})
        self._show(step, "held out", scores)

    def event(self, step: int, name: str, **details: Any) -> None:
        """Log an event, such as a rollback."""
        self._write({"step": step, "event": name, **details})

    def drop(self) -> None:
        """Drop the steps of the unfinished line."""
        self._window = []

    def close(self) -> None:
        """Flush and close the TensorBoard files."""
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


class IdleCheck:
    """Finds out, once, whether the device is often idle since this process is too slow for it.

    Only steps that began before the values of the step before were read count, so that validation
    and checkpoints do not.
    """

    def __init__(self) -> None:
        self._seen: list[Mapping[str, float]] = []

    def add(self, values: Mapping[str, float]) -> str | None:
        """Add the values of a step; returns a line on what was found, if it is worth one."""
        count = FIRST_STEPS + CHECKED_STEPS
        if "idle" not in values or len(self._seen) == count:
            return None
        self._seen.append(values)
        if len(self._seen) < count:
            return None
        told = together(self._seen[FIRST_STEPS:], {})
        idle, waited = (told[name] / told["seconds"] for name in ("idle", "waited"))
        if idle <= MOST_IDLE:
            return None
        return (
            f"the device is idle between steps for {idle:.0%} of the time, and {waited:.0%} is "
            "spent waiting for batches, which more --workers make faster"
        )


def _cut_behind(path: Path, done: int) -> None:
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    whole = [line for line in lines if line.startswith("{") and line.endswith("}")]
    kept = [line for line in whole if json.loads(line)["step"] <= done]
    with storage.atomic_path(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
