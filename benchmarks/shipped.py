"""The model that ships: what it has learned, and what its features are worth.

Masked tokens and sentence order are those of held-out Wikipedia articles, as in
`albertlm evaluate pretraining`: 15 % single tokens, all replaced by `[MASK]`, in windows of 128
tokens and of all positions. The features of a sentence are the mean over its tokens of the states
after some applications of the layer, without any fine-tuning. A logistic regression on those of
20,000 rows of SST-2 predicts the sentiment of the 872 rows of its dev set. The number of
applications is the best one on a fifth of the training rows, by a regression on the others.
`random weights` are those with which a training of the same model begins.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

import common
from albertlm import AlbertModel, AlbertTokenizer, hub
from albertlm.checkpoints.huggingface import SAFETENSORS
from albertlm.evaluation.pretraining import evaluate_pretraining
from albertlm.inference.engines import open_engine
from albertlm.inference.engines.base import Engine
from albertlm.tasks.glue import SST2
from sample import held_out_tokens

SENTIMENT = common.DATA / "glue" / "SST-2"
ROWS, SELECTION, BATCH = 20_000, 4_000, 64
WINDOW = 128
DECAY = 1e-3
"""The weight of the squared coefficients in the loss of the regression."""

Features = NDArray[np.float32]


def held_out_scores(engine: Engine, tokenizer: AlbertTokenizer) -> dict[str, Any]:
    """The scores on held-out articles by the length of the windows."""
    positions = engine.config.max_position_embeddings
    with tempfile.TemporaryDirectory() as folder:
        part = held_out_tokens(Path(folder), tokenizer)
        lengths = sorted({min(WINDOW, positions), positions})
        return {
            f"{length} tokens": asdict(evaluate_pretraining(engine, tokenizer, part, length=length))
            for length in lengths
        }


@torch.inference_mode()
def features(model: AlbertModel, tokenizer: AlbertTokenizer, texts: list[str]) -> list[Features]:
    """The mean states of texts before and after each application of the layer, (N, D) each."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    found: list[list[Features]] = [[] for _ in range(model.config.num_hidden_layers + 1)]
    for start in range(0, len(order), BATCH):
        batch = [texts[row] for row in order[start : start + BATCH]]
        encoded = tokenizer(
            batch, padding=True, truncation=True, max_length=WINDOW, return_tensors="pt"
        )
        mask_BT1 = encoded["attention_mask"][:, :, None]
        states = model(**encoded, output_hidden_states=True).hidden_states
        for means, x_BTD in zip(found, states, strict=True):
            means.append(((x_BTD * mask_BT1).sum(1) / mask_BT1.sum(1)).numpy())
    places = np.argsort(order)
    return [np.concatenate(means)[places] for means in found]


def accuracy(
    training: Features,
    labels: NDArray[np.bool_],
    test: Features,
    expected: NDArray[np.bool_],
) -> float:
    """The accuracy of a logistic regression on scaled features, on other rows."""
    mean, deviation = training.mean(0), training.std(0) + 1e-6
    x, x_test = (torch.from_numpy((each - mean) / deviation) for each in (training, test))
    y = torch.from_numpy(labels).long()
    weight = torch.zeros(x.shape[1], 2, requires_grad=True)
    bias = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(x @ weight + bias, y) + DECAY * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        found = (x_test @ weight + bias).argmax(1).numpy()
    return float((found == expected).mean())


def sentiment(model: AlbertModel, tokenizer: AlbertTokenizer) -> dict[str, Any]:
    """The accuracy on SST-2 by the features of the best number of applications."""
    training, dev = (SST2.read(SENTIMENT / name) for name in ("train.tsv", "dev.tsv"))
    chosen = np.random.default_rng(0).permutation(len(training))[:ROWS]
    rows = [training[row] for row in chosen]
    labels, expected = (np.array([r.label == "positive" for r in each]) for each in (rows, dev))
    found, of_dev = (
        features(model, tokenizer, [row.texts[0] for row in each]) for each in (rows, dev)
    )
    by_depth = [
        accuracy(x[SELECTION:], labels[SELECTION:], x[:SELECTION], labels[:SELECTION])
        for x in found
    ]
    best = int(np.argmax(by_depth))
    return {
        "accuracy": accuracy(found[best], labels, of_dev[best], expected),
        "applications": best,
        "accuracy on the rows that chose them": by_depth[best],
    }


def main() -> None:
    common.require_data(SENTIMENT)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    engine = open_engine("torch", hub.SHIPPED, dtype="float32")
    trained = AlbertModel.from_pretrained(hub.SHIPPED).float()
    torch.manual_seed(0)
    untrained = AlbertModel(engine.config)
    files = [path for path in hub.SHIPPED.iterdir() if path.is_file()]
    measurements = {
        "held-out Wikipedia": held_out_scores(engine, tokenizer),
        "SST-2, frozen features": {
            "the model that ships": sentiment(trained, tokenizer),
            "random weights": sentiment(untrained.eval(), tokenizer),
        },
        "bytes": {
            "weights": {"bytes": (hub.SHIPPED / SAFETENSORS).stat().st_size},
            "folder": {"bytes": sum(path.stat().st_size for path in files)},
        },
    }
    common.record("shipped", measurements, ["torch"])


if __name__ == "__main__":
    main()
