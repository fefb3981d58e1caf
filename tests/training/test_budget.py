"""Times as text, and plans that fit into them."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm import storage
from albertlm.training.budget import Budget, Plan, Times, find_plan, seconds_left
from albertlm.training.run_config import Execution, Phase, TrainingConfig

CONFIG = TrainingConfig(
    phases=(
        Phase(steps=300, batch_size=8, length=32, layers=1),
        Phase(steps=100, batch_size=4, length=64),
    ),
    warmup_steps=40,
)
TIMES = Times(
    steps=(0.1, 0.3),
    validation=2.0,
    checkpoint=1.0,
    export=3.0,
    counting=(5.0, 4.0),
    epochs=(0.01, 0.0002),
)
HOUR = Budget(seconds=3600.0)


def plan(left: float = 3600.0, budget: Budget = HOUR, times: Times = TIMES) -> Plan:
    return Plan.make(CONFIG, Execution(), budget, times, left)


@pytest.mark.parametrize(
    ("text", "seconds"), [("8m", 480), ("10h", 36000), ("1h30m", 5400), ("1.5h", 5400), ("90s", 90)]
)
def test_a_time(text: str, seconds: float) -> None:
    assert Budget.parse(text, None) == Budget(seconds=seconds)


def test_a_moment() -> None:
    assert Budget.parse(None, "1970-01-02T00:00+00:00") == Budget(deadline=86400.0)
    assert Budget.parse(None, None) is None


@pytest.mark.parametrize(
    ("budget", "deadline", "said"),
    [
        ("8", None, "--budget '8' is not a time; write it as 8m"),
        ("0m", None, "--budget '0m' is not a time"),
        ("8m-", None, "is not a time"),
        (None, "noon", "--deadline 'noon' is not a moment"),
        ("8m", "2030-01-31T18:30", "--budget and --deadline exclude each other"),
    ],
)
def test_bad_options(budget: str | None, deadline: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Budget.parse(budget, deadline)


times = st.floats(0.001, 10.0)


@given(times, times, times, times, times, times)
def test_a_plan_fills_its_time(
    first: float,
    second: float,
    validation: float,
    checkpoint: float,
    export: float,
    counting: float,
) -> None:
    """Up to a step of each phase, a tenth of its end and the share that is left free."""
    measured = Times(
        steps=(first, second),
        validation=validation,
        checkpoint=checkpoint,
        export=export,
        counting=(counting, 2 * counting),
        epochs=(0.0001, 0.01),
    )
    found = plan(20_000.0, times=measured)
    between = (validation + checkpoint) / 500
    took = sum(n * (t + between) for n, t in zip(found.steps, (first, second), strict=True))
    assert took == pytest.approx(sum(found.seconds))
    took += 2 * (validation + checkpoint) + export
    epochs = [math.ceil(n * share) for n, share in zip(found.steps, measured.epochs, strict=True)]
    counted = counting * epochs[0] + 2 * counting * epochs[1]
    took += counted
    assert took <= 20_000
    spare = second + 0.1 * (validation + checkpoint + export + counted) + 1.1 * 3 * counting
    assert took >= 0.99 * 20_000 - spare - first - second - 2 * between - 1e-3
    ratio = found.steps[0] / found.steps[1]
    assert ratio == pytest.approx(3, abs=4 / found.steps[1])
    assert found.warmup_steps == pytest.approx(0.1 * sum(found.steps), abs=2)


def test_too_short() -> None:
    with pytest.raises(ValueError, match="the 9 s that are left are too short for a step of each"):
        plan(9.0)


def test_it_is_applied_to_the_recipe() -> None:
    made = plan()
    config = made.apply(CONFIG)
    assert tuple(phase.steps for phase in config.phases) == made.steps
    assert config.warmup_steps == made.warmup_steps
    assert replace(config, phases=CONFIG.phases, warmup_steps=40) == CONFIG
    with pytest.raises(ValueError, match="the recipe has 1 phases, the run 2"):
        made.apply(replace(CONFIG, phases=CONFIG.phases[:1]))


def test_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 900.0)
    assert seconds_left(Budget(seconds=100.0), before=30.0, since=20.0) == 50
    assert seconds_left(Budget(deadline=1000.0), before=30.0, since=20.0) == 100


def test_the_plan_of_a_folder(tmp_path: Path) -> None:
    made = plan()
    storage.write_json(tmp_path / "plan.json", asdict(made))
    assert find_plan(tmp_path, None) is None  # no step was trained
    (tmp_path / "checkpoint-5").mkdir()
    assert find_plan(tmp_path, HOUR) == made
    for other, said in (
        (Budget(seconds=60.0), "was begun with --budget 3600s, not --budget 60s; give the same"),
        (Budget(deadline=0.0), "not --deadline 1970-01-01T00:00"),
        (None, "not no --budget or --deadline"),
    ):
        with pytest.raises(ValueError, match=re.escape(said).replace("1970-01-01T00:00", ".*")):
            find_plan(tmp_path, other)
    storage.write_json(tmp_path / "plan.json", {"budget": {"seconds": 1.0}})
    with pytest.raises(ValueError, match=r"plan\.json is damaged"):
        find_plan(tmp_path, HOUR)
