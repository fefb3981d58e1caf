"""The schedules at their corners."""

import pytest

from albertlm.training.schedule import SCHEDULES, google, linear


@pytest.mark.parametrize("schedule", SCHEDULES.values())
def test_ends(schedule: object) -> None:
    assert schedule(0, 100, 1000) == 0  # type: ignore[operator]
    assert schedule(50, 100, 1000) == 0.5  # type: ignore[operator]
    assert schedule(1000, 100, 1000) == 0  # type: ignore[operator]


def test_google_jumps_down_where_the_warmup_ends() -> None:
    assert google(99, 100, 1000) == 0.99
    assert google(100, 100, 1000) == 0.9
    assert google(550, 100, 1000) == pytest.approx(0.45)


def test_linear_starts_to_decay_at_the_peak() -> None:
    assert linear(100, 100, 1000) == 1
    assert linear(550, 100, 1000) == 0.5
