"""A pretraining step of albert-base: albertlm with LAMB, transformers with AdamW.

Both have the same architecture and read the same tokens, 15 % of them masked, without padding, in
the precision that the processor multiplies in hardware; `--both` also measures the other one. Each
has a process of its own, since the training loop of albertlm changes how memory is allocated, and
they compute in turns. All of this is done three times; the medians are given, and the range of the
ratio. `linear share` is the time of the shared layer's matrix products alone, forward and backward,
measured in the same run, relative to that of our step, which omits most of those in the last layer.
So `roofline`, the ratio divided by the linear share, is approximately the ratio of a step that
consists only of these products: no program that uses the same library for them can be much faster.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
import transformers
from torch.nn import functional as F

import common
from albertlm import AlbertConfig, AlbertForPreTraining
from albertlm.data.batches import Batch
from albertlm.training.devices import fast_cpu, has_bf16
from albertlm.training.objective import PretrainingObjective
from albertlm.training.optimizer import Lamb, albert_parameter_groups

SHAPES = {"8x512": (8, 512), "32x128": (32, 128)}


def random_batch(batch: int, length: int) -> Batch:
    """A batch of random ids, with 15 % of the positions predicted."""
    rng = np.random.default_rng(0)
    ids = rng.integers(5, 30000, (batch, length))
    count = round(0.15 * (length - 3))
    places = rng.permuted(np.tile(np.arange(1, length - 1), (batch, 1)), axis=1)[:, :count]
    places.sort(axis=1)
    return Batch(
        input_ids=ids,
        token_type_ids=np.zeros_like(ids),
        attention_mask=np.ones_like(ids),
        masked_positions=places,
        labels=np.take_along_axis(ids, places, axis=1),
        is_mask=np.ones(places.shape, bool),
        sentence_order_label=rng.integers(0, 2, batch),
        epochs=np.zeros(batch, np.int64),
        examples=np.arange(batch),
    )


def ours(config: AlbertConfig, batch: Batch, bf16: bool) -> Callable[[], None]:
    """A step of our training loop."""
    model = AlbertForPreTraining(config).train()
    objective, optimizer = PretrainingObjective(model), Lamb(albert_parameter_groups(model))

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            losses = objective(batch)
        losses.total.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def theirs(config: AlbertConfig, batch: Batch, bf16: bool) -> Callable[[], None]:
    """A step of a training loop with transformers' model, which computes logits everywhere."""
    model = transformers.AlbertForPreTraining(transformers.AlbertConfig(**config.to_dict())).train()
    optimizer = torch.optim.AdamW(model.parameters())
    labels = np.full_like(batch.input_ids, -100)
    np.put_along_axis(labels, batch.masked_positions, batch.labels, axis=1)
    inputs = {
        "input_ids": torch.from_numpy(batch.input_ids),
        "token_type_ids": torch.from_numpy(batch.token_type_ids),
        "attention_mask": torch.from_numpy(batch.attention_mask),
        "labels": torch.from_numpy(labels),
        "sentence_order_label": torch.from_numpy(batch.sentence_order_label),
    }

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = model(**inputs).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def linear_seconds(config: AlbertConfig, tokens: int, rounds: int, bf16: bool) -> float:
    """The seconds of the shared layer's matrix products alone in a step, forward and backward."""
    hidden, inner = config.hidden_size, config.intermediate_size
    seconds, dtype = 0.0, torch.bfloat16 if bf16 else torch.float32
    for inputs, outputs, count in ((hidden, hidden, 4), (hidden, inner, 1), (inner, hidden, 1)):
        x = torch.randn(tokens, inputs, dtype=dtype, requires_grad=True)
        weight = torch.randn(outputs, inputs, dtype=dtype, requires_grad=True)
        grad = torch.randn(tokens, outputs, dtype=dtype)
        times = []
        for _ in range(rounds + 1):
            start = time.perf_counter()
            torch.autograd.grad(F.linear(x, weight), (x, weight), grad)
            times.append(time.perf_counter() - start)
        seconds += count * min(times[1:])
    return seconds * config.num_hidden_layers


def shaped(name: str, dropout: float = 0.0) -> tuple[AlbertConfig, Batch]:
    """albert-base and a batch of the named shape."""
    config = AlbertConfig.preset(
        "albert-base-v2", hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout
    )
    return config, random_batch(*SHAPES[name])


STEPS = {"albertlm": ours, "transformers": theirs}


def compute(contestant: str, name: str, dropout: float, bf16: bool) -> None:
    """Carry out a step for each line of the standard input, and print its seconds."""
    with ExitStack() as stack:
        if contestant == "albertlm":
            stack.enter_context(fast_cpu(torch.device("cpu")))
        torch.set_flush_denormal(True)
        step = STEPS[contestant](*shaped(name, dropout), bf16)
        for _ in sys.stdin:
            start = time.perf_counter()
            step()
            print(time.perf_counter() - start, flush=True)


@contextmanager
def process(*given: str | float) -> Iterator[Callable[[], float]]:
    """A process that runs `compute`; what is yielded returns the seconds of a step."""
    command = [sys.executable, __file__, "--compute", json.dumps(given)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        orders, answers = started.stdin, started.stdout
        assert orders is not None
        assert answers is not None

        def step() -> float:
            orders.write(b"\n")
            orders.flush()
            return float(answers.readline())

        yield step
        orders.close()


def measure(name: str, dropout: float, rounds: int, bf16: bool) -> dict[str, float]:
    """The tokens per second of both, and the linear share."""
    seconds: dict[str, list[float]] = {contestant: [] for contestant in STEPS}
    with ExitStack() as stack:
        steps = {each: stack.enter_context(process(each, name, dropout, bf16)) for each in STEPS}
        for _ in range(rounds + 1):
            for contestant, step in steps.items():
                seconds[contestant].append(step())
    config, data = shaped(name, dropout)
    medians = {each: statistics.median(times[1:]) for each, times in seconds.items()}
    tokens = data.input_ids.size
    return {
        "albertlm_tokens_per_s": tokens / medians["albertlm"],
        "transformers_tokens_per_s": tokens / medians["transformers"],
        "linear_share": linear_seconds(config, tokens, rounds, bf16) / medians["albertlm"],
    }


def summary(runs: list[dict[str, float]]) -> dict[str, float | str]:
    """The medians of runs, what follows from them, and the range of the ratio."""
    ratios = sorted(
        each["albertlm_tokens_per_s"] / each["transformers_tokens_per_s"] for each in runs
    )
    medians = {key: statistics.median(each[key] for each in runs) for key in runs[0]}
    ratio = statistics.median(ratios)
    return {
        **medians,
        "ratio": ratio,
        "ratio_range": f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
        "roofline": ratio / medians["linear_share"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--both", action="store_true", help="measure the slower precision too")
    parser.add_argument("--compute", help="what a process of a contestant is given")
    options = parser.parse_args()
    if options.compute:
        compute(*json.loads(options.compute))
        return
    native = has_bf16("cpu")
    kinds = [
        (name, dropout, bf16)
        for bf16 in ((native, not native) if options.both else (native,))
        for dropout in (0.0, 0.1)
        for name in SHAPES
    ]
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(options.runs):
        for name, dropout, bf16 in kinds:
            key = f"{name}, {'bfloat16' if bf16 else 'float32'}, dropout {dropout}"
            found.setdefault(key, []).append(measure(name, dropout, options.rounds, bf16))
            print(key, found[key][-1], flush=True)
    measurements = {key: summary(runs) for key, runs in found.items()}
    common.record("pretraining_step", measurements, ["torch", "transformers"])


if __name__ == "__main__":
    main()
