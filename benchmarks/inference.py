"""Hidden states of albert-large with random weights: the engines, and what other programs offer.

![Milliseconds of each contestant and shape](inference.png)

The contestants are described in `inference_peers.py`. They run in turns on random texts of one
length, and on batches of 32 real texts as they come, which they pad or pack; then once more with a
second process beside them, which computes 8 texts of 128 tokens again and again. ONNX Runtime is
not run on 32 texts of 128 tokens. The matrix rate is the number of multiplications and additions
in the products of all layers in a second; that of the products alone is the larger one of
OpenVINO's and PyTorch's. Memory is the largest resident set of a process that computes 8 texts of
128 tokens, above that of an empty Python, and the start is the time of that process up to its first
result: the contestants are cold there, and warm elsewhere. The agreement with float32 is that of
the model that ships. The goals are ratios to a peer, MiB or megabytes. `cold_start.py` measures the
whole `albertlm fill-mask`.

    python benchmarks/inference.py [--preset PRESET] [--rounds ROUNDS]
"""

from __future__ import annotations

import argparse
import csv
import json
import lzma
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import common
import sample
from albertlm import AlbertConfig, AlbertTokenizer, hub
from albertlm.export import package
from albertlm.inference import processor
from albertlm.inference.engines import engine_class
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.speed import peak_memory
from inference_peers import ALL, HALF, OURS, TRANSFORMERS, UNROLLED, States, contestant, padded

PICTURE = Path(__file__).parents[1] / "docs" / "inference.png"
SHAPES = {(1, 16): 5, (1, 128): 3, (8, 128): 1, (32, 128): 1}
"""Texts, tokens of each text, and how many times as many rounds as those of the longest."""

PEERS = (UNROLLED, TRANSFORMERS)
NO_RUNTIME = (OURS[0], OURS[1], *PEERS)
BATCH = 32
BATCHES = {"SST-2 dev": 4, "SQuAD contexts": 2, "Wikipedia sentences": 4}
LARGEST = "albert-xxlarge-v2"

BF16, INT8 = OURS[:2]
GOALS: dict[str, tuple[tuple[str, ...], float, float]] = {
    f"{title} {shape}": (("random texts", shape, row, f"by_{peer}"), *goals)
    for title, row, peer, of_shapes in (
        ("bf16 by OpenVINO unrolled", BF16, UNROLLED, ((0.62, 0.55), (0.9, 0.75), (1.0, 0.97))),
        ("bf16 by transformers", BF16, TRANSFORMERS, ((0.45, 0.4), (0.72, 0.5), (0.48, 0.4))),
        ("int8 by OpenVINO unrolled", INT8, UNROLLED, ((0.42, 0.35), (0.6, 0.5), (0.75, 0.7))),
    )
    for shape, goals in zip(("1x16", "1x128", "32x128"), of_shapes, strict=True)
}
"""Where a measurement is, and the goal for it without and with AMX."""
GOALS |= {
    "share of the matrix rate at 32x128": (("matrix rate at 32x128", "share"), 0.9, 0.8),
    **{
        f"{kind} by OpenVINO unrolled": (("real texts", kind, BF16, f"by_{UNROLLED}"), goal, goal)
        for kind, goal in zip(BATCHES, (0.55, 0.47, 0.42), strict=True)
    },
    "MiB above Python, large": (("processes", BF16, "mib_above_python"), 150, 150),
    "MiB above Python, xxlarge": (("processes of xxlarge", BF16, "mib_above_python"), 700, 700),
    "megabytes in int8, ONNX": (("megabytes of exports", "onnx, int8"), 20, 20),
    "megabytes in int8, OpenVINO": (("megabytes of exports", "openvino, int8"), 20, 20),
}


def random_texts(count: int, length: int) -> list[TokenizedText]:
    ids = np.random.default_rng(0).integers(5, 30_000, (count, length)).tolist()
    return [TokenizedText(row, [0] * length) for row in ids]


def real_texts(kind: str) -> Iterator[str]:
    """The texts of a kind, in the order of their files."""
    match kind:
        case "SST-2 dev":
            with (common.DATA / "glue" / "SST-2" / "dev.tsv").open(encoding="utf-8") as file:
                yield from (row["content"] for row in csv.DictReader(file, delimiter="\t"))
        case "SQuAD contexts":
            with lzma.open(common.DATA / "squad" / "dev-v1.1.json.xz", "rt") as file:
                articles = json.load(file)["data"]
            yield from (each["context"] for article in articles for each in article["paragraphs"])
        case _:
            yield from sample.wikipedia_sentences()


def real_batches(kind: str, tokenizer: AlbertTokenizer) -> list[list[TokenizedText]]:
    count = BATCH * BATCHES[kind]
    texts = list(islice((text for text in real_texts(kind) if text.strip()), count))
    encoded = tokenizer(texts, truncation=True, max_length=512)
    rows = [TokenizedText(ids, [0] * len(ids)) for ids in encoded["input_ids"]]
    return [rows[start : start + BATCH] for start in range(0, count, BATCH)]


def latencies(
    contestants: dict[str, States], shapes: dict[tuple[int, int], int], rounds: int
) -> dict[str, Any]:
    """Milliseconds of each contestant and shape, and their ratio to those of the peers."""
    results = {}
    for (count, length), times in shapes.items():
        texts = random_texts(count, length)
        runs = {
            name: partial(run, texts)
            for name, run in contestants.items()
            if count < BATCH or name in NO_RUNTIME
        }
        shape = f"{count}x{length}"
        results[shape] = compared(common.alternating_medians(times * rounds, **runs))
        print(shape, results[shape], flush=True)
    return results


def ragged(contestants: dict[str, States], folder: Path, rounds: int) -> dict[str, Any]:
    """Milliseconds for batches of real texts, and slots for each token if they are padded."""
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    results = {}
    for kind in BATCHES:
        batches = real_batches(kind, tokenizer)

        def run_all(run: States, batches: Sequence[list[TokenizedText]] = batches) -> None:
            for batch in batches:
                run(batch)

        runs = {name: partial(run_all, run) for name, run in contestants.items()}
        slots = sum(padded(batch)["input_ids"].size for batch in batches)
        tokens = sum(len(text.input_ids) for batch in batches for text in batch)
        rows = compared(common.alternating_medians(rounds, **runs))
        results[kind] = {
            name: row | {"slots a token if padded": round(slots / tokens, 2)}
            for name, row in rows.items()
        }
        print(kind, results[kind], flush=True)
    return results


def compared(medians: dict[str, float]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "ms": round(1000 * seconds, 2),
            **{
                f"by_{peer}": round(seconds / medians[peer], 3) for peer in PEERS if peer in medians
            },
        }
        for name, seconds in medians.items()
    }


@contextmanager
def beside(folder: Path) -> Iterator[None]:
    """A process that computes on all cores until the block ends."""
    process = subprocess.Popen([sys.executable, __file__, "--busy", "--folder", str(folder)])
    try:
        time.sleep(5)
        yield
    finally:
        process.kill()
        process.wait()


def matrix_rate(config: AlbertConfig, ms: float, rounds: int) -> dict[str, float]:
    """The rate of the encoder's products in billions a second, and that of the products alone."""
    import openvino
    import torch
    from openvino import opset13 as ops

    tokens, D, F = 32 * 128, config.hidden_size, config.intermediate_size
    random = np.random.default_rng(0)
    x = {size: random.normal(size=(tokens, size)).astype(np.float32) for size in (D, F)}
    shapes = ((3 * D, D), (D, D), (F, D), (D, F))
    weights = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    models = []
    hint = {"float32": "f32", "bfloat16": "bf16"}[HALF]
    for weight in weights:
        rows = ops.parameter([-1, weight.shape[1]], np.float32)
        product = ops.matmul(rows, ops.constant(weight), False, True)
        model = openvino.Model([ops.reduce_max(product, np.array([0, 1]))], [rows], "product")
        properties = {"INFERENCE_PRECISION_HINT": hint}
        models.append((openvino.Core().compile_model(model, "CPU", properties), weight.shape[1]))
    dtype = getattr(torch, HALF)
    tensors = [torch.from_numpy(weight).to(dtype) for weight in weights]
    inputs = {size: torch.from_numpy(rows).to(dtype) for size, rows in x.items()}

    def by_openvino() -> None:
        for model, size in models:
            model([x[size]])

    def by_torch() -> None:
        for tensor in tensors:
            torch.nn.functional.linear(inputs[tensor.shape[1]], tensor)

    medians = common.alternating_medians(5 * rounds, openvino=by_openvino, torch=by_torch)
    operations = 2 * tokens * sum(weight.size for weight in weights)
    encoder = operations * config.num_hidden_layers / (ms / 1000)
    alone = operations / min(medians.values())
    return {
        "encoder, billions a second": round(encoder / 1e9),
        "products alone, billions a second": round(alone / 1e9),
        "share": round(encoder / alone, 3),
    }


def in_own_process(name: str, folder: Path) -> None:
    """Print the start and the peak memory of a contestant, as JSON."""
    begin = time.perf_counter()
    run = contestant(name, folder)
    run(random_texts(1, 16))
    seconds = time.perf_counter() - begin
    run(random_texts(8, 128))
    print(json.dumps({"start_s": round(seconds, 3), "peak_mib": round(peak_memory() / 2**20, 1)}))


def processes(names: Sequence[str], folder: Path, rounds: int) -> dict[str, Any]:
    """The medians of the start and the memory of processes that run one contestant each."""
    code = "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    empty = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    above = int(empty.stdout) / 1024
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            command = [sys.executable, __file__, "--alone", name, "--folder", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(found, flush=True)
    return {
        name: {
            "start_s": statistics.median(run["start_s"] for run in runs),
            "mib_above_python": round(
                statistics.median(run["peak_mib"] for run in runs) - above, 1
            ),
        }
        for name, runs in found.items()
    }


def agreement() -> dict[str, Any]:
    """How the predictions and features of the model that ships agree with float32."""
    from albertlm.inference import accuracy

    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    sentences = accuracy.SENTENCES.read_text(encoding="utf-8").splitlines()
    reference = engine_class("openvino").from_folder(hub.SHIPPED, dtype="float32")
    results = {}
    for row in OURS:
        name, dtype = row.split()
        if dtype != "float32":
            engine = engine_class(name).from_folder(hub.SHIPPED, dtype=dtype)
            found = accuracy.measure(engine, reference, tokenizer, sentences)
            results[row] = {"masks": found.masks, "cosine": found.cosine}
    return results


def sizes(folder: Path) -> dict[str, float]:
    """Megabytes of exports: the graph with its weights, and the vocabulary in `spiece.model`."""
    results = {}
    formats: tuple[package.Format, ...] = ("onnx", "openvino")
    for to in formats:
        for int8 in (False, True):
            with tempfile.TemporaryDirectory() as temporary:
                output = Path(temporary)
                package.write(folder, output, to, task="feature-extraction", int8=int8)
                files = [*package.FILES[to], "spiece.model"]
                size = sum((output / name).stat().st_size for name in files)
                results[f"{to}, {'int8' if int8 else 'half precision'}"] = round(size / 1e6, 1)
    return results


def goals(measurements: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The goals for this kind of machine beside what was measured."""
    results = {}
    for title, (place, *limits) in GOALS.items():
        value: Any = measurements
        for key in place:
            value = value.get(key, {})
        if not isinstance(value, dict):
            results[title] = {"measured": value, "goal": limits[processor.has_amx()]}
    return results


def draw(measurements: dict[str, Any], path: Path) -> None:
    """Plot the milliseconds of each contestant for each shape."""
    import matplotlib.style
    from matplotlib.figure import Figure

    from albertlm.reporting.figures import COLOURS, STYLE, save_figure

    shapes = measurements["random texts"]
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(11, 3.4), layout="constrained")
        panels = figure.subplots(1, len(shapes))
        for panel, (shape, rows) in zip(panels, shapes.items(), strict=True):
            ms = [rows[name]["ms"] if name in rows else 0 for name in ALL]
            colours = [COLOURS[0] if name in OURS else COLOURS[1] for name in ALL]
            bars = panel.barh(range(len(ALL)), ms, color=colours)
            panel.bar_label(bars, [f"{value:,.4g}" if value else "" for value in ms], padding=2)
            panel.set_yticks(range(len(ALL)), ALL if panel is panels[0] else [""] * len(ALL))
            panel.invert_yaxis()
            panel.set(title=shape, xlabel="ms", xmargin=0.25)
            panel.grid(axis="y", visible=False)
        save_figure(figure, path)


def measure(preset: str, rounds: int) -> dict[str, Any]:
    """All measurements."""
    few = max(1, rounds // 2)
    with tempfile.TemporaryDirectory() as temporary:
        folder, largest = Path(temporary, "model"), Path(temporary, "largest")
        common.write_random(folder, preset)
        common.write_random(largest, preset if preset == common.TINY else LARGEST)
        config = AlbertConfig.from_pretrained(folder)
        results: dict[str, Any] = {
            "model": preset,
            "AMX": processor.has_amx(),
            "processes": processes(["numpy float32", *ALL], folder, few),
            "processes of xxlarge": processes(["numpy float32", *OURS[:2]], largest, 1),
            "megabytes of exports": sizes(folder),
        }
        contestants = {name: contestant(name, folder) for name in ALL}
        results["random texts"] = latencies(contestants, SHAPES, rounds)
        ms = results["random texts"]["32x128"][BF16]["ms"]
        results["matrix rate at 32x128"] = matrix_rate(config, ms, rounds)
        if common.DATA.is_dir():
            pair = {name: contestants[name] for name in (BF16, UNROLLED)}
            results["real texts"] = ragged(pair, folder, few)
        four = {name: contestants[name] for name in NO_RUNTIME}
        with beside(folder):
            results["with a second process"] = latencies(four, dict.fromkeys(SHAPES, 1), few)
    results["agreement with float32"] = agreement()
    return {"goals": goals(results), **results}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="albert-large-v2", help="or tiny, to try the script")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", help="run one contestant and print its start and memory")
    parser.add_argument("--busy", action="store_true", help="compute until the process is ended")
    parser.add_argument("--folder", type=Path, help="the model of --alone and --busy")
    options = parser.parse_args()
    if options.alone:
        in_own_process(options.alone, options.folder)
        return
    if options.busy:
        run, texts = contestant(BF16, options.folder), random_texts(8, 128)
        while True:
            run(texts)
    measurements = measure(options.preset, options.rounds)
    print(measurements["goals"])
    draw(measurements, PICTURE)
    versions = ("numpy", "openvino", "onnxruntime", "torch", "transformers")
    common.record("inference", measurements, versions)


if __name__ == "__main__":
    main()
