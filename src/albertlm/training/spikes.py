"""Which losses are spikes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from albertlm.training.config import SpikeRule


def is_spike(loss: float, before: Sequence[float], rule: SpikeRule) -> bool:
    """Whether a loss stands out above those of the last steps.

    Args:
        loss: of a step.
        before: losses of the steps before it, the newest last.
        rule: by how much, and above how many.
    """
    if len(before) < rule.window:
        return False
    last = before[-rule.window :]
    mean = math.fsum(last) / len(last)
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in last) / len(last))
    return loss > mean + rule.deviations * deviation
