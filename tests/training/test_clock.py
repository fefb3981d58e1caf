"""Runs with a limited time, by a clock that only the run itself moves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from albertlm import storage
from albertlm.data.token_shards import TokenPart, Tokens
from albertlm.recipes.small import smoke
from albertlm.reporting.history import History
from albertlm.training import snapshots, steps
from albertlm.training.budget import Budget, Plan
from albertlm.training.clock import Watch
from albertlm.training.group import Group
from albertlm.training.pretraining import PretrainingJob, PretrainingRun
from albertlm.training.run_config import Execution, Phase

EXECUTION = Execution(
    device="cpu", bf16=False, log_every=10, save_every=25, validate_every=75, validation_examples=8
)
COSTS = {"validate": 0.5, "export": 0.25}
SAVE = 0.05
COUNT = 0.02  # an epoch
HALF_MINUTE = Budget(seconds=30.0)


class Clock:
    """Costs of steps by phase; other work costs what is said above, and all of it `slowdown`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.steps = [0.1, 0.3]
        self.slowdown = 1.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()

    def slowed(call: Callable[..., Any], cost: Callable[..., float]) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            found.now += found.slowdown * cost(*arguments)
            return call(*arguments, **named)

        return called

    counts = slowed(PretrainingRun.counts, lambda _, number, __: found.steps[number])
    monkeypatch.setattr(PretrainingRun, "counts", counts)
    epochs = lambda _, coverages: sum(COUNT * len(each.totals) for each in coverages)  # noqa: E731
    monkeypatch.setattr(PretrainingRun, "findings", slowed(PretrainingRun.findings, epochs))
    for name, cost in COSTS.items():
        call = slowed(getattr(PretrainingRun, name), lambda *_, cost=cost: cost)
        monkeypatch.setattr(PretrainingRun, name, call)
    monkeypatch.setattr(snapshots, "save", slowed(snapshots.save, lambda *_: SAVE))
    return found


@pytest.fixture(scope="module")
def tokens(make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]) -> Tokens:
    return Tokens.open(make_tokens(many_documents).folder.parent)


@pytest.fixture
def job(clock: Clock, tokens: Tokens, tmp_path: Path) -> Callable[..., PretrainingJob]:
    def make(name: str, budget: Budget | None = HALF_MINUTE, **changes: Any) -> PretrainingJob:
        phases = (
            Phase(steps=40, batch_size=8, length=32, layers=1),
            Phase(steps=20, batch_size=4, length=32),
        )
        config = replace(smoke(70), phases=phases, warmup_steps=6)
        execution = replace(EXECUTION, **changes)
        return PretrainingJob(config, execution, tokens, tmp_path / name, budget, clock)

    return make


def train(job: PretrainingJob, steps: int | None = None) -> list[int]:
    """The steps of a run, abandoned after some."""
    return [report.step for report in islice(job.loop(Group.alone("cpu")), steps)]


def revision(run: Path) -> tuple[int, list[int]]:
    """The step at which the steps of the phases were fixed anew, and these."""
    (line,) = (line for line in clock_lines(run) if "steps" in line)
    return line["step"], line["steps"]


def clock_lines(run: Path) -> list[dict[str, Any]]:
    return list(map(json.loads, (run / "clock.jsonl").read_text("utf-8").splitlines()))


def test_on_a_steady_machine_it_ends_in_time(
    job: Callable[..., PretrainingJob], clock: Clock, tmp_path: Path
) -> None:
    started, clock.steps = clock.now, [0.2, 0.2]
    seldom = {"save_every": 200, "validate_every": 200, "log_every": 50}
    steps = train(job("run", Budget(seconds=60.0), **seldom))
    assert 0.97 * 60 <= clock.now - started <= 60
    first, second = storage.read_json(tmp_path / "run" / "plan.json")["steps"]
    assert first == pytest.approx(2 * second, abs=2)
    revised, (one, two) = revision(tmp_path / "run")
    assert first < revised == pytest.approx(0.8 * (first + second), rel=0.05)
    assert one == first
    assert two == pytest.approx(second, abs=3)
    assert steps == [*range(1, one + two + 1)]
    assert not any("ended" in line for line in clock_lines(tmp_path / "run"))
    assert (tmp_path / "run" / "model").is_dir()
    history = History.read(tmp_path / "run")
    assert history.plan is not None
    assert history.plan["times"]["steps"] == pytest.approx(clock.steps)
    assert not [path for path in tmp_path.iterdir() if path.name != "run"]  # what was measured


def test_compilation_is_not_taken_for_the_time_of_steps(
    job: Callable[..., PretrainingJob],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It takes place in the first two steps of a phase and in the first validation."""
    left = {"counts": 2, "validate": 1}

    def compiling(name: str) -> Callable[..., Any]:
        call = getattr(PretrainingRun, name)

        def called(*arguments: Any, **named: Any) -> Any:
            clock.now += 3.0 * (left[name] > 0)
            left[name] -= 1
            return call(*arguments, **named)

        return called

    for name in left:
        monkeypatch.setattr(PretrainingRun, name, compiling(name))
    train(job("run", Budget(seconds=120.0)), 1)
    times = storage.read_json(tmp_path / "run" / "plan.json")["times"]
    assert times["steps"] == pytest.approx([0.1, 0.3])
    assert times["validation"] == pytest.approx(0.5)


def test_what_a_device_computes_meanwhile_is_not_counted_twice(
    job: Callable[..., PretrainingJob],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A step takes the longer one of the host's and the device's time, not their sum."""
    ended, computing = 0.0, [0.3, 0.2]

    class DeviceMoment:
        def __init__(self, _: torch.device) -> None:
            self.at = max(ended, clock.now)

        def wait(self) -> None:
            clock.now = max(clock.now, self.at)

        def until(self, other: DeviceMoment) -> float:
            return other.at - self.at

    call = PretrainingRun.counts

    def begun(run: PretrainingRun, phase: int, batch: Any) -> Any:
        nonlocal ended
        counts = call(run, phase, batch)  # the host's time
        ended = max(ended, clock.now) + computing[phase]
        return counts

    monkeypatch.setattr(PretrainingRun, "counts", begun)
    monkeypatch.setattr(steps, "Moment", DeviceMoment)
    train(job("run"), 1)
    times = storage.read_json(tmp_path / "run" / "plan.json")["times"]
    assert times["steps"] == pytest.approx([0.3, 0.3])  # the host takes 0.1 and 0.3 seconds


@pytest.mark.parametrize("pace", [0.8, 1.0, 1.2])
def test_two_minutes_end_at_most_three_percent_early(
    pace: float, job: Callable[..., PretrainingJob], clock: Clock, tmp_path: Path
) -> None:
    """On a machine that becomes faster or slower than it was measured, the steps are fixed anew."""
    started, clock.steps = clock.now, [1.0, 1.0]
    loop = job("run", Budget(seconds=120.0)).loop(Group.alone("cpu"))
    planned = loop.config.total_steps
    clock.steps = [pace, pace]
    rates = [report.values["learning_rate"] for report in loop]
    assert 0.97 * 120 <= clock.now - started <= 120
    assert not any("ended" in line for line in clock_lines(tmp_path / "run"))
    assert len(rates) == loop.config.total_steps == pytest.approx(planned / pace, rel=0.03)
    assert rates[-1] < 0.03 * max(rates)
    assert History.read(tmp_path / "run").phase_ends == loop.phase_ends


def test_killed_in_each_phase_it_ends_as_the_same_steps_do(
    job: Callable[..., PretrainingJob], clock: Clock, tmp_path: Path
) -> None:
    """With steps that take twice as long in the end, so that the clock ends it."""
    run, started = tmp_path / "run", clock.now
    seen = train(job("run"), 30)
    clock.now += 1e6
    phases = storage.read_json(run / "config.json")["phases"]
    seen += train(job("run"), phases[0]["steps"] + 3 - 25)
    clock.now += 1e6
    loop = job("run").loop(Group.alone("cpu"))
    for report in loop:
        seen.append(report.step)
        if loop.config.revision:
            clock.steps = [0.2, 0.6]
    changed = revision(run)
    assert phases[0]["steps"] + 3 < changed[0] < seen[-1] < sum(changed[1])
    assert 0.9 * 30 <= clock.now - 2e6 - started <= 30
    plan, took = Plan.read(run), clock.now - 2e6 - started
    assert plan is not None
    ordinary = job("again", None, save_every=seen[-1])
    config = plan.apply(ordinary.config).revised(*changed)
    train(replace(ordinary, config=config), seen[-1])
    weights = [
        (folder / "model.safetensors").read_bytes()
        for folder in (run / "model", tmp_path / "again" / f"checkpoint-{seen[-1]}")
    ]
    assert weights[0] == weights[1]
    steps = [line["step"] for line in clock_lines(run)]
    assert steps == sorted(steps)
    assert Watch(plan, run, clock, clock.now).worked > took - 1


def test_killed_after_the_steps_were_fixed_anew(
    job: Callable[..., PretrainingJob], clock: Clock, tmp_path: Path
) -> None:
    """Resumed from a checkpoint behind this step it keeps them, from one before it does not."""
    often = {"save_every": 5}
    loop = job("run", **often).loop(Group.alone("cpu"))
    clock.steps = [0.12, 0.36]
    for report in loop:
        if loop.config.revision and report.step > revision(tmp_path / "run")[0] + 5:
            break
    kept = revision(tmp_path / "run")
    train(job("run", **often), 1)
    assert revision(tmp_path / "run") == kept
    for folder in (tmp_path / "run").glob("checkpoint-*"):
        if int(folder.name.partition("-")[2]) >= kept[0]:
            shutil.rmtree(folder)
    clock.steps = [0.15, 0.45]
    train(job("run", **often))
    assert revision(tmp_path / "run") != kept


@pytest.mark.parametrize("killed", [None, 30])
def test_a_machine_that_is_slower_at_last_is_stopped_by_the_clock(
    killed: int | None, job: Callable[..., PretrainingJob], clock: Clock, tmp_path: Path
) -> None:
    run, started = tmp_path / "run", clock.now
    seen = train(job("run"), killed) if killed else []
    loop = job("run").loop(Group.alone("cpu"))
    for report in loop:
        seen.append(report.step)
        if loop.config.revision:
            clock.steps = [0.2, 0.6]
    assert 0.9 * 30 <= clock.now - started <= 30
    assert seen[-1] < loop.config.total_steps
    assert clock_lines(run)[-1] == {
        "step": seen[-1], "worked": pytest.approx(clock.now - started, abs=2), "ended": True,
    }  # fmt: skip
    assert (run / "model").is_dir()
    assert (run / "coverage.json").is_file()
    assert train(job("run")) == []  # it is finished


def test_where_all_becomes_slower_it_does_not_end_late(
    job: Callable[..., PretrainingJob], clock: Clock
) -> None:
    """The last validation, checkpoint and export, too, take longer than they were measured."""
    started = clock.now
    loop = job("run").loop(Group.alone("cpu"))
    for _ in loop:
        if loop.config.revision:
            clock.slowdown = 2.0
    assert loop.progress.ended
    assert 0.9 * 30 <= clock.now - started <= 30


def test_a_deadline_counts_what_happened_between(
    job: Callable[..., PretrainingJob],
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.time", clock)
    deadline = Budget(deadline=clock.now + 30)
    train(job("run", deadline), 31)
    clock.now += 10
    train(job("run", deadline))
    assert 1028 <= clock.now <= 1030
    assert (tmp_path / "run" / "model").is_dir()
    clock.now = 1030
    with pytest.raises(ValueError, match="the deadline is over; name a later one"):
        train(job("late", deadline))


def test_a_time_that_is_too_short(job: Callable[..., PretrainingJob], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too short for a step of each phase"):
        train(job("run", Budget(seconds=2.0)))
    assert not list(tmp_path.iterdir())


def test_exports_in_turn(job: Callable[..., PretrainingJob], clock: Clock, tmp_path: Path) -> None:
    """Every three seconds, in half precision, with two names; none is left at the end."""
    run, seen = tmp_path / "run", []
    for _ in job("run", export_minutes=0.05).loop(Group.alone("cpu")):
        found = {path.name for path in run.glob("model-recent-*")}
        seen.append(len(found))
        for path in run.glob("model-recent-*"):
            assert storage.read_json(path / "config.json")["dtype"] == "float16"
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2}
    assert not list(run.glob("model-recent-*"))
    assert (run / "model").is_dir()
