"""What the bar says of the last steps, computed by hand."""

import sys
from collections import deque

import pytest

from albertlm.cli.training_bar import SMOOTHED, TrainingBar, describe

STEP = {"total": 8.0, "mlm_accuracy": 0.1, "sop_accuracy": 0.5, "tokens": 900, "seconds": 2.0}


def test_means_of_the_last_steps() -> None:
    other = {"total": 6.0, "mlm_accuracy": 0.3, "sop_accuracy": 0.7, "tokens": 700, "seconds": 1.0}
    told = describe(deque([STEP, other]), 2400, None)
    assert told == "loss 7.000  MLM 20.0%  SOP 60.0%  533 tokens/s  ETA 1:00:00"


def test_the_share_of_the_matrix_rate() -> None:
    steps = deque([STEP | {"flops": 5e9}, STEP | {"flops": 7e9}])
    assert "  MFU 30%  " in describe(steps, 1, 1e10)
    assert "MFU" not in describe(steps, 1, None)


def test_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)  # for rich
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with TrainingBar(100, None, shown=True) as bar:
        for step in range(SMOOTHED + 5):
            bar.show(step + 1, STEP | {"total": 5.0 if step < 5 else 3.0})
        bar.say("note [b]")
    told = capsys.readouterr()
    assert told.out == ""
    assert "25/100" in told.err
    assert "loss 3.000" in told.err
    assert "note [b]" in told.err


def test_elsewhere_it_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingBar(100, None, shown=False) as bar:
        bar.show(1, STEP)
    assert capsys.readouterr() == ("", "")
