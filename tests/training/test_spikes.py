import statistics

from hypothesis import given
from hypothesis import strategies as st

from albertlm.training.config import SpikeRule
from albertlm.training.spikes import is_spike

losses = st.floats(0.0, 100.0)


@given(st.lists(losses, min_size=2, max_size=30), st.integers(2, 10), st.floats(1.0, 20.0), losses)
def test_it_stands_out_by_so_many_deviations(
    before: list[float], window: int, deviations: float, loss: float
) -> None:
    found = is_spike(loss, before, SpikeRule(deviations=deviations, window=window))
    if len(before) < window:
        assert not found
        return
    last = before[-window:]
    excess = loss - statistics.mean(last) - deviations * statistics.pstdev(last)
    assert found == (excess > 0) or abs(excess) < 1e-6
