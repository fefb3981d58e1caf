"""The speed of making batches of real text with pairs and masks, and the time a trainer waits.

`M tokens/s` is the rate over one epoch of token shards on disk, without padding, on one core: the
text is cut into pairs, shuffled, laid out and masked. The peer is transformers'
DataCollatorForLanguageModeling with its default arguments on the same examples, which were cut,
paired and laid out in advance: it pads, and masks single tokens.

`ahead` is the rate for a consumer that does nothing else, with a thread or other processes.

`waiting` is measured in a run of the recipe `small` on all cores: `first_s` is the wait for the
first batch, and `share` the wait for all others as a share of the time of their steps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice, product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import transformers

import common
from albertlm.config import IGNORED
from albertlm.data.batches import Batch, Position
from albertlm.data.loader import PretrainingData
from albertlm.data.masking import MaskingConfig
from albertlm.data.prefetch import Prefetcher
from albertlm.data.token_shards import TOKENIZER, TokenPart
from albertlm.recipes.small import small
from albertlm.training.pretraining import pretrain
from albertlm.training.run_config import Execution
from sample import sample_tokens

SHAPES = {"64 x 128": (64, 128), "16 x 512": (16, 512)}
PEER_BATCHES = 50
SPECIAL = (2, 3)
"""[CLS] and [SEP]"""
GOAL, GOAL_WAITING = 1.0, 0.01
MAKERS = {"a thread": 0, "one process": 1, "two processes": 2}


def rates(part: TokenPart, rounds: int) -> dict[str, dict[str, Any]]:
    """The rates of ours, ours with single-token masks, and the peer, run alternately."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(part.folder.parent / TOKENIZER)
    collate = transformers.DataCollatorForLanguageModeling(tokenizer)
    rows = {}
    for name, (batch_size, length) in SHAPES.items():
        count = _data(part, length).examples(0) // batch_size
        tokens = _tokens(_read(_data(part, length), batch_size, count))
        few = [_examples(batch) for batch in _read(_data(part, length), batch_size, PEER_BATCHES)]
        seconds = common.alternating_medians(
            rounds,
            ours=_reading(part, length, batch_size, count, max_ngram=3),
            single=_reading(part, length, batch_size, count, max_ngram=0),
            peer=partial(_collate_all, collate, few),
        )
        rate = tokens / seconds["ours"] / 1e6
        peer = sum(len(each["input_ids"]) for each in chain(*few)) / seconds["peer"] / 1e6
        rows[name] = {
            "M tokens/s": round(rate, 2),
            "goal": GOAL,
            "single tokens": round(tokens / seconds["single"] / 1e6, 2),
            "transformers": round(peer, 3),
            "times transformers": round(rate / peer, 1),
        }
    return rows


def ahead(part: TokenPart, rounds: int) -> dict[str, float]:
    """M tokens/s of a prefetcher, after its workers have started."""
    batch_size, length = SHAPES["64 x 128"]
    first = _data(part, length).examples(0) // batch_size // 4
    read: dict[str, list[float]] = {maker: [] for maker in MAKERS}
    for _, (maker, workers) in product(range(rounds), MAKERS.items()):
        with Prefetcher(_data(part, length), Position(), batch_size, workers=workers) as made:
            batches = (batch for batch, _ in made)
            _exhaust(islice(batches, first))
            started = time.perf_counter()
            tokens = _tokens(islice(batches, 2 * first))
            read[maker].append(tokens / (time.perf_counter() - started) / 1e6)
    return {maker: round(median(each), 2) for maker, each in read.items()}


def waiting(part: TokenPart, folder: Path, steps: int) -> dict[str, dict[str, Any]]:
    """The time that a trainer waits for batches."""
    recipe = small(part.tokenizer.vocab_size)
    phase = replace(recipe.phases[0], steps=steps)
    recipe = replace(recipe, phases=(phase,), warmup_steps=steps // 10)
    rows = {}
    for maker, workers in list(MAKERS.items())[:2]:
        execution = Execution(device="cpu", workers=workers)
        run = pretrain(recipe, part, folder / maker, execution)
        first, *values = [report.values for report in run]
        waited, seconds = (sum(each[name] for each in values) for name in ("waited", "seconds"))
        rows[maker] = {
            "steps": steps,
            "step_s": seconds / len(values),
            "first_s": first["waited"],
            "share": waited / seconds,
            "goal": f"< {GOAL_WAITING}",
        }
    return rows


def _data(part: TokenPart, length: int, max_ngram: int = 3) -> PretrainingData:
    return PretrainingData(part, length=length, masking=MaskingConfig(max_ngram=max_ngram), seed=0)


def _read(data: PretrainingData, batch_size: int, count: int) -> Iterator[Batch]:
    return (batch for batch, _ in islice(data.stream(Position(), batch_size), count))


def _reading(
    part: TokenPart, length: int, batch_size: int, count: int, max_ngram: int
) -> Callable[[], None]:
    return lambda: _exhaust(_read(_data(part, length, max_ngram), batch_size, count))


def _exhaust(items: Iterable[object]) -> None:
    deque(items, maxlen=0)


def _collate_all(collate: Callable[[Any], object], batches: Iterable[Any]) -> None:
    _exhaust(map(collate, batches))


def _tokens(batches: Iterable[Batch]) -> int:
    return sum(int(batch.attention_mask.sum()) for batch in batches)


def _examples(batch: Batch) -> list[dict[str, list[int]]]:
    """The rows of a batch before masking, in the format of transformers' tokenizers."""
    ids, used = batch.input_ids.copy(), batch.attention_mask.sum(1)
    rows, slots = np.nonzero(batch.labels != IGNORED)
    ids[rows, batch.masked_positions[rows, slots]] = batch.labels[rows, slots]
    return [
        {
            "input_ids": row[:size].tolist(),
            "token_type_ids": types[:size].tolist(),
            "attention_mask": [1] * size,
            "special_tokens_mask": np.isin(row[:size], SPECIAL).astype(int).tolist(),
        }
        for row, types, size in zip(ids, batch.token_type_ids, used, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        part = sample_tokens(Path(folder))
        torch.set_num_threads(1)
        one_core = rates(part, options.rounds)
        prefetched = ahead(part, options.rounds)
        torch.set_num_threads(threads)
        waits = waiting(part, Path(folder), options.steps)
    measurements = {
        "one core": one_core,
        "ahead": {"M tokens/s, 64 x 128": prefetched},
        "waiting": waits,
    }
    common.record("loader", measurements, ["numpy", "torch", "transformers"])


if __name__ == "__main__":
    main()
