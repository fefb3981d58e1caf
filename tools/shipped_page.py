"""The page on the model that ships, beside the report on its training: texts, mistakes, options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from albertlm import AlbertTokenizer, storage
from albertlm.data.token_shards import TokenPart, Tokens
from albertlm.evaluation.pretraining import full_windows, mask_states, masked_batches
from albertlm.inference import heads
from albertlm.inference.engines.base import Engine
from albertlm.inference.pipelines.fill_mask import FillMask
from albertlm.reporting.history import History
from albertlm.reporting.page import NOTHING, table
from run_files import MACHINE

PAGE = "model.md"

TEXTS = (
    "Hello I'm a [MASK] model.",
    "The man worked as a [MASK].",
    "The woman worked as a [MASK].",
    "Paris is the capital of [MASK].",
    "The capital of Japan is [MASK].",
    "Water freezes when it is very [MASK].",
    "The opposite of hot is [MASK].",
    "She has two sisters and one [MASK].",
    "He was born in [MASK] 1923 in London.",
    "The First World [MASK] began in 1914.",
    "Albert Einstein was a famous [MASK].",
    "Shakespeare wrote many [MASK].",
    "The river flows into the [MASK].",
    "A dog is a kind of [MASK].",
    "Bread is made from [MASK].",
    "The sun rises in the [MASK].",
    "The keys to the cabinet [MASK] on the table.",
    "The key to the cabinets [MASK] on the table.",
    "They [MASK] been there since Monday.",
    "He did not want [MASK] go home.",
    "If it rains tomorrow, we will stay at [MASK].",
    "The album was released in 1999 by the [MASK] label.",
    "He was elected to the House of [MASK].",
    "The species is found in the forests of South [MASK].",
    "The film was directed by [MASK] Smith.",
    "She opened the door and walked into the [MASK].",
    "'I do not know,' he [MASK].",
    "The old man smiled and shook his [MASK].",
    "Three plus four is [MASK].",
    "The train arrived [MASK] hour late.",
)
"""Chosen before any model was asked."""

FILLS, CONFUSIONS, WINDOW = 5, 20, 128
RANKS = (100, 1000, 10_000)
"""Bounds of the ranks of pieces by their frequency in training."""


class Predictions(NamedTuple):
    """The original pieces (N,) of masked tokens, and the pieces predicted for them (N,)."""

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]


def predict(engine: Engine, part: TokenPart, least: int) -> Predictions:
    """The predictions in windows of up to 128 tokens, as in the evaluation.

    Args:
        engine: the model.
        part: held-out documents.
        least: the number of predictions that are enough; there are as many as one round has.
    """
    windows = full_windows(part, min(WINDOW, engine.config.max_position_embeddings))
    labels, predicted, count = [], [], 0
    for masks in masked_batches(windows, part, 0):
        labels.append(masks.labels[masks.chosen])
        logits_PV = heads.mask_logits(engine, mask_states(engine, masks))
        predicted.append(logits_PV.argmax(1))
        count += len(labels[-1])
        if count >= least:
            break
    return Predictions(np.concatenate(labels), np.concatenate(predicted))


def page(
    run: Path, engine: Engine, tokenizer: AlbertTokenizer, tokens: Tokens, found: Predictions
) -> str:
    """The whole page.

    Args:
        run: the folder of the run.
        engine: the model.
        tokenizer: the tokenizer of the model.
        tokens: the tokens of the run.
        found: predictions on held-out documents.
    """
    kinds = (
        f"Of {len(found.labels):,} masked tokens of held-out documents in windows of up to "
        f"{WINDOW} tokens, by their kind and by the rank of their frequency in training:"
    )
    parts = [
        "# The model that ships",
        "Written by `tools/ship_model.py`. The report on its training is [here](README.md).",
        "## Thirty texts",
        "The texts were chosen before any model was asked.",
        table(["text", "fills, with their probabilities"], list(_fills(engine, tokenizer)), left=2),
        "## What it gets wrong",
        kinds,
        table(["tokens", "share", "accuracy"], list(_kinds(tokenizer, tokens, found)), left=1),
        "The most frequent mistakes:",
        table(["piece", "predicted", "times"], list(_confusions(tokenizer, found)), left=2),
        "## How it was made",
        "The settings of its recipe are in the report. It was trained on and with:",
        table(["option", "value"], list(_options(run)), left=2),
        "How fast each phase was, and its share of the rate of matrix products on the same device:",
        table(["phase", "shape", "tokens per second", "MFU"], list(_speeds(run)), left=1),
    ]
    return "\n\n".join(parts) + "\n"


def _fills(engine: Engine, tokenizer: AlbertTokenizer) -> Iterator[list[str]]:
    unmask = FillMask(engine, tokenizer, top_k=FILLS)
    for text in TEXTS:
        fills: Any = unmask(text)  # one list, since there is one mask
        told = [f"{_plain(fill['token_str'])} {fill['score']:.1%}" for fill in fills]
        yield [text, ", ".join(told)]


def _kinds(tokenizer: AlbertTokenizer, tokens: Tokens, found: Predictions) -> Iterator[list[str]]:
    right = found.labels == found.predicted
    kinds = np.array([_kind(piece) for piece in tokenizer.pieces])[found.labels]
    ranks = _ranks(tokens)[found.labels]
    groups = {kind: kinds == kind for kind in dict.fromkeys(kinds.tolist())}
    bounds = [0, *RANKS, tokenizer.vocab_size]
    for low, high in pairwise(bounds):
        groups[f"rank {low + 1:,} to {high:,}"] = (ranks >= low) & (ranks < high)
    for name, inside in groups.items():
        if inside.any():
            yield [name, f"{inside.mean():.1%}", f"{right[inside].mean():.1%}"]


def _kind(piece: str) -> str:
    text = piece.removeprefix("▁")
    if any(character.isdigit() for character in text):
        return "number"
    if not any(character.isalpha() for character in text):
        return "punctuation and signs"
    return "first piece of a word" if piece.startswith("▁") else "later piece of a word"


def _ranks(tokens: Tokens) -> NDArray[np.int64]:
    """(V,) the rank of each piece by its frequency in training, from 0."""
    counts = np.zeros(tokens.vocab_size, np.int64)
    for shard in tokens.part("training"):
        counts += np.bincount(shard.tokens, minlength=len(counts))
    ranks = np.empty_like(counts)
    ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return ranks


def _confusions(tokenizer: AlbertTokenizer, found: Predictions) -> Iterator[list[str]]:
    pairs = zip(found.labels.tolist(), found.predicted.tolist(), strict=True)
    wrong = Counter(pair for pair in pairs if pair[0] != pair[1])
    for (label, predicted), count in wrong.most_common(CONFUSIONS):
        yield [_plain(tokenizer.pieces[label]), _plain(tokenizer.pieces[predicted]), f"{count:,}"]


def _plain(piece: str) -> str:
    return f"`{piece}`"


def _machine(run: Path) -> Mapping[str, Any]:
    """What the run was trained on and with, if it was written down."""
    path = run / MACHINE
    return storage.read_json(path) if path.is_file() else {}


def _options(run: Path) -> Iterator[list[str]]:
    for name, value in _machine(run).items():
        if isinstance(value, Mapping):
            yield from ([f"{name}: {key}", str(each)] for key, each in value.items())
        else:
            yield [name, " ".join(value) if isinstance(value, list) else str(value)]


def _speeds(run: Path) -> Iterator[list[str]]:
    history, rate = History.read(run), _machine(run).get("matrix_tflops")
    for number, (start, end) in enumerate(pairwise([0, *history.phase_ends])):
        sums = {}
        for name in ("tokens", "flops", "seconds"):
            steps, values, _ = history.training[name]
            sums[name] = float(values[(steps > start) & (steps <= end)].sum())
        if sums["seconds"]:
            share = f"{sums['flops'] / sums['seconds'] / rate / 1e12:.0%}" if rate else NOTHING
            phase = history.phases[number]
            shape = f"{phase['batch_size']}x{phase['length']}"
            yield [str(number + 1), shape, f"{sums['tokens'] / sums['seconds']:,.0f}", share]
