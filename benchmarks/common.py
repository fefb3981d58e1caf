"""Shared by the benchmarks: measure in turns, describe the machine, and write the results."""

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

import numpy as np

from albertlm import AlbertConfig, AlbertTokenizer, costs, hub, storage
from albertlm.checkpoints import huggingface, names
from albertlm.inference import processor

RESULTS = Path(__file__).parent / "results"

DATA = Path(os.environ.get("ALBERTLM_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""The folder of third-party data, which is not in the repository."""


def require_data(*paths: Path) -> None:
    """Exit with one line unless files or folders of `DATA` are there."""
    for path in paths:
        if not path.exists():
            raise SystemExit(f"there is no {path}; set ALBERTLM_DATA to the folder of the data")


def record(name: str, measurements: Mapping[str, Any], packages: Sequence[str]) -> None:
    """Write `results/NAME.json`.

    Args:
        name: the name of the benchmark's file.
        measurements: the measurements, with units in the keys.
        packages: the distributions whose versions matter, besides Python and albertlm.
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
    """The processor, the number of cores available to this process, and the memory in GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": processor.name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
    }


def alternating_medians(rounds: int, **contestants: Callable[[], object]) -> dict[str, float]:
    """The median seconds of each contestant, run alternately so that slow periods affect them all.

    The first round is a warm-up and is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


TINY = "tiny"
"""The name of a size that only shows whether a benchmark works."""


def write_random(folder: Path, size: str) -> None:
    """Write a model of the size of a released one, or of `TINY`, with random weights.

    A tokenizer lies beside it. This does not import torch, since the memory of this process would
    be counted as its children's.
    """
    config = AlbertConfig.preset("albert-base-v2" if size == TINY else size)
    if size == TINY:
        config = config.changed(hidden_size=64, intermediate_size=256, num_attention_heads=2)
    tensors = random_tensors(costs.parameter_shapes(config))
    huggingface.write(folder, tensors)
    config.save_pretrained(folder, architecture="AlbertForPreTraining")
    shipped = hub.SHIPPED / "spiece.model"
    vocabulary = shipped if shipped.exists() else DATA / "albert-vocab" / "spiece.model"
    AlbertTokenizer(vocabulary).save_pretrained(folder)


def random_tensors(shapes: names.Shapes) -> dict[str, np.ndarray]:
    """Normal numbers by the names of files, around 1 for the weights of LayerNorm, else 0."""
    random = np.random.default_rng(0)
    return {
        names.PREFIX * (names.part_of(name) in {*names.BACKBONE, "pooler"}) + name: random.normal(
            float("LayerNorm.weight" in name or "layer_norm.weight" in name), 0.02, shape
        ).astype(np.float32)
        for name, shape in shapes.items()
    }
