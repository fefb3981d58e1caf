"""Pretraining steps of albert-large and albert-xxlarge on a GPU, by us and transformers' Trainer.

Both train the v2 architecture without dropout on the same examples of 512 tokens, 15 % of them
masked, in bfloat16 (autocast): albertlm with LAMB, as in `albertlm pretrain`, the Trainer with its
AdamW. `utilisation` is the rate of the model's operations (`costs`, with logits of the masked
tokens only, though the Trainer computes all) relative to the rate of a large bfloat16 product
measured in the same run, so the speed ratio of two programs is at most 1 divided by the utilisation
of the slower one. `busy` is the share of time in which the GPU runs kernels. The profile shows the
time of the kernels in one of our steps, by kind.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

import common
from albertlm import AlbertConfig, AlbertForPreTraining
from albertlm.data.batches import Batch
from albertlm.training.devices import matrix_rate
from albertlm.training.group import Group
from albertlm.training.objective import PretrainingObjective
from albertlm.training.pretraining import flops
from albertlm.training.run_config import Execution, Phase, PretrainingConfig
from albertlm.training.updates import Updater
from pretraining_step import random_batch

LENGTH = 512
MODELS = {"albert-large-v2": (32, 64), "albert-xxlarge-v2": (16, 32)}
"""Numbers of examples in a batch: the first for both programs, the others for ours only."""
STEPS, WARMUP = 10, 4
KINDS = {
    "linear maps and attention": ("gemm", "nvjet", "cutlass", "cublas", "flash", "fmha"),
    "LayerNorm, GELU, residuals, loss": ("triton",),
    "LAMB and norms": ("multi_tensor", "reduce", "foreach"),
    "copies": ("memcpy", "memset", "copy"),
}
"""Kinds of kernels, and parts of their names; the first kind that matches is used."""

Rows = dict[str, dict[str, Any]]


def ours(config: AlbertConfig, batch: Batch) -> Callable[[], None]:
    """A step of our training loop."""
    phase = Phase(steps=1, batch_size=len(batch.input_ids), length=LENGTH)
    run = PretrainingConfig(model=config, phases=(phase,), warmup_steps=0)
    group = Group.alone("cuda")
    model = AlbertForPreTraining(config).to(group.device).train()
    objective = PretrainingObjective(model, compiled=True)
    updater = Updater(model, run, Execution(device="cuda", bf16=True), group)

    def one() -> None:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            losses = objective(batch)
        losses.total.backward()
        norm = updater.step(1e-3)
        torch.cat([losses.values, norm.reshape(1)]).tolist()

    return one


class Timed(transformers.TrainerCallback):
    """Records when each step of the Trainer ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def theirs(config: AlbertConfig, batch: Batch) -> float:
    """The median seconds of a step of transformers' Trainer."""
    model = transformers.AlbertForPreTraining(transformers.AlbertConfig(**config.to_dict()))
    labels = np.full_like(batch.input_ids, -100)
    np.put_along_axis(labels, batch.masked_positions, batch.labels, axis=1)
    columns = {
        "input_ids": batch.input_ids,
        "token_type_ids": batch.token_type_ids,
        "attention_mask": batch.attention_mask,
        "labels": labels,
        "sentence_order_label": batch.sentence_order_label,
    }
    examples = [
        {name: torch.from_numpy(column)[row] for name, column in columns.items()}
        for row in range(len(labels))
    ]
    timed = Timed()
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=len(labels),
            max_steps=STEPS + WARMUP,
            bf16=True,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        transformers.Trainer(
            model=model, args=arguments, train_dataset=examples, callbacks=[timed]
        ).train()
    return float(np.median(np.diff(timed.ends)[WARMUP - 1 :]))


def median_seconds(one: Callable[[], None]) -> float:
    """The median seconds of a step, after warm-up steps."""
    seconds = []
    for _ in range(STEPS + WARMUP):
        started = time.perf_counter()
        one()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds[WARMUP:]))


def profiled(one: Callable[[], None]) -> dict[str, Any]:
    """The milliseconds of a step's kernels by kind, and their share of the time of the step."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
        started = time.perf_counter()
        one()
        torch.cuda.synchronize()
        wall = time.perf_counter() - started
    kinds: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for event in found.events():
        # skip ranges marked in Python, which contain kernels that are listed too
        if event.device_type == DeviceType.CUDA and "#" not in event.name:
            milliseconds = event.time_range.elapsed_us() / 1000
            kinds[kind_of(event.name)] += milliseconds
            names[event.name[:150]] += milliseconds
    for name, milliseconds in names.most_common(30):
        print(f"  {milliseconds:8.2f} ms  {kind_of(name):20.20}  {name}")
    return {
        **{name: round(milliseconds, 2) for name, milliseconds in kinds.most_common()},
        "busy": sum(kinds.values()) / 1000 / wall,
    }


def kind_of(kernel: str) -> str:
    """The kind of a kernel, by its name."""
    lower = kernel.lower()
    for kind, words in KINDS.items():
        if any(word in lower for word in words):
            return kind
    return "other"


def measure(name: str, sizes: tuple[int, ...], rate: float) -> tuple[Rows, Rows]:
    """Of one model: a row for each size, and one of its profile."""
    config = AlbertConfig.preset(name, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    rows, profiles = Rows(), Rows()
    for size in sizes:
        batch = random_batch(size, LENGTH)
        tokens, operations = batch.input_ids.size, flops(config, batch, None)
        one = ours(config, batch)
        seconds = median_seconds(one)
        memory = torch.cuda.max_memory_allocated() / 1e9
        row = {
            "albertlm_tokens_per_s": round(tokens / seconds),
            "utilisation": operations / seconds / rate,
            "albertlm_gb": memory,
        }
        profiles[f"{name}, {size}x{LENGTH}"] = profiled(one)
        del one
        _forget()
        if size == sizes[0]:
            peer = theirs(config, batch)
            row |= {
                "transformers_tokens_per_s": round(tokens / peer),
                "transformers_utilisation": operations / peer / rate,
                "transformers_gb": torch.cuda.max_memory_allocated() / 1e9,
                "ratio": peer / seconds,
            }
            _forget()
        rows[f"{name}, {size}x{LENGTH}"] = row
        print(f"{name}, {size}x{LENGTH}:", row, flush=True)
    return rows, profiles


def _forget() -> None:
    torch.compiler.reset()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not torch.cuda.is_available():
        print("there is no CUDA device: nothing is measured, and the old results stay")
        return
    rate = matrix_rate("cuda", bf16=True)
    print(torch.cuda.get_device_name(), rate, flush=True)
    steps, profiles = Rows(), Rows()
    for name, sizes in MODELS.items():
        rows, kinds = measure(name, sizes, rate)
        steps |= rows
        profiles |= kinds
    measurements = {
        "device": torch.cuda.get_device_name(),
        "matrix_tflops": rate / 1e12,
        "steps": steps,
        "milliseconds of kernels in a step": profiles,
    }
    common.record("gpu_step", measurements, ["torch", "transformers"])


if __name__ == "__main__":
    main()
