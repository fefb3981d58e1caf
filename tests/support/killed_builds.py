"""Builds of a corpus that kill their process; a process can import this module."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from albertlm.corpus.build import BuildConfig, BuildProgress, build
from albertlm.executors import open_executor

CONFIG = BuildConfig(keep_dropped=True, task_bytes=1000)


def build_reported(inputs: list[str], folder: Path, on_report: Callable[[int], None]) -> int:
    """Build, pass on the number of each report of progress, and return their number."""
    reports = 0

    def count(_: BuildProgress) -> None:
        nonlocal reports
        reports += 1
        on_report(reports)

    with open_executor(workers=1) as executor:
        build(inputs, folder, CONFIG, executor, count)
    return reports


WRITING = [
    "albertlm.storage",
    *(f"albertlm.corpus.{name}" for name in ("build", "shards", "stages")),
]


def build_traced(inputs: list[str], folder: Path, on_call: Callable[[int], None]) -> int:
    """As `build_reported`, with the calls in modules that write files."""
    calls = 0

    def watch(frame: Any, event: str, _: Any) -> None:
        nonlocal calls
        if event in ("call", "c_call") and frame.f_globals.get("__name__") in WRITING:
            calls += 1
            on_call(calls)

    sys.setprofile(watch)
    try:
        with open_executor(workers=1) as executor:
            build(inputs, folder, CONFIG, executor)
    finally:
        sys.setprofile(None)
    return calls


def build_until(
    build_counted: Callable[..., int], inputs: list[str], folder: Path, moment: int
) -> None:
    """Kill this process at the given report or call, without a chance to clean up."""

    def stop(count: int) -> None:
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    build_counted(inputs, folder, stop)
