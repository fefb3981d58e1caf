"""A pretraining run as its folder tells it: what was configured, and what was logged at which step.

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

METRICS, CONFIG, COVERAGE = "metrics.jsonl", "config.json", "coverage.json"

RATIOS = {"tokens_per_second": "tokens", "flops_per_second": "flops", "waiting": "waited"}
"""What is told for each second, and of which logged sums."""


class Series(NamedTuple):
    """Finite values (N,) over ascending steps (N,)."""

    steps: NDArray[np.float64]
    values: NDArray[np.float64]

    def scaled(self, factor: float) -> Series:
        return Series(self.steps, factor * self.values)

    def averaged(self, limit: int) -> Series:
        """Means over stretches of equally many points, so that at most `limit` points remain."""
        width = -(-len(self.steps) // limit)
        if width <= 1:
            return self
        starts = np.arange(0, len(self.steps), width)
        counts = np.diff(np.append(starts, len(self.steps)))
        return Series(*(np.add.reduceat(column, starts) / counts for column in self))

    def smoothed(self, width: int, borders: Sequence[int]) -> Series:
        """The mean of `width` points around each one, fewer at an end or at a border, a step."""
        number = np.arange(len(self.steps))
        inner = np.searchsorted(self.steps, borders, side="right")
        edges = np.concatenate([[0], inner, [len(self.steps)]])
        part = np.searchsorted(edges, number, side="right")
        first = np.maximum(number - width // 2, edges[part - 1])
        end = np.minimum(number + width // 2 + 1, edges[part])
        sums = np.append(0.0, np.cumsum(self.values))
        return Series(self.steps, (sums[end] - sums[first]) / (end - first))

    def trailing(self, width: int) -> Series:
        """At each point but the first `width - 1`, the mean of the `width` points up to it."""
        windows = np.lib.stride_tricks.sliding_window_view(self.values, width)
        return Series(self.steps[width - 1 :], windows.mean(axis=1))


@dataclass(frozen=True)
class Event:
    """Something that befell a run, such as a rollback."""

    step: int
    name: str
    details: str


class Coverage(NamedTuple):
    """What was seen of some epochs of a phase that fared alike.

    Fields:
        phase: its number, from 1.
        epochs: the first and the last of them, from 0.
        seen, expected: examples, of all of them together.
        verdict: how the seen compare with the expected.
    """

    phase: int
    epochs: tuple[int, int]
    seen: int
    expected: int
    verdict: str


@dataclass(frozen=True, eq=False)
class History:
    """What a run's folder holds, read once.

    Fields:
        name: the folder's.
        config: the content of `config.json`.
        exported: whether the folder holds the trained model, so that the run has ended.
        training: by name, what was logged of training batches, each value for the steps since the
            one before; with `RATIOS`: tokens a second, the model's operations a second, and the
            share of the time in which the run waited for data.
        held_out: by name, what was measured on held-out documents.
        events: in the order of the file.
        coverage: what was seen of each epoch; empty where the run did not write it down.
        undone: logged values that are left out, since the run went back behind their steps.
        cut_off: whether the last line is not whole, as a killed run leaves it.
    """

    name: str
    config: dict[str, Any]
    exported: bool
    training: dict[str, Series]
    held_out: dict[str, Series]
    events: tuple[Event, ...]
    coverage: tuple[Coverage, ...]
    undone: int
    cut_off: bool

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """The history in a run's folder.

        Raises:
            OSError: there is no such folder, or a file cannot be read.
            ValueError: the folder is no pretraining run, nothing is logged yet, or a line that is
                not the last is damaged.
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
        """The last step that is logged."""
        return int(max(series.steps[-1] for series in self.training.values()))

    @property
    def phase_ends(self) -> list[int]:
        return list(accumulate(phase["steps"] for phase in self.phases))

    @property
    def finished(self) -> bool:
        return self.exported or self.steps >= self.phase_ends[-1]

    def tokens_seen(self, steps: NDArray[Any]) -> NDArray[Any]:
        """How many tokens the run had seen after some steps, by interpolation."""
        tokens = self.training["tokens"]
        seen = np.append(0.0, np.cumsum(tokens.values))
        between: NDArray[Any] = np.interp(steps, np.append(0.0, tokens.steps), seen)
        return between


class _Log:
    """The lines of a file of metrics, sorted by what they tell of."""

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
                raise ValueError(f"line {number} of {path} is damaged; take it out")

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
            f"{folder} is no pretraining run: it has no {CONFIG} with a model and phases; "
            "name a folder that `albertlm pretrain` wrote"
        )
    return config


def _read_coverage(path: Path) -> Iterator[Coverage]:
    """The epochs of a file, those in one that follow each other with the same verdict.

    Raises:
        ValueError: the file tells something else.
    """
    told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"epochs": []}
    try:
        rows = told["epochs"]
        for (phase, verdict), group in groupby(rows, key=itemgetter("phase", "verdict")):
            epochs, seen, expected = zip(
                *map(itemgetter("epoch", "seen", "expected"), group), strict=True
            )
            yield Coverage(phase, (epochs[0], epochs[-1]), sum(seen), sum(expected), verdict)
    except (KeyError, TypeError):
        raise ValueError(f"{path} does not tell what was seen of each epoch; remove it") from None


def _parse(line: bytes) -> dict[str, Any] | None:
    """A line's object, or None if it is not a whole one with a step."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(row, dict) and isinstance(row.get("step"), int)
    return row if whole else None


def _drop_from(rows: list[dict[str, Any]], step: int) -> int:
    """Drop the last rows from a step on; returns how many."""
    count = 0
    while rows and rows[-1]["step"] >= step:
        rows.pop()
        count += 1
    return count


def _columns(rows: list[dict[str, Any]]) -> dict[str, Series]:
    """The finite numbers of rows, by name."""
    names = dict.fromkeys(name for row in rows for name in row if name != "step")
    columns = {}
    for name in names:
        points = [(row["step"], row[name]) for row in rows if _is_finite(row.get(name))]
        if points:
            columns[name] = Series(*np.array(points, np.float64).T)
    return columns


def _by_seconds(part: Series, seconds: Series) -> Series:
    steps, at_part, at_seconds = np.intersect1d(part.steps, seconds.steps, return_indices=True)
    return Series(steps, part.values[at_part] / np.maximum(seconds.values[at_seconds], 1e-9))


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
