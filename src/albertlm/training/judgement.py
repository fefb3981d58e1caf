"""The rules by which a run is judged from its losses: spikes, and plateaus at its start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from albertlm.settings import check_at_least


@dataclass(frozen=True, kw_only=True)
class SpikeRule:
    """The rule by which steps with a spike in the loss are undone.

    The last losses have a spike if their mean exceeds that of the losses before them by more than a
    number of standard deviations of a loss. The run then returns to its newest checkpoint from
    before the spike and skips the data that it has read since.

    Fields:
        deviations: the number of standard deviations.
        averaged: the number of last losses.
        window: the number of losses before them; until there are as many, there is no spike.
        deaf: the number of steps after the start of a phase, except for the first one, in which
            there is no spike: a deeper model or longer texts have other losses.
        rollbacks: the maximum number of rollbacks, after which a spike is an error.
    """

    deviations: float = 10.0
    averaged: int = 20
    window: int = 100
    deaf: int = 200
    rollbacks: int = 5

    def __post_init__(self) -> None:
        check_at_least(1, deviations=self.deviations, averaged=self.averaged)
        check_at_least(2, window=self.window)
        check_at_least(0, deaf=self.deaf, rollbacks=self.rollbacks)


def is_spike(losses: Sequence[float], rule: SpikeRule) -> bool:
    """Whether the last losses have a spike.

    Args:
        losses: the losses of a phase so far, the newest last.
        rule: the rule for spikes.
    """
    if len(losses) < rule.window + rule.averaged:
        return False
    last, before = losses[-rule.averaged :], losses[-rule.averaged - rule.window : -rule.averaged]
    mean = math.fsum(before) / len(before)
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in before) / len(before))
    return math.fsum(last) / len(last) > mean + rule.deviations * deviation


@dataclass(frozen=True, kw_only=True)
class PlateauRule:
    """The rule by which a run that learns too little begins again at half the learning rate.

    With too high a rate, a model learns how frequent the pieces are and nothing more: with 30,000
    pieces, the masked loss stays at about 7.0 nats, without a spike. The run then begins again with
    its first weights: from there, the schedule with its warmup spans the steps that are left, and
    the data continues. It does not begin again where no more than `step` steps are left.

    Fields:
        step: the step at which the run is judged, counted from where it began or began again.
        loss: the bound that the mean of the last values of `Run.judged` must be below.
        averaged: the number of these values.
    """

    step: int
    loss: float
    averaged: int = 20

    def __post_init__(self) -> None:
        check_at_least(1, step=self.step, averaged=self.averaged)

    def mean(self, losses: Sequence[float]) -> float:
        """The mean by which the run is judged; NaN if there are no losses."""
        last = losses[-self.averaged :]
        return math.fsum(last) / len(last) if last else math.nan

    def finds(self, step: int, losses: Sequence[float]) -> bool:
        """Whether the run has learned too little.

        Args:
            step: the number of steps since the run began or began again.
            losses: its last losses, the newest last.
        """
        return step == self.step and self.mean(losses) >= self.loss
