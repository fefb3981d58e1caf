"""The rules for spikes and plateaus, against formulas."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.training.judgement import PlateauRule, SpikeRule, is_spike

losses = st.floats(0.0, 100.0)


@given(
    st.lists(losses, min_size=2, max_size=30),
    st.integers(2, 10),
    st.floats(1.0, 20.0),
    st.lists(losses, min_size=1, max_size=5),
)
def test_it_stands_out_by_so_many_deviations(
    before: list[float], window: int, deviations: float, last: list[float]
) -> None:
    rule = SpikeRule(deviations=deviations, window=window, averaged=len(last))
    found = is_spike([*before, *last], rule)
    if len(before) < window:
        assert not found
        return
    before = before[-window:]
    mean, deviation = statistics.mean(before), statistics.pstdev(before)
    excess = statistics.mean(last) - mean - deviations * deviation
    assert found == (excess > 0) or abs(excess) < 1e-6


@given(st.lists(losses, max_size=30), st.integers(1, 25), st.integers(99, 101), losses)
def test_a_plateau_is_a_mean_that_is_not_below_the_bound(
    values: list[float], averaged: int, step: int, bound: float
) -> None:
    rule = PlateauRule(step=100, loss=bound, averaged=averaged)
    mean = statistics.mean(values[-averaged:]) if values else math.nan
    expected = step == 100 and mean >= bound
    assert rule.finds(step, values) == expected or abs(mean - bound) < 1e-9


def test_bad_rules() -> None:
    for step, averaged in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="=0 is not allowed; it must be 1 or more"):
            PlateauRule(step=step, loss=6.6, averaged=averaged)
    with pytest.raises(ValueError, match="averaged=0"):
        SpikeRule(averaged=0)
