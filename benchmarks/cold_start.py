"""Fill a mask in a new process: `albertlm fill-mask` against transformers' pipeline.

Each process loads the same folder, fills the mask of the model card's example and prints the
result, computed in float32. Its wall time and peak memory (maximum resident set) are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import common
from albertlm import hub

TEXT = "Hello I'm a [MASK] model."
PEER = """
import json, sys
from transformers import pipeline
print(json.dumps(pipeline("fill-mask", model=sys.argv[1], dtype="float32")(sys.argv[2])))
"""


class Run(NamedTuple):
    """The time, memory and answers of a process."""

    seconds: float
    mebibytes: float
    tokens: list[int]


def commands(folder: Path) -> dict[str, list[str]]:
    """The commands of the contestants, from the environment of this Python."""
    albertlm = [str(Path(sys.executable).parent / "albertlm"), "fill-mask", TEXT]
    albertlm += ["--model", str(folder), "--dtype", "float32", "--json"]
    return {
        "albertlm": albertlm,
        "albertlm --engine torch": [*albertlm, "--engine", "torch"],
        "transformers": [sys.executable, "-c", PEER, str(folder), TEXT],
    }


def measure(command: list[str]) -> Run:
    """Run a process and measure it from start to end."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    fills = json.loads(output)
    tokens = [fill["token"] for fill in (fills[0] if isinstance(fills[0], list) else fills)]
    return Run(seconds, usage.ru_maxrss / 1024, tokens)


def compare(folder: Path, rounds: int) -> dict[str, Any]:
    """The medians of all contestants, run alternately; the first round fills the disk cache."""
    runs: dict[str, list[Run]] = {name: [] for name in commands(folder)}
    for _ in range(rounds + 1):
        for name, command in commands(folder).items():
            runs[name].append(measure(command))
    answers = {tuple(run.tokens) for each in runs.values() for run in each}
    if len(answers) > 1:
        raise SystemExit(f"the contestants disagree about {folder}: {answers}")
    medians = {
        name: {
            "seconds": round(statistics.median(run.seconds for run in each[1:]), 3),
            "peak_mib": round(statistics.median(run.mebibytes for run in each[1:]), 1),
        }
        for name, each in runs.items()
    }
    peer = medians["transformers"]
    return {
        name: {
            **values,
            "seconds_ratio": round(values["seconds"] / peer["seconds"], 3),
            "peak_ratio": round(values["peak_mib"] / peer["peak_mib"], 3),
        }
        for name, values in medians.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        common.write_random(Path(folder), "albert-base-v2")
        measurements = {"albert-base size": compare(Path(folder), rounds)}
    if (hub.SHIPPED / "model.safetensors").exists():
        measurements["the model that ships"] = compare(hub.SHIPPED, rounds)
    for title, rows in measurements.items():
        for name, row in rows.items():
            print(f"{title:20} {name:24}", *(f"{key}={value}" for key, value in row.items()))
    common.record("cold_start", measurements, ["numpy", "torch", "transformers"])


if __name__ == "__main__":
    main()
