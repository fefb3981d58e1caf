"""Signals for tests that run beside others in one process."""

import signal


def deliver(number: int) -> None:
    """Call the handler of a signal, as Python does when one arrives.

    A real signal without a handler would end the process, and all other tests with it; real ones
    are raised in processes of their own (`tests/training/test_stopping.py`).
    """
    handler = signal.getsignal(number)
    assert callable(handler)
    handler(number, None)
