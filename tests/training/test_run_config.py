"""Schedules at their corners, and rates."""

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.training.run_config import (
    SCHEDULES,
    Phase,
    Schedule,
    TrainingConfig,
    google_schedule,
    linear_schedule,
)


@pytest.mark.parametrize("schedule", SCHEDULES.values())
def test_ends(schedule: Schedule) -> None:
    assert schedule(0, 100, 1000) == 0
    assert schedule(50, 100, 1000) == 0.5
    assert schedule(1000, 100, 1000) == 0


def test_google_jumps_down_where_the_warmup_ends() -> None:
    assert google_schedule(99, 100, 1000) == 0.99
    assert google_schedule(100, 100, 1000) == 0.9
    assert google_schedule(550, 100, 1000) == pytest.approx(0.45)


def test_linear_starts_to_decay_at_the_peak() -> None:
    assert linear_schedule(100, 100, 1000) == 1
    assert linear_schedule(550, 100, 1000) == 0.5


@pytest.mark.parametrize("rate_by", ["tokens", "examples"])
def test_the_rate_follows_the_size_of_a_batch(rate_by: Literal["tokens", "examples"]) -> None:
    phases = (
        Phase(steps=50, batch_size=512, length=128),
        Phase(steps=25, batch_size=128, length=512),
        Phase(steps=25, batch_size=128, length=128, learning_rate=0.3),
    )
    config = TrainingConfig(
        phases=phases, learning_rate=1.0, learning_rate_batch=128, rate_by=rate_by, warmup_steps=0
    )
    rates = [config.rate(50, phase) for phase in phases]
    assert rates == [1.0, 1.0 if rate_by == "tokens" else 0.5, 0.15]


@given(st.sampled_from(sorted(SCHEDULES)), st.integers(20, 79), st.integers(81, 300))
def test_a_revision_stretches_the_schedule(schedule: str, step: int, total: int) -> None:
    """It goes on from where it was, no steeper or flatter than the new number of steps needs."""
    phases = (Phase(steps=10, batch_size=8, length=32), Phase(steps=90, batch_size=8, length=32))
    planned = TrainingConfig(phases=phases, warmup_steps=10, schedule=schedule)
    config = planned.revised(step, (10, total - 10))
    assert config.total_steps == total

    def rates(of: TrainingConfig, last: int) -> list[float]:
        return [of.rate(each, phases[1]) for each in range(last + 1)]

    before, after = rates(planned, 100), rates(config, total)
    assert after[: step + 1] == before[: step + 1]
    assert after[total] == pytest.approx(0, abs=1e-12)
    decay = np.diff(after[step:])
    assert decay == pytest.approx(np.full(total - step, -before[step] / (total - step)))


def test_a_restart_after_a_revision_spans_the_steps_that_are_left() -> None:
    phase = Phase(steps=100, batch_size=8, length=32)
    short = Phase(steps=50, batch_size=8, length=32)
    revised = TrainingConfig(phases=(phase,), warmup_steps=10).revised(70, [130])
    left = TrainingConfig(phases=(short,), warmup_steps=10)
    rates = [revised.rate(step, phase, (80,)) for step in range(80, 130)]
    assert rates == [left.rate(step, short) / 2 for step in range(50)]


def test_a_revision_may_end_a_run_in_its_warmup() -> None:
    phase = Phase(steps=100, batch_size=8, length=32)
    planned = TrainingConfig(phases=(phase,), warmup_steps=95)
    revised = planned.revised(90, [93])
    assert [revised.rate(step, phase) for step in range(91)] == [
        planned.rate(step, phase) for step in range(91)
    ]


@pytest.mark.parametrize(("step", "total"), [(0, 100), (100, 120), (70, 70)])
def test_a_revision_lies_within_the_run(step: int, total: int) -> None:
    config = TrainingConfig(phases=(Phase(steps=100, batch_size=8, length=32),), warmup_steps=10)
    with pytest.raises(ValueError, match=r"step|revision"):
        config.revised(step, [total])


def test_a_restart_halves_the_rate_and_warms_up_again() -> None:
    """The schedule is that of a run that has as many steps as are left."""
    phase = Phase(steps=100, batch_size=8, length=32)
    short = Phase(steps=70, batch_size=8, length=32)
    for schedule in SCHEDULES:
        config, left = (
            TrainingConfig(phases=(each,), warmup_steps=10, schedule=schedule)
            for each in (phase, short)
        )
        rates = [config.rate(step, phase, (20, 30)) for step in range(30, 100)]
        assert rates == [left.rate(step, short) / 4 for step in range(70)]


def test_bad_rules() -> None:
    bad: dict[str, dict[str, Any]] = {
        "rate_by='texts' is not allowed; it must be one of tokens": {"rate_by": "texts"},
        "not_finite=0": {"not_finite": 0},
    }
    for said, changes in bad.items():
        with pytest.raises(ValueError, match=said):
            TrainingConfig(
                phases=(Phase(steps=1, batch_size=1, length=8),), warmup_steps=0, **changes
            )
    with pytest.raises(ValueError, match=r"learning_rate=0\.0 is not allowed; it must be above 0"):
        Phase(steps=1, batch_size=1, length=8, learning_rate=0.0)
