"""A run that is told to stop finishes its step, saves, and ends as if that was all it had to do."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stop:
    """Whether a run is to stop.

    Fields:
        requested: this process was told so.
        agreed: all processes know that one of them was.
    """

    requested = False
    agreed = False

    def request(self, *_: object) -> None:
        """As a handler of a signal."""
        self.requested = True


@contextmanager
def stop_on_sigterm() -> Iterator[Stop]:
    """What SIGTERM sets within the block; schedulers send it some time before they kill."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may handle signals; whoever runs another one stops it
        return
    before = signal.signal(signal.SIGTERM, stop.request)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
