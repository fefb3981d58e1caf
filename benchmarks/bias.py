"""CrowS-Pairs with the model that ships: all pairs, and a subset beside the naive way.

The naive way is that of the released code: transformers is given one sentence with one mask at a
time, in float32. All compute the pseudo-log-likelihoods of the shared pieces of the same pairs, in
turns and with the same number of threads; `agree` is the number of pairs on which they prefer the
same sentence as the naive way. The whole audit also has the likelihoods without masks and the score
of the model itself, and is timed once by engine and type of numbers: for six applications of 256
units with random weights, the size of the goal, and for the model that ships with the fastest of
these. What the audit finds is in `bias_audit`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

import common
from albertlm import AlbertConfig, AlbertForMaskedLM, AlbertTokenizer, hub
from albertlm.evaluation.bias.crows_pairs import (
    SentencePair,
    crows_pairs,
    read_pairs,
    shared_positions,
)
from albertlm.evaluation.bias.likelihood import MaskedLikelihood
from albertlm.inference.engines import open_engine
from albertlm.inference.engines.base import TokenizedText

SUBSET, ROUNDS = 50, 3
ENGINES = {
    "numpy, float32": ("numpy", "auto"),
    "torch, float32": ("torch", "auto"),
    "torch, bfloat16": ("torch", "bfloat16"),
    "openvino, float32": ("openvino", "float32"),
    "openvino, bfloat16": ("openvino", "bfloat16"),
}


SMALL = AlbertConfig(
    vocab_size=30_000,
    hidden_size=256,
    num_hidden_layers=6,
    num_attention_heads=4,
    intermediate_size=1024,
    max_position_embeddings=128,
)


def opened(engine: str, dtype: str, model: Path = hub.SHIPPED) -> MaskedLikelihood:
    """A model in an engine."""
    tokenizer = AlbertTokenizer.from_pretrained(model)
    return MaskedLikelihood(open_engine(engine, model, dtype=dtype), tokenizer)


def shared(
    model: MaskedLikelihood, pairs: list[SentencePair]
) -> tuple[list[TokenizedText], list[list[int]]]:
    """The texts of pairs, the more and then the less stereotyping ones, and what they share."""
    rows = model.tokenized([pair.more for pair in pairs] + [pair.less for pair in pairs])
    both = zip(rows[: len(pairs)], rows[len(pairs) :], strict=True)
    places = [shared_positions(more.input_ids, less.input_ids) for more, less in both]
    return rows, [more for more, _ in places] + [less for _, less in places]


def naive(
    model: transformers.AlbertForMaskedLM,
    mask: int,
    rows: list[TokenizedText],
    places: list[list[int]],
) -> list[float]:
    """The pseudo-log-likelihoods of texts, one mask at a time."""
    sums = []
    with torch.inference_mode():
        for row, at in zip(rows, places, strict=True):
            total = 0.0
            for position in at:
                ids = torch.tensor([row.input_ids])
                ids[0, position] = mask
                logits = model(input_ids=ids).logits[0, position]
                total += float(torch.log_softmax(logits, -1)[row.input_ids[position]])
            sums.append(total)
    return sums


def beside_naive(pairs: list[SentencePair]) -> dict[str, Any]:
    """The seconds of each way for the same pairs, and how they compare."""
    peer = transformers.AlbertForMaskedLM.from_pretrained(hub.SHIPPED, dtype=torch.float32)
    models = {name: opened(*how) for name, how in ENGINES.items()}
    rows, places = shared(models["numpy, float32"], pairs)
    mask = models["numpy, float32"].tokenizer.mask_token_id
    results: dict[str, list[float]] = {}

    def keep(name: str, compute: Callable[[], list[float]]) -> Callable[[], None]:
        return lambda: results.update({name: compute()})

    def ours(model: MaskedLikelihood) -> Callable[[], list[float]]:
        return lambda: [float(each.sum()) for each in model.of_masked(rows, places)]

    ways = {name: keep(name, ours(model)) for name, model in models.items()}
    ways["transformers, one at a time"] = keep(
        "transformers, one at a time", lambda: naive(peer, mask, rows, places)
    )
    seconds = common.alternating_medians(ROUNDS, **ways)
    slowest = seconds["transformers, one at a time"]
    preferred = {
        name: np.array(sums[: len(pairs)]) > np.array(sums[len(pairs) :])
        for name, sums in results.items()
    }
    return {
        name: {
            "seconds": round(each, 2),
            "masked_sentences_per_second": round(sum(map(len, places)) / each, 1),
            "times_as_fast": round(slowest / each, 2),
            "agree": int((preferred[name] == preferred["transformers, one at a time"]).sum()),
        }
        for name, each in seconds.items()
    }


def audit(pairs: list[SentencePair], model: Path, engine: str, dtype: str) -> float:
    """The seconds of the whole audit."""
    scored = opened(engine, dtype, model)
    start = time.perf_counter()
    crows_pairs(scored, pairs)
    return round(time.perf_counter() - start, 1)


def audits(pairs: list[SentencePair]) -> dict[str, dict[str, float]]:
    """The seconds of the whole audit by engine, and for the model that ships by the fastest."""
    with tempfile.TemporaryDirectory() as temporary:
        small = Path(temporary)
        torch.manual_seed(0)
        AlbertForMaskedLM(SMALL).save_pretrained(small)
        AlbertTokenizer.from_pretrained(hub.SHIPPED).save_pretrained(small)
        seconds = {name: audit(pairs, small, *how) for name, how in ENGINES.items()}
    fastest = min(seconds, key=lambda name: seconds[name])
    shipped = audit(pairs, hub.SHIPPED, *ENGINES[fastest])
    return {
        **{f"6x256, {name}": {"seconds": each} for name, each in seconds.items()},
        f"the model that ships, {fastest}": {"seconds": shipped},
    }


def main() -> None:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    data = common.DATA / "bias" / "crows_pairs_anonymized.csv"
    common.require_data(data)
    pairs = read_pairs(data)
    chosen = np.random.default_rng(0).permutation(len(pairs))[:SUBSET]
    measurements = {
        f"{SUBSET} pairs beside the naive way": beside_naive([pairs[index] for index in chosen]),
        f"the whole audit, {len(pairs):,} pairs": audits(pairs),
    }
    common.record("bias", measurements, ["numpy", "torch", "openvino", "transformers"])


if __name__ == "__main__":
    main()
