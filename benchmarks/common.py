"""What every benchmark shares: the machine it ran on, and the file its numbers go to."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from albertlm import storage

RESULTS = Path(__file__).parent / "results"


def record(name: str, measurements: Mapping[str, Any], packages: Sequence[str]) -> None:
    """Write `results/NAME.json`.

    Args:
        name: of the benchmark, as its file.
        measurements: what was measured, with units in the keys.
        packages: the distributions whose versions matter; Python and albertlm are always there.
    """
    versions = {"python": platform.python_version()}
    versions |= {each: importlib.metadata.version(each) for each in ("albertlm", *packages)}
    result = {
        "machine": machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": versions,
        "measurements": dict(measurements),
    }
    storage.write_json(RESULTS / f"{name}.json", result)
    print(f"written to {RESULTS / name}.json")


def machine() -> dict[str, Any]:
    """The processor, how many of its cores may be used, and the memory in GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
    }


def alternating_medians(rounds: int, **contestants: Callable[[], object]) -> dict[str, float]:
    """The median seconds of each contestant, run in turns so that a slow minute hits all of them.

    The first round warms up and does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
