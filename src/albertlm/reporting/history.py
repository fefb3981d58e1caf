"""The configuration and the log of a pretraining run, read from its folder.

N points of a series.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from albertlm import storage

METRICS, CONFIG = "metrics.jsonl", "config.json"
COVERAGE, PLAN, CLOCK = "coverage.json", "plan.json", "clock.jsonl"

RATIOS = {
    "tokens_per_second": "tokens",
    "flops_per_second": "flops",
    "waiting": "waited",
    "idling": "idle",
}
"""Rates per second, and the logged sums that they are computed from."""

WEIGHTS = {"mask_accuracy": "replaced", "sop_loss": "pairs", "sop_accuracy": "pairs"}
"""Values of training that are means over a logged number of tokens or pairs, with its name."""


class Series(NamedTuple):
    """Finite values (N,) over ascending steps (N,), with their positive weights (N,) in means."""

    steps: NDArray[np.float64]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]

    def scaled(self, factor: float) -> Series:
        return Series(self.steps, factor * self.values, self.weights)

    def averaged(self, limit: int) -> Series:
        """The means over intervals with equal numbers of points, at most `limit` intervals."""
        width = -(-len(self.steps) // limit)
        if width <= 1:
            return self
        starts = np.arange(0, len(self.steps), width)
        counts = np.diff(np.append(starts, len(self.steps)))
        weights = np.add.reduceat(self.weights, starts)
        return Series(
            np.add.reduceat(self.steps, starts) / counts,
            np.add.reduceat(self.weights * self.values, starts) / weights,
            weights,
        )

    def smoothed(self, width: int, borders: Sequence[int]) -> Series:
        """The mean of `width` points around each one, fewer at the ends and the steps `borders`."""
        number = np.arange(len(self.steps))
        inner = np.searchsorted(self.steps, borders, side="right")
        edges = np.concatenate([[0], inner, [len(self.steps)]])
        part = np.searchsorted(edges, number, side="right")
        first = np.maximum(number - width // 2, edges[part - 1])
        end = np.minimum(number + width // 2 + 1, edges[part])
        sums, weights = (
            np.append(0.0, np.cumsum(column))
            for column in (self.weights * self.values, self.weights)
        )
        means = (sums[end] - sums[first]) / (weights[end] - weights[first])
        return Series(self.steps, means, self.weights)

    def trailing(self, width: int) -> Series:
        """The mean of the `width` points up to each one, without the first `width - 1` points."""
        windows = np.lib.stride_tricks.sliding_window_view
        weights = windows(self.weights, width).sum(axis=1)
        sums = windows(self.weights * self.values, width).sum(axis=1)
        return Series(self.steps[width - 1 :], sums / weights, weights)


@dataclass(frozen=True)
class Event:
    """An event of a run, such as a rollback."""

    step: int
    name: str
    details: str


class CoveredEpochs(NamedTuple):
    """The coverage of consecutive epochs of a phase with the same verdict.

    Fields:
        phase: the number of the phase, from 1.
        tokens: the name of the corpus; empty if the run has only one.
        epochs: the first and the last epoch, from 0.
        seen, expected: the numbers of examples in all of these epochs.
        verdict: how the examples seen compare with those expected.
    """

    phase: int
    tokens: str
    epochs: tuple[int, int]
    seen: int
    expected: int
    verdict: str


@dataclass(frozen=True, eq=False)
class History:
    """The contents of a run's folder.

    Fields:
        name: the name of the folder.
        config: the content of `config.json`.
        exported: whether the folder contains the trained model, so that the run is finished.
        training: the values logged for training batches, by name, each for the steps since the
            previous value. Includes `RATIOS`: tokens per second, the model's operations per second,
            and the shares of time for which the run waited for data and the device was idle.
        held_out: the values measured on held-out documents, by name.
        events: the events, in the order of the file.
        plan: the content of `plan.json` for a run with a limited time; None for another.
        clock: the newest values in `clock.jsonl`: the seconds at work after a step, and the steps
            of all phases if they were fixed anew; None for no line.
        coverage: the coverage of each epoch; empty if the run has not recorded it.
        undone: the number of logged values that are left out because the run went back to an
            earlier step.
        cut_off: whether the last line is incomplete, as after a crash.
    """

    name: str
    config: dict[str, Any]
    exported: bool
    training: dict[str, Series]
    held_out: dict[str, Series]
    events: tuple[Event, ...]
    plan: dict[str, Any] | None
    clock: dict[str, Any] | None
    coverage: tuple[CoveredEpochs, ...]
    undone: int
    cut_off: bool

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """The history of a run, from its folder.

        Raises:
            OSError: the folder does not exist, or a file cannot be read.
            ValueError: the folder is not a pretraining run, nothing was logged yet, or a line other
                than the last is damaged.
        """
        folder = Path(folder)
        config = _read_config(folder)
        log = _Log()
        path = folder / METRICS
        if path.is_file():
            log.read(path)
        training = _columns(log.training)
        if "mlm_loss" not in training:
            raise ValueError(f"{path} has no values yet; the run logs them every few steps")
        for ratio, part in RATIOS.items():
            if {part, "seconds"} <= training.keys():
                training[ratio] = _by_seconds(training[part], training["seconds"])
        return cls(
            name=folder.resolve().name,
            config=config,
            exported=(folder / "model" / "config.json").is_file(),
            training=training,
            held_out=_columns(log.held_out),
            events=tuple(log.events),
            plan=storage.read_json(folder / PLAN) if (folder / PLAN).is_file() else None,
            clock=_newest(folder / CLOCK),
            coverage=tuple(_read_coverage(folder / COVERAGE)),
            undone=log.undone,
            cut_off=log.cut_off,
        )

    @property
    def phases(self) -> list[dict[str, Any]]:
        phases: list[dict[str, Any]] = self.config["phases"]
        return phases

    @property
    def steps(self) -> int:
        """The last logged step."""
        return int(max(series.steps[-1] for series in self.training.values()))

    @property
    def phase_ends(self) -> list[int]:
        planned = [phase["steps"] for phase in self.phases]
        return list(accumulate((self.clock or {}).get("steps", planned)))

    @property
    def finished(self) -> bool:
        return self.exported or self.steps >= self.phase_ends[-1]

    def tokens_seen(self, steps: NDArray[Any]) -> NDArray[Any]:
        """The number of tokens that the run had seen after each of the steps, interpolated."""
        tokens = self.training["tokens"]
        seen = np.append(0.0, np.cumsum(tokens.values))
        between: NDArray[Any] = np.interp(steps, np.append(0.0, tokens.steps), seen)
        return between


class _Log:
    """The lines of a file of metrics, sorted by type."""

    def __init__(self) -> None:
        self.training: list[dict[str, Any]] = []
        self.held_out: list[dict[str, Any]] = []
        self.events: list[Event] = []
        self.undone = 0
        self.cut_off = False

    def read(self, path: Path) -> None:
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            row = _parse(line) if line else {}
            if row is not None:
                self._add(row)
            elif number == len(lines):
                self.cut_off = True
            else:
                raise ValueError(f"line {number} of {path} is damaged; remove it")

    def _add(self, row: dict[str, Any]) -> None:
        if "event" in row:
            details = {name: row[name] for name in row if name not in ("step", "event")}
            told = [
                str(value) if name == "reason" else f"{name} {value}"
                for name, value in details.items()
            ]
            text = " ".join("; ".join(told).split())
            self.events.append(Event(row["step"], str(row["event"]), text))
            return
        if isinstance(scores := row.get("validation"), dict):
            _drop_from(self.held_out, row["step"])
            self.held_out.append({"step": row["step"], **scores})
        if any(_is_finite(row[name]) for name in row if name != "step"):
            if undone := _drop_from(self.training, row["step"]):
                self.undone += undone
                _drop_from(self.held_out, row["step"])
            self.training.append(row)


def _read_config(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; name one that a run wrote")
    path = folder / CONFIG
    config = storage.read_json(path) if path.is_file() else {}
    phases = config.get("phases")
    if not (
        isinstance(config.get("model"), dict)
        and isinstance(phases, list)
        and phases
        and all(isinstance(phase, dict) and _is_finite(phase.get("steps")) for phase in phases)
    ):
        raise ValueError(
            f"{folder} is not a pretraining run: it has no {CONFIG} with a model and phases; "
            "name a folder that `albertlm pretrain` wrote"
        )
    return config


def _read_coverage(path: Path) -> Iterator[CoveredEpochs]:
    """Yield the coverage in a file; consecutive epochs with the same verdict are combined.

    Raises:
        ValueError: the file contains something else.
    """
    told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"epochs": []}
    try:
        rows = told["epochs"]
        rows = [{"tokens": "", **row} for row in rows]
        alike = itemgetter("phase", "tokens", "verdict")
        for (phase, tokens, verdict), group in groupby(rows, key=alike):
            epochs, seen, expected = zip(
                *map(itemgetter("epoch", "seen", "expected"), group), strict=True
            )
            between = (epochs[0], epochs[-1])
            yield CoveredEpochs(phase, tokens, between, sum(seen), sum(expected), verdict)
    except (KeyError, TypeError):
        raise ValueError(f"{path} does not list what was seen of each epoch; remove it") from None


def _newest(path: Path) -> dict[str, Any] | None:
    """The newest value of each field in the whole lines of a log; None if there is no line."""
    lines = path.read_bytes().split(b"\n") if path.is_file() else []
    rows = [row for line in lines if (row := _parse(line))]
    return {name: value for row in rows for name, value in row.items()} or None


def _parse(line: bytes) -> dict[str, Any] | None:
    """The object in a line, or None if it is incomplete or has no step."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(row, dict) and isinstance(row.get("step"), int)
    return row if whole else None


def _drop_from(rows: list[dict[str, Any]], step: int) -> int:
    """Remove all rows from a step on, and return their number."""
    count = 0
    while rows and rows[-1]["step"] >= step:
        rows.pop()
        count += 1
    return count


def _columns(rows: list[dict[str, Any]]) -> dict[str, Series]:
    """The finite values of rows, by name."""
    names = dict.fromkeys(name for row in rows for name in row if name != "step")
    columns = {}
    for name in names:
        points = [
            (row["step"], row[name], row.get(WEIGHTS.get(name, ""), 1))
            for row in rows
            if _is_finite(row.get(name))
        ]
        if points:
            columns[name] = Series(*np.array(points, np.float64).T)
    return columns


def _by_seconds(part: Series, seconds: Series) -> Series:
    steps, at_part, at_seconds = np.intersect1d(part.steps, seconds.steps, return_indices=True)
    rates = part.values[at_part] / np.maximum(seconds.values[at_seconds], 1e-9)
    return Series(steps, rates, np.ones_like(rates))


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
