"""Signals ask for a stop or end a block; a second one ends the process."""

import signal
import subprocess
import sys
import threading

import pytest

from albertlm.training.stopping import SIGNALS, stop_on_signals


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, since a signal may end the one that runs tests."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_requests_a_stop(number: signal.Signals) -> None:
    done = run(
        "import signal; from albertlm.training.stopping import stop_on_signals\n"
        f"before = signal.getsignal({number})\n"
        "with stop_on_signals(told=False) as stop:\n"
        f"    signal.raise_signal({number})\n"
        "    assert (stop.requested, stop.agreed) == (True, False)\n"
        f"assert signal.getsignal({number}) == before"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_block(number: signal.Signals) -> None:
    done = run(
        "import signal\n"
        "from albertlm.training.stopping import StoppedEarlyError, ended_by_signals\n"
        "try:\n"
        f"    with ended_by_signals(): signal.raise_signal({number})\n"
        "except StoppedEarlyError: print('ended')"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_does_not_hide_a_lost_connection(number: signal.Signals) -> None:
    done = run(
        "import signal\n"
        "from albertlm.training.stopping import ended_by_signals\n"
        "with ended_by_signals():\n"
        "    try: raise ConnectionError('lost') from RuntimeError('reset by peer')\n"
        f"    finally: signal.raise_signal({number})"
    )
    assert done.returncode == 1
    assert "RuntimeError: reset by peer\n" in done.stderr
    assert done.stderr.endswith("ConnectionError: lost\n")


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_ends_the_process(first: signal.Signals, second: signal.Signals) -> None:
    done = run(
        "import signal; from albertlm.training.stopping import stop_on_signals\n"
        f"with stop_on_signals(): signal.raise_signal({first}); signal.raise_signal({second})"
    )
    assert done.returncode == -second
    assert "stopping behind this step" in done.stderr


def test_in_another_thread_signals_stay_with_their_owner() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def watch() -> None:
        with stop_on_signals() as stop:
            seen.append((stop.requested, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
