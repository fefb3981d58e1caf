"""Learning-rate schedules: the factor of the peak rate at each step."""

from __future__ import annotations

from collections.abc import Callable

Schedule = Callable[[int, int, int], float]
"""step (from 0), warmup steps, all steps -> factor"""


def google(step: int, warmup: int, total: int) -> float:
    """Linear decay from step 0 of the whole run, and linear warmup in its place at the start.

    The rate jumps down where the warmup ends, from the peak to `1 - warmup / total` of it.
    Source: `create_optimizer` of google-research/albert.
    """
    return step / warmup if step < warmup else max(0.0, 1 - step / total)


def linear(step: int, warmup: int, total: int) -> float:
    """Linear warmup to the peak, then linear decay to 0 from there, as transformers does."""
    return step / warmup if step < warmup else max(0.0, (total - step) / (total - warmup))


SCHEDULES: dict[str, Schedule] = {"google": google, "linear": linear}
