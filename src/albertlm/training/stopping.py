"""Stop a run on SIGINT (Ctrl-C) or SIGTERM, which schedulers send before they kill."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = signal.SIGINT, signal.SIGTERM

SAVING = "\nstopping behind this step, with a checkpoint; another signal ends the process at once\n"


class StoppedEarlyError(KeyboardInterrupt):
    """The process was asked to stop before it trained."""


class Stop:
    """Whether a run should stop.

    Fields:
        requested: this process was asked to stop.
        agreed: all processes know that one of them was asked to stop.
    """

    requested = False
    agreed = False


@contextmanager
def stop_on_signals(*, told: bool = True) -> Iterator[Stop]:
    """A stop that a signal requests within the block.

    Args:
        told: whether the signal is confirmed on the standard error.
    """
    stop = Stop()

    def request() -> None:
        stop.requested = True
        if told:
            os.write(2, SAVING.encode())  # printing is not safe in a signal handler

    with _on_signals(request):
        yield stop


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """A block that a signal ends.

    When a process dies, the others lose their connection, and `torchrun` then signals them. If a
    signal arrives while a ConnectionError is leaving the block, that error is raised.

    Raises:
        StoppedEarlyError: a signal arrived.
        ConnectionError: a signal arrived, but the connection was lost before.
    """

    def end() -> None:
        raise StoppedEarlyError

    with _on_signals(end):
        try:
            yield
        except StoppedEarlyError as stopped:
            lost = stopped.__context__
            if isinstance(lost, ConnectionError):
                raise lost from lost.__cause__
            raise


@contextmanager
def _on_signals(act: Callable[[], None]) -> Iterator[None]:
    """Call a function on the first signal; a second one ends the process, wherever it is."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals; another one is stopped by its owner
        return

    seen: list[int] = []

    def handle(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        if seen:
            signal.raise_signal(number)
        seen.append(number)
        act()

    before = {each: signal.signal(each, handle) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
