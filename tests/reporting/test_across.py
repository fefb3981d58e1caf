"""The horizontal axis: steps or tokens, what is marked on it, and counts in three digits."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from albertlm.reporting.across import EVENTS, Across, compact, event_colours
from albertlm.reporting.history import Event, History

MakeRun = Callable[..., Path]

ONE_PHASE = [{"steps": 100, "batch_size": 8, "length": 32}]
WIDER = [{"steps": 100, "batch_size": 16, "length": 32}]


def laid_out(runs: Sequence[History], *, with_text: bool = True) -> Axes:
    axes = Figure().subplots()
    assert isinstance(axes, Axes)
    across = Across(runs)
    across.lay_out(axes, with_text=with_text)
    across.label(axes)
    return axes


def read(make_run: MakeRun, name: str = "run", **changes: Any) -> History:
    return History.read(make_run(name, **changes))


def test_runs_of_the_same_phases_stand_over_steps(make_run: MakeRun) -> None:
    runs = [read(make_run, name) for name in "ab"]
    across = Across(runs)
    assert across.end == 100
    steps = np.array([0.0, 7.5, 100.0])
    assert across(runs[1], steps) is steps
    assert laid_out(runs).get_xlabel() == "steps"
    assert laid_out(runs[:1]).get_xlabel() == "steps, and tokens seen"


def test_runs_of_other_phases_stand_over_tokens(make_run: MakeRun) -> None:
    runs = [
        read(make_run, "a", phases=ONE_PHASE),
        read(make_run, "b", phases=WIDER, last=50),
    ]
    across = Across(runs)
    logged = [1000.0 + step for step in range(5, 101, 5)]
    assert across.end == sum(logged)
    np.testing.assert_allclose(across(runs[0], np.array([0, 5, 10])), [0, 1005, 2015])
    assert laid_out(runs).get_xlabel() == "tokens seen"


def test_without_counted_tokens_there_are_only_steps(make_run: MakeRun) -> None:
    line = (0, {"step": 5, "mlm_loss": 3.0})
    runs = [
        read(make_run, name, phases=phases, last=0, lines=[line])
        for name, phases in (("a", ONE_PHASE), ("b", WIDER))
    ]
    assert laid_out(runs).get_xlabel() == laid_out(runs[:1]).get_xlabel() == "steps"


def test_every_other_phase_is_shaded_as_far_as_the_run_came(make_run: MakeRun) -> None:
    phases = [{"steps": steps, "batch_size": 8, "length": 32} for steps in (30, 30, 20, 20)]
    for last, shaded in ((100, [(30, 60), (80, 100)]), (50, [(30, 50)]), (25, [])):
        axes = laid_out([read(make_run, f"to {last}", phases=phases, last=last)])
        ends = [
            patch.get_window_extent().transformed(axes.transData.inverted())
            for patch in axes.patches
        ]
        assert [(round(each.x0), round(each.x1)) for each in ends] == shaded
        assert axes.get_xlim() == (0, 1.01 * last)


def test_phases_are_described_where_there_is_room(make_run: MakeRun) -> None:
    phases = [
        {"steps": 60, "batch_size": 8, "length": 32, "layers": 1},
        {"steps": 36, "batch_size": 4, "length": 64, "layers": None},
        {"steps": 4, "batch_size": 4, "length": 64},
    ]
    run = read(make_run, phases=phases)
    said = [text.get_text() for text in laid_out([run]).texts]
    assert said == ["1: 8 × 32 tokens, 1 layers", "2: 4 × 64 tokens", ""]
    assert not laid_out([run], with_text=False).texts


def test_events_of_a_name_have_a_colour(make_run: MakeRun) -> None:
    rows = [(5, "rollback"), (9, "resumed"), (12, "rollback")]
    lines = [(number, {"step": 5 * number, "event": name}) for number, name in rows]
    axes = laid_out([read(make_run, lines=lines)])
    marks = {
        round(float(np.asarray(line.get_xdata())[0])): to_hex(line.get_color())
        for line in axes.lines
    }
    assert marks == {25: EVENTS[0], 45: EVENTS[1], 60: EVENTS[0]}


def test_more_names_of_events_than_colours(make_run: MakeRun) -> None:
    names = [f"event {number}" for number in range(len(EVENTS) + 1)]
    lines = [(number, {"step": 5 * number, "event": name}) for number, name in enumerate(names)]
    run = read(make_run, lines=lines)
    assert all(isinstance(event, Event) for event in run.events)
    colours = event_colours([run])
    assert list(colours) == names
    assert colours[names[-1]] == colours[names[0]]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (950, "950"), (999.9, "1k"), (12_345, "12.3k"), (5.2e9, "5.2B"), (1e6, "1M")],
)
def test_counts_in_three_digits(number: float, text: str) -> None:
    assert compact(number) == text


@given(st.integers(0, 10**12))
def test_a_compact_count_is_near_the_count(number: int) -> None:
    text = compact(number)
    unit = {"k": 1e3, "M": 1e6, "B": 1e9}.get(text[-1], 1)
    assert float(text.rstrip("kMB")) * unit == pytest.approx(number, rel=0.005)
    if number < 999.5e9:
        assert len(text) <= 5
