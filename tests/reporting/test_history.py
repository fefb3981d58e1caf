"""A run's folder read back, series against loops and NumPy, and folders that are no runs."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.reporting.history import CoveredEpochs, Event, History, Series

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40)


def series(values: list[float], weights: list[float] | None = None) -> Series:
    steps = np.arange(1.0, len(values) + 1) * 5
    return Series(steps, np.array(values), np.array(weights or [1.0] * len(values)))


def test_means_are_weighted() -> None:
    """As of 0 of 1, 3 of 3 and 1 of 2 pairs."""
    three = series([0.0, 1.0, 0.5], [1.0, 3.0, 2.0])
    assert three.averaged(2).values.tolist() == [3 / 4, 0.5]
    assert three.averaged(2).averaged(1).values.tolist() == [4 / 6]
    assert three.smoothed(3, []).values.tolist() == [3 / 4, 4 / 6, 4 / 5]
    assert three.trailing(2).values.tolist() == [3 / 4, 4 / 5]
    assert three.scaled(100).trailing(3).values.tolist() == pytest.approx([400 / 6])


@given(VALUES, st.integers(1, 12))
def test_averaged_keeps_the_sum_and_the_order(values: list[float], limit: int) -> None:
    whole = series(values)
    means = whole.averaged(limit)
    assert len(means.steps) <= limit
    width = math.ceil(len(values) / limit)
    chunks = [values[start : start + width] for start in range(0, len(values), width)]
    np.testing.assert_allclose(means.values, [np.mean(chunk) for chunk in chunks], atol=1e-9)
    assert (np.diff(means.steps) > 0).all()


@given(VALUES, st.sampled_from([1, 3, 7]), st.lists(st.integers(0, 210), max_size=3))
def test_smoothed_is_a_mean_that_no_border_is_crossed_by(
    values: list[float], width: int, borders: list[int]
) -> None:
    whole = series(values)
    part = [sum(step > border for border in borders) for step in whole.steps]
    expected = [
        np.mean(
            [
                values[j]
                for j in range(len(values))
                if abs(i - j) <= width // 2 and part[i] == part[j]
            ]
        )
        for i in range(len(values))
    ]
    found = whole.smoothed(width, sorted(borders))
    np.testing.assert_allclose(found.values, expected, atol=1e-8)
    assert (found.steps == whole.steps).all()


@given(VALUES)
def test_trailing_is_a_convolution(values: list[float]) -> None:
    width = min(4, len(values))
    found = series(values).trailing(width)
    expected = np.convolve(values, np.full(width, 1 / width), mode="valid")
    np.testing.assert_allclose(found.values, expected, atol=1e-8)
    assert found.steps[0] == 5 * width


def test_what_is_in_the_folder(make_run: Callable[..., Path]) -> None:
    scores = {"step": 50, "validation": {"mlm_loss": 7.5, "bits_per_character": 2.0, "note": "x"}}
    event = {"step": 70, "event": "rollback", "reason": "a\nspike", "to": 60}
    run = History.read(make_run(lines=[(10, scores), (14, event)]))
    assert run.name == "run"
    assert run.steps == 100
    assert run.phase_ends == [60, 100]
    assert run.finished
    assert not run.exported
    assert run.training["mlm_loss"].steps.tolist() == list(range(5, 101, 5))
    assert run.training["tokens_per_second"].values[0] == 1005 / 0.5
    assert "phase_of_the_moon" not in run.training
    assert {name: each.values.tolist() for name, each in run.held_out.items()} == {
        "mlm_loss": [7.5], "bits_per_character": [2.0],
    }  # fmt: skip
    assert run.events == (Event(70, "rollback", "a spike; to 60"),)
    assert (run.undone, run.cut_off) == (0, False)


def test_values_of_pairs_have_the_weight_of_their_number(make_run: Callable[..., Path]) -> None:
    pairs = {"sop_loss": 0.5, "sop_accuracy": 1.0, "pairs": 3.0, "mlm_loss": 2.0}
    run = History.read(make_run(last=5, lines=[(1, {"step": 10, **pairs})]))
    weights = {name: run.training[name].weights.tolist() for name in ("sop_loss", "mlm_loss")}
    assert weights == {"sop_loss": [1, 3], "mlm_loss": [1, 1]}  # the first was not logged


def test_tokens_seen(make_run: Callable[..., Path]) -> None:
    run = History.read(make_run())
    seen = run.tokens_seen(np.array([0, 5, 7.5, 10]))
    np.testing.assert_allclose(seen, [0, 1005, 1005 + 1010 / 2, 2015])


def test_an_unfinished_run(make_run: Callable[..., Path]) -> None:
    folder = make_run(last=40)
    assert not History.read(folder).finished
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text("{}", encoding="utf-8")
    assert History.read(folder).finished  # the last steps need not be logged


def test_steps_done_again_replace_what_was_logged_before(make_run: Callable[..., Path]) -> None:
    again = [{"step": step, "mlm_loss": 1.0} for step in (35, 40)]
    before = {"step": 40, "validation": {"mlm_loss": 9.0}}
    held_out = {"step": 40, "validation": {"mlm_loss": 1.5}}
    lines = [*enumerate([before, *again, held_out], start=8)]
    run = History.read(make_run(last=40, lines=lines))
    assert run.undone == 2
    assert run.training["mlm_loss"].steps.tolist() == list(range(5, 41, 5))
    assert run.training["mlm_loss"].values[-2:].tolist() == [1.0, 1.0]
    assert run.training["tokens"].steps[-1] == 30
    assert run.held_out["mlm_loss"].values.tolist() == [1.5]


def test_values_that_are_no_numbers_are_gaps(make_run: Callable[..., Path]) -> None:
    odd = {
        "step": 45,
        "mlm_loss": math.nan,
        "sop_loss": None,
        "mlm_accuracy": True,
        "gradient_norm": 0.5,
    }
    run = History.read(make_run(last=40, lines=[(8, odd)]))
    assert run.training["mlm_loss"].steps[-1] == 40
    assert run.training["mlm_accuracy"].steps[-1] == 40
    assert run.training["gradient_norm"].values.tolist() == [0.5]
    assert run.steps == 45


@pytest.mark.parametrize("keep", [-1, -20])
def test_a_last_line_that_is_cut_off(make_run: Callable[..., Path], keep: int) -> None:
    folder = make_run()
    log = folder / "metrics.jsonl"
    log.write_bytes(log.read_bytes()[:keep])
    run = History.read(folder)
    assert run.cut_off == (keep < -1)  # only the line's end is missing otherwise
    assert run.steps == (95 if run.cut_off else 100)


@pytest.mark.parametrize("line", ["{", "7", '{"mlm_loss": 1}', '{"step": "five"}', "\xff"])
def test_a_damaged_line(make_run: Callable[..., Path], line: str) -> None:
    folder = make_run()
    log = folder / "metrics.jsonl"
    lines = log.read_bytes().split(b"\n")
    log.write_bytes(b"\n".join([*lines[:3], line.encode("latin-1"), *lines[3:]]))
    with pytest.raises(ValueError, match=r"line 4 of .*metrics.jsonl is damaged"):
        History.read(folder)


def test_no_values_yet(make_run: Callable[..., Path]) -> None:
    folder = make_run(last=0)
    for text in ("", "\n", '{"step": 5, "mlm_l', '{"step": 5, "event": "start"}\n'):
        (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="has no values yet; the run logs them"):
            History.read(folder)
    (folder / "metrics.jsonl").unlink()
    with pytest.raises(ValueError, match="has no values yet"):
        History.read(folder)


def test_a_folder_that_is_no_run(tmp_path: Path, tiny_folder: Path) -> None:
    for folder in (tmp_path, tiny_folder):
        with pytest.raises(ValueError, match="is not a pretraining run"):
            History.read(folder)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        History.read(tmp_path / "none")
    wrong: tuple[object, ...] = (
        [],
        {"model": {}, "phases": []},
        {"model": {}, "phases": [{"length": 8}]},
    )
    for config in wrong:
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        with pytest.raises(ValueError, match=r"config\.json"):
            History.read(tmp_path)


def test_coverage(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    assert History.read(folder).coverage == ()
    rows = [
        (1, 0, 90, 90, "all"),
        (1, 1, 91, 91, "all"),
        (1, 2, 7, 92, "some"),
        (2, 0, 9, 9, "all"),
    ]
    names = ("phase", "epoch", "seen", "expected", "verdict")
    told = [dict(zip(names, row, strict=True)) for row in rows]
    (folder / "coverage.json").write_text(json.dumps({"epochs": told}), encoding="utf-8")
    assert History.read(folder).coverage == (
        CoveredEpochs(1, "", (0, 1), 181, 181, "all"),
        CoveredEpochs(1, "", (2, 2), 7, 92, "some"),
        CoveredEpochs(2, "", (0, 0), 9, 9, "all"),
    )
    for wrong in ([1], {"epochs": [{"phase": 1}]}, {"phase": 1}):
        (folder / "coverage.json").write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(ValueError, match=r"coverage\.json does not list what was seen"):
            History.read(folder)


def test_waiting_is_a_share_of_the_time(make_run: Callable[..., Path]) -> None:
    folder = make_run(last=5, lines=[(1, {"step": 10, "mlm_loss": 2.0, "waited": 1, "seconds": 4})])
    waiting = History.read(folder).training["waiting"]
    assert (list(waiting.steps), list(waiting.values)) == ([10], [0.25])
