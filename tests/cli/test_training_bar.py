"""What the bar says of the last steps, computed by hand."""

import sys
from collections import deque
from collections.abc import Mapping

import pytest

from albertlm.cli.training_bar import SMOOTHED, TrainingBar, describe_progress

WEIGHTS = {"sop_accuracy": "pairs"}
SHARES = {"MLM": "mlm_accuracy", "SOP": "sop_accuracy"}
STEP: Mapping[str, float] = {
    "total": 8.0,
    "mlm_accuracy": 0.1,
    "sop_accuracy": 0.5,
    "pairs": 3,
    "tokens": 900,
    "seconds": 2.0,
}


def test_means_of_the_last_steps() -> None:
    other = {"total": 6.0, "mlm_accuracy": 0.3, "tokens": 700, "seconds": 1.0} | {
        "sop_accuracy": 0.7, "pairs": 1,
    }  # fmt: skip
    told = describe_progress(deque([STEP, other]), 2400, None, SHARES, WEIGHTS)
    assert told == "loss 7.000  MLM 20.0%  SOP 55.0%  533 tokens/s  ETA 1:00:00"


def test_a_share_of_no_pairs_is_left_out() -> None:
    without = {name: STEP[name] for name in ("total", "mlm_accuracy", "tokens", "seconds")}
    told = describe_progress(deque([without | {"pairs": 0}]), 1, None, SHARES, WEIGHTS)
    assert told == "loss 8.000  MLM 10.0%  450 tokens/s  ETA 0:00:02"


def test_the_share_of_the_matrix_rate() -> None:
    steps = deque[Mapping[str, float]]([{**STEP, "flops": 5e9}, {**STEP, "flops": 7e9}])
    assert "  MFU 30%  " in describe_progress(steps, 1, 1e10, SHARES, WEIGHTS)
    assert "MFU" not in describe_progress(steps, 1, None, SHARES, WEIGHTS)


def test_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)  # for rich
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with TrainingBar(100, None, SHARES, WEIGHTS, shown=True) as bar:
        for step in range(SMOOTHED + 5):
            bar.total = 100 if step < 20 else 90
            bar.show(step + 1, {**STEP, "total": 5.0 if step < 5 else 3.0})
        bar.say("note [b]")
    told = capsys.readouterr()
    assert told.out == ""
    assert "25/90" in told.err
    assert "loss 3.000" in told.err
    assert "note [b]" in told.err


def test_elsewhere_it_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingBar(100, None, SHARES, WEIGHTS, shown=False) as bar:
        bar.show(1, STEP)
    assert capsys.readouterr() == ("", "")
