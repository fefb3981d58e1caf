"""How fast the engines are on this machine, and which of them is the fastest.

Results are remembered by the processor, the versions of the libraries and the shape of the model.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from albertlm import settings, storage
from albertlm.config import AlbertConfig
from albertlm.inference import processor
from albertlm.inference.engines import ENGINES, engine_class, is_installed
from albertlm.inference.engines.base import DTYPES, TokenizedText

SHAPES = {"1x16": (1, 16), "8x128": (8, 128)}
"""Texts and tokens of each text."""

SECONDS = 2.0
"""The time in which calls of one shape are repeated."""

RUNS = 3
"""The least number of calls of one shape."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """The seconds of a call, as percentiles, and the tokens in a second."""

    p50: float
    p95: float
    tokens_per_second: float


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What was measured of an engine in one precision, in a process of its own.

    Fields:
        start: the seconds from importing the engine to the first result.
        memory: the largest resident set of the process in bytes.
        short: calls with 1 text of 16 tokens.
        long: calls with 8 texts of 128 tokens, or as many as the model reads.
    """

    start: float
    memory: int
    short: Latency
    long: Latency

    @property
    def score(self) -> float:
        """The geometric mean of both latencies, by which `auto` chooses."""
        return math.sqrt(self.short.p50 * self.long.p50)


def contestants() -> list[tuple[str, str]]:
    """The installed engines with each precision that they and the processor have."""
    return [
        (name, dtype)
        for name in ENGINES
        if is_installed(name)
        for dtype in DTYPES[name]
        if dtype != "float16" and (dtype != "bfloat16" or processor.has_bfloat16())
    ]


def measure(folder: Path, name: str, dtype: str, *, seconds: float = SECONDS) -> Speed:
    """Measure an engine in a new process.

    Args:
        folder: the folder of the model.
        name: one of `ENGINES`.
        dtype: a precision of the engine.
        seconds: the time in which calls of one shape are repeated.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measure_here, folder, name, dtype, seconds).result()


def _measure_here(folder: Path, name: str, dtype: str, seconds: float) -> Speed:
    begin = time.perf_counter()
    engine = engine_class(name).from_folder(folder, dtype=dtype)
    random = np.random.default_rng(0)

    def texts(count: int, length: int) -> list[TokenizedText]:
        length = min(length, engine.config.max_position_embeddings)
        ids = random.integers(engine.config.vocab_size, size=(count, length))
        return [TokenizedText(row, [0] * length) for row in ids.tolist()]

    def latency(count: int, length: int) -> Latency:
        batch = texts(count, length)
        times: list[float] = []
        engine.states(batch)
        while len(times) < RUNS or sum(times) < seconds:
            before = time.perf_counter()
            engine.states(batch)
            times.append(time.perf_counter() - before)
        p50, p95 = np.percentile(times, (50, 95)).tolist()
        tokens = sum(len(text.input_ids) for text in batch)
        return Latency(p50=p50, p95=p95, tokens_per_second=tokens / float(np.mean(times)))

    engine.states(texts(*SHAPES["1x16"]))
    start = time.perf_counter() - begin
    short, long = (latency(*shape) for shape in SHAPES.values())
    return Speed(start=start, memory=peak_memory(), short=short, long=long)


def peak_memory() -> int:
    """The largest resident set of this process in bytes.

    `getrusage` would count that of the process that started this one, too.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def remember(config: AlbertConfig, measured: dict[tuple[str, str], Speed]) -> None:
    """Keep what was measured for models of this shape, if the folder for caches can be written."""
    rows = {" ".join(pair): dataclasses.asdict(speed) for pair, speed in measured.items()}
    with suppress(OSError):
        storage.write_json(_path(config), rows)


def recall(config: AlbertConfig) -> dict[tuple[str, str], Speed]:
    """What was measured for models of this shape, by engine and precision; empty if nothing was."""
    if not storage.cache_folder("speed").is_dir():
        return {}  # without looking up versions
    try:
        rows = storage.read_json(_path(config))
        found = {tuple(key.split()): settings.from_json(Speed, row) for key, row in rows.items()}
    except (FileNotFoundError, ValueError):  # nothing, or what another version wrote
        return {}
    return {pair: speed for pair, speed in found.items() if pair in contestants()}


def choose(folder: Path, dtype: str) -> tuple[str, str]:
    """The engine on the CPU for a precision, and the precision if it is `auto`.

    That is the fastest one of those that were measured, without int8 if the precision is `auto`.
    If none was, it is NumPy for `auto`, and otherwise the first engine that has the precision.

    Raises:
        ValueError: the configuration of the model is not valid.
    """
    config = AlbertConfig.from_folder(folder)
    allowed = [
        (name, each)
        for name, each in contestants()
        if each == dtype or (dtype == "auto" and each != "int8")
    ]
    measured = {pair: speed for pair, speed in recall(config).items() if pair in allowed}
    if measured:
        return min(measured, key=lambda pair: measured[pair].score)
    # PyTorch emulates bfloat16, and says which precisions there are
    return allowed[0] if allowed else ("torch", dtype)


def _path(config: AlbertConfig) -> Path:
    """The file for a model of this shape on this machine."""
    from importlib.metadata import version

    libraries = [kind.library for name, kind in ENGINES.items() if is_installed(name)]
    made_from = [
        processor.name(),
        len(os.sched_getaffinity(0)),
        [version(library) for library in libraries],
        [
            config.hidden_size,
            config.intermediate_size,
            config.embedding_size,
            config.num_attention_heads,
            config.num_hidden_layers,
            config.inner_group_num,
            config.num_hidden_groups,
            config.activation,
        ],
    ]
    key = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]
    return storage.cache_folder("speed") / f"{key}.json"
