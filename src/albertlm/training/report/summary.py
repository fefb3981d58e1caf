"""A pretraining run in numbers: its size, its totals, its last and best values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from albertlm import costs
from albertlm.config import AlbertConfig
from albertlm.training.report.history import History, Series

WINDOW = 10
"""A last or best value of training is the mean of so many logged ones, or of a tenth of all."""


class Measure(NamedTuple):
    """How a measure is called and written, and which of two values is better."""

    label: str
    form: str
    rises: bool = False


MEASURES = {
    "mlm_loss": Measure("masked-token loss (nats)", ".3f"),
    "mlm_accuracy": Measure("masked-token accuracy", ".1%", rises=True),
    "sop_loss": Measure("sentence-order loss (nats)", ".3f"),
    "sop_accuracy": Measure("sentence-order accuracy", ".1%", rises=True),
    "bits_per_character": Measure("bits per character", ".3f"),
}


@dataclass(frozen=True)
class Value:
    """A measure at the end of a run, and its best with the step."""

    last: float
    best: float
    best_step: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A run in numbers.

    Fields:
        name: the run's.
        steps, total_steps: done, and to be done.
        finished: whether the run has come to its end.
        parameters: of the pretraining model; what layers share counts once.
        tokens, hours: of training alone, summed over the log; None if that does not tell.
        tokens_per_second: their ratio.
        waiting: share of the time in which the run waited for data; None as above.
        flops_per_second: operations that the model needs, a second; None as above.
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
    flops_per_second: float | None
    training: dict[str, Value]
    held_out: dict[str, Value]


def summarise(run: History) -> Summary:
    """The totals of a run, and its last and best values.

    Raises:
        ValueError: the model that the run's configuration describes is not one.
    """
    model = AlbertConfig.from_dict(run.config["model"])
    tokens, flops, seconds, waited = (
        _sum(run.training.get(name)) for name in ("tokens", "flops", "seconds", "waited")
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
            steps, values = columns[name].trailing(min(window, tenth))
            best = int(values.argmax() if measure.rises else values.argmin())
            found[name] = Value(float(values[-1]), float(values[best]), int(steps[best]))
    return found
