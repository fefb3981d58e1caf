"""Whole processes that fill one mask: `albertlm fill-mask` against transformers' pipeline.

Both start from nothing, load the same folder, fill the card's mask and print the result. Measured
are the wall time and the peak memory (maximum resident set) of each process.
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

import numpy as np

import common
from albertlm import AlbertConfig, AlbertTokenizer, costs, hub
from albertlm.checkpoints import huggingface, names

TEXT = "Hello I'm a [MASK] model."
PEER = """
import json, sys
from transformers import pipeline
print(json.dumps(pipeline("fill-mask", model=sys.argv[1])(sys.argv[2])))
"""
DATA = Path(os.environ.get("ALBERTLM_DATA", Path(__file__).parents[2] / "shared" / "data"))


class Run(NamedTuple):
    """What one process took and said."""

    seconds: float
    mebibytes: float
    tokens: list[int]


def commands(folder: Path) -> dict[str, list[str]]:
    """The contestants. The command is that of this Python's environment."""
    albertlm = [str(Path(sys.executable).parent / "albertlm"), "fill-mask", TEXT]
    albertlm += ["--model", str(folder), "--json"]
    return {
        "albertlm": albertlm,
        "albertlm --engine torch": [*albertlm, "--engine", "torch"],
        "transformers": [sys.executable, "-c", PEER, str(folder), TEXT],
    }


def measure(command: list[str]) -> Run:
    """One process, from its start to its end."""
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
    """Medians of all contestants on a folder, run in turns; the first round warms the disk up."""
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


def write_random_base(folder: Path) -> None:
    """A model of the size of albert-base with random weights, written without torch: what this
    process has in memory would count as its children's.
    """
    config = AlbertConfig.preset("albert-base-v2")
    random = np.random.default_rng(0)
    tensors = {
        names.PREFIX * (names.part_of(name) in {"backbone", "pooler"}) + name: random.normal(
            float("LayerNorm.weight" in name or "layer_norm.weight" in name), 0.02, shape
        ).astype(np.float32)
        for name, shape in costs.parameter_shapes(config).items()
    }
    huggingface.write(folder, tensors)
    config.save_pretrained(folder, "AlbertForPreTraining")
    shipped = hub.SHIPPED / "spiece.model"
    vocabulary = shipped if shipped.exists() else DATA / "albert-vocab" / "spiece.model"
    AlbertTokenizer(vocabulary).save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        write_random_base(Path(folder))
        measurements = {"albert-base size": compare(Path(folder), rounds)}
    if (hub.SHIPPED / "model.safetensors").exists():
        measurements["the model that ships"] = compare(hub.SHIPPED, rounds)
    for title, rows in measurements.items():
        for name, row in rows.items():
            print(f"{title:20} {name:24}", *(f"{key}={value}" for key, value in row.items()))
    common.record("cold_start", measurements, ["numpy", "torch", "transformers"])


if __name__ == "__main__":
    main()
