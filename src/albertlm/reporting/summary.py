"""A pretraining run in numbers: its size, totals, and last and best values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from albertlm import costs
from albertlm.config import AlbertConfig
from albertlm.reporting.history import History, Series
from albertlm.settings import from_json

WINDOW = 10
"""Logged values, but at most a tenth of all, whose mean is a last or best training value."""


class Measure(NamedTuple):
    """The label and format of a measure, and whether larger values are better."""

    label: str
    form: str
    rises: bool = False


MEASURES = {
    "mlm_loss": Measure("masked-token loss (nats)", ".3f"),
    "mlm_accuracy": Measure("masked-token accuracy", ".1%", rises=True),
    "mask_accuracy": Measure("accuracy on [MASK] alone", ".1%", rises=True),
    "sop_loss": Measure("sentence-order loss (nats)", ".3f"),
    "sop_accuracy": Measure("sentence-order accuracy", ".1%", rises=True),
    "average_mlm_loss": Measure("masked-token loss of the averaged weights (nats)", ".3f"),
    "average_mlm_accuracy": Measure("masked-token accuracy of the average", ".1%", rises=True),
    "bits_per_character": Measure("bits per character", ".3f"),
}


@dataclass(frozen=True)
class Value:
    """The last and the best value of a measure, and the step of the best."""

    last: float
    best: float
    best_step: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A run in numbers.

    Fields:
        name: the name of the run.
        steps, total_steps: the number of steps so far, and of the whole run.
        finished: whether the run is finished.
        parameters: of the pretraining model; shared parameters count once.
        tokens, hours: of training alone, summed over the log; None if they were not logged.
        tokens_per_second: their ratio.
        waiting: the share of time for which the run waited for data; None as above.
        idling: the share of time for which the device was idle between steps; None as above.
        flops_per_second: the model's operations per second; None as above.
        training, held_out: the values of `MEASURES`, by name.
    """

    name: str
    steps: int
    total_steps: int
    finished: bool
    parameters: int
    tokens: int | None
    hours: float | None
    tokens_per_second: float | None
    waiting: float | None
    idling: float | None
    flops_per_second: float | None
    training: dict[str, Value]
    held_out: dict[str, Value]


def summarise(run: History) -> Summary:
    """The totals of a run, and its last and best values.

    Raises:
        ValueError: the configuration of the run's model is invalid.
    """
    model = from_json(AlbertConfig, run.config["model"], "model")
    tokens, flops, seconds, waited, idle = (
        _sum(run.training.get(name)) for name in ("tokens", "flops", "seconds", "waited", "idle")
    )
    return Summary(
        name=run.name,
        steps=run.steps,
        total_steps=run.phase_ends[-1],
        finished=run.finished,
        parameters=sum(costs.parameters_by_part(model).values()),
        tokens=None if tokens is None else round(tokens),
        hours=None if seconds is None else seconds / 3600,
        tokens_per_second=tokens / seconds if tokens and seconds else None,
        waiting=waited / seconds if waited is not None and seconds else None,
        idling=idle / seconds if idle is not None and seconds else None,
        flops_per_second=flops / seconds if flops and seconds else None,
        training=_values(run.training, WINDOW),
        held_out=_values(run.held_out, 1),
    )


def _sum(series: Series | None) -> float | None:
    return None if series is None else float(series.values.sum())


def _values(columns: Mapping[str, Series], window: int) -> dict[str, Value]:
    found = {}
    for name, measure in MEASURES.items():
        if name in columns:
            tenth = -(-len(columns[name].steps) // 10)
            steps, values, _ = columns[name].trailing(min(window, tenth))
            best = int(values.argmax() if measure.rises else values.argmin())
            found[name] = Value(float(values[-1]), float(values[best]), int(steps[best]))
    return found
