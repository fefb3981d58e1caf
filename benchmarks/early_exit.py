"""Early exits by confidence, without training for them: agreement with full depth against speed.

![Agreement with full depth against the time, for each threshold](early_exit.png)

Masks in sentences of Wikipedia are filled by the model that ships, one sentence at a time, at
several thresholds of `exit_at`. With `--classifier`, a model that was fine-tuned on SST-2 labels
the sentences of its dev data, too. `agreement` is the share of the best tokens or labels that are
those at full depth; `applications` is the mean share of the applications that are computed.

    python benchmarks/early_exit.py [--sentences N] [--classifier FOLDER]
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import common
import sample
from albertlm import pipeline
from albertlm.inference import processor
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.engines.openvino import OpenVinoEngine
from albertlm.inference.pipelines.base import Pipeline

PICTURE = Path(__file__).parents[1] / "docs" / "early_exit.png"
FULL = "full depth"
THRESHOLDS = (0.2, 0.3, 0.5, 0.7, 0.9)

Predict = Callable[[float | None], list[Any]]


class Counting(OpenVinoEngine):
    """OpenVINO, which counts the applications for each text."""

    applications = 0

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Any]:
        self.applications += (depth or self.config.num_hidden_layers) * len(texts)
        return super().states(texts, positions, depth)

    def resume(self, states: Sequence[Any], applications: int) -> list[Any]:
        self.applications += applications * len(states)
        return super().resume(states, applications)


def masked_sentences(count: int) -> list[str]:
    """Sentences of 8 to 40 words, with a mask in the place of one of them."""
    random = np.random.default_rng(0)
    texts = []
    for words in map(str.split, sample.wikipedia_sentences()):
        if 8 <= len(words) <= 40:
            words[random.integers(1, len(words) - 1)] = "[MASK]"
            texts.append(" ".join(words))
        if len(texts) == count:
            break
    return texts


def sst2_sentences(count: int) -> list[str]:
    with (common.DATA / "glue" / "SST-2" / "dev.tsv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [row["content"] for row in islice(rows, count)]


def curve(opened: Pipeline, engine: Counting, predict: Predict, rounds: int) -> dict[str, Any]:
    """The agreement, the applications and the time for each threshold."""
    runs = {f"{threshold}": partial(predict, threshold) for threshold in THRESHOLDS}
    runs[FULL] = partial(predict, None)
    medians = common.alternating_medians(rounds, **runs)
    exact = predict(None)
    results = {}
    for name, run in runs.items():
        engine.applications = 0
        found = run()
        same = np.mean([ours == theirs for ours, theirs in zip(found, exact, strict=True)])
        share = engine.applications / len(found) / opened.engine.config.num_hidden_layers
        results[name] = {
            "agreement": round(float(same), 4),
            "applications": round(share, 3),
            "time by full depth": round(medians[name] / medians[FULL], 3),
        }
        print(name, results[name], flush=True)
    return results


def measure(task: str, model: Path | None, texts: list[str], rounds: int) -> dict[str, Any]:
    opened: Any = pipeline(task, model, engine="numpy")  # type: ignore[call-overload]
    dtype = "bfloat16" if processor.has_bfloat16() else "float32"
    engine = Counting(opened.engine.config, opened.engine.parameters, dtype)
    opened.engine = engine

    def predict(threshold: float | None) -> list[Any]:
        found = (opened([text], top_k=1, exit_at=threshold)[0][0] for text in texts)
        return [each.get("token", each.get("label")) for each in found]

    return curve(opened, engine, predict, rounds)


def draw(measurements: dict[str, Any], path: Path) -> None:
    """Plot agreement against time."""
    import matplotlib.style
    from matplotlib.figure import Figure

    from albertlm.reporting.figures import COLOURS, STYLE, save_figure

    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        panel = figure.subplots()
        panel.plot(1, 1, "x", color="black", label=FULL)
        for (task, rows), colour in zip(measurements.items(), COLOURS, strict=False):
            # thresholds at which all texts stop at the same depth are one point
            points = {row["applications"]: name for name, row in rows.items() if name != FULL}
            shown = {name: rows[name] for name in points.values()}
            times = [row["time by full depth"] for row in shown.values()]
            shares = [row["agreement"] for row in shown.values()]
            panel.plot(times, shares, "o-", color=colour, label=task)
            for name, time, share in zip(shown, times, shares, strict=True):
                panel.annotate(name, (time, share), xytext=(4, -9), textcoords="offset points")
        panel.set(xlabel="time by that at full depth", ylabel="agreement with full depth")
        panel.legend(loc="lower right")
        save_figure(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--classifier", type=Path)
    options = parser.parse_args()
    texts = masked_sentences(options.sentences)
    measurements = {"fill-mask": measure("fill-mask", None, texts, options.rounds)}
    if options.classifier:
        texts = sst2_sentences(options.sentences)
        task = "text-classification"
        measurements[task] = measure(task, options.classifier, texts, options.rounds)
    draw(measurements, PICTURE)
    common.record("early_exit", measurements, ["numpy", "openvino"])


if __name__ == "__main__":
    main()
