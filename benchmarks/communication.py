"""Communication in a step of data-parallel training, with two processes and albert-base.

Each process has one core and 4 texts of 128 tokens per step, in float32 without dropout; they
communicate with gloo on this machine. `sent_mb` is the amount that each process sends in a step, as
counted by the network device, and `by_formula_mb` the amount by `costs.step_communication` (gloo
implements reduce-scatter as all-reduce, so sharded training sends more here than necessary).
`by_alone` is the time of a step relative to that of a step without communication, and
`communication_share` the time of the exchange alone, with both processes ready, relative to that of
the step.

The peer is PyTorch's DistributedDataParallel, which sends a bucket of gradients during the backward
pass as soon as it is complete. The gradients of ALBERT's shared layer are complete only at the end:
`ready_share` is the fraction of the backward pass after which a bucket can be sent, and
`bytes_in_last_tenth` the share of all bytes that can be sent only in the last tenth.

The last table lists the megabytes that each of 64 processes sends in a step.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._C._distributed_c10d import GradBucket
from torch.distributed import ProcessGroup, group
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

import common
from albertlm import AlbertConfig, AlbertForPreTraining, costs
from albertlm.config import PRESETS
from albertlm.training.group import Group
from albertlm.training.objective import PretrainingObjective
from albertlm.training.optimizer import Lamb, albert_parameter_groups
from albertlm.training.run_config import Execution, Phase, PretrainingConfig
from albertlm.training.updates import Updater
from pretraining_step import random_batch

TEXTS, LENGTH = 4, 128
WAYS = {
    "albertlm": Execution(),
    "albertlm, gradients in bfloat16": Execution(bf16_gradients=True),
    "albertlm, sharded": Execution(sharded=True),
    "albertlm, sharded, gradients in bfloat16": Execution(sharded=True, bf16_gradients=True),
}
PEER = "DistributedDataParallel"


class Loss(nn.Module):
    """The loss of a model on a fixed batch, as a module that the peer can wrap."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = AlbertForPreTraining(config)
        self.objective = PretrainingObjective(self.model)
        self.batch = random_batch(TEXTS, LENGTH)

    def forward(self) -> Tensor:
        total: Tensor = self.objective(self.batch).total
        return total


def ours(config: PretrainingConfig, execution: Execution, group: Group) -> Callable[[], None]:
    """A step of our training loop."""
    loss = Loss(config.model)
    updater = Updater(loss.model, config, execution, group)

    def step() -> None:
        loss().backward()
        updater.step(1e-3)

    return step


def theirs(config: PretrainingConfig, buckets: list[tuple[float, int]]) -> Callable[[], None]:
    """A step of the peer; each step records when the buckets were ready, and their bytes."""
    wrapped = DistributedDataParallel(Loss(config.model))
    optimizer = Lamb(albert_parameter_groups(wrapped.module.model), lr=1e-3)

    def note(world: ProcessGroup, bucket: GradBucket) -> Future[Tensor]:
        buckets.append((time.perf_counter(), bucket.buffer().nbytes))
        return allreduce_hook(world, bucket)

    # the peer refuses annotations that are strings, as they are here; a lambda has none
    wrapped.register_comm_hook(group.WORLD, lambda world, bucket: note(world, bucket))  # noqa: PLW0108

    def step() -> None:
        loss = wrapped()
        started = time.perf_counter()
        buckets.clear()
        loss.backward()
        seconds = time.perf_counter() - started
        buckets[:] = [((ready - started) / seconds, size) for ready, size in buckets]
        optimizer.step()
        optimizer.zero_grad()

    return step


def exchange_seconds(size: int, execution: Execution, group: Group, rounds: int) -> float:
    """The seconds of a step's exchange: gradients and, if sharded, weights."""
    gradients, weights = torch.ones(size), torch.ones(size)
    times = []
    for _ in range(rounds + 1):
        group.wait()
        started = time.perf_counter()
        travelling = gradients.bfloat16() if execution.bf16_gradients else gradients
        if execution.sharded:
            group.sum_share_(travelling)
            group.gather_(weights)
        else:
            group.sum_(travelling)
        times.append(time.perf_counter() - started)
    return float(np.median(times[1:]))


def sent_bytes(step: Callable[[], None], group: Group) -> float:
    """The bytes that each process sends during a step, as counted by the network device."""
    group.wait()
    before = _device_bytes()
    step()
    group.wait()
    return (_device_bytes() - before) / group.size


def _device_bytes() -> int:
    for line in Path("/proc/net/dev").read_text(encoding="utf-8").splitlines():
        name, _, fields = line.partition(":")
        if name.strip() == "lo":
            return int(fields.split()[8])
    raise OSError("there is no device lo; this benchmark needs Linux")


def measure(group: Group, rounds: int) -> dict[str, Any]:
    """Measure all contestants alternately, in every process."""
    model = AlbertConfig.preset(
        "albert-base-v2", hidden_dropout_prob=0, attention_probs_dropout_prob=0
    )
    phase = Phase(steps=1, batch_size=TEXTS * group.size, length=LENGTH)
    config = PretrainingConfig(model=model, phases=(phase,), warmup_steps=0)
    buckets: list[tuple[float, int]] = []
    steps = {name: ours(config, execution, group) for name, execution in WAYS.items()}
    steps[PEER] = theirs(config, buckets)
    alone = ours(config, Execution(), Group.alone("cpu"))
    seconds = common.alternating_medians(rounds, **steps, alone=alone)
    size = 4 * sum(costs.parameters_by_part(model).values())
    rows: dict[str, Any] = {}
    for name, step in steps.items():
        execution = WAYS.get(name, Execution())
        exchange = exchange_seconds(size // 4, execution, group, 20)
        formula = costs.step_communication(
            model,
            ranks=group.size,
            sharded=execution.sharded,
            bf16_gradients=execution.bf16_gradients,
        )
        rows[name] = {
            "step_s": seconds[name],
            "by_alone": seconds[name] / seconds["alone"],
            "sent_mb": sent_bytes(step, group) / 1e6,
            "by_formula_mb": formula / 1e6,
        }
        if name != PEER:
            rows[name] |= {"exchange_s": exchange, "communication_share": exchange / seconds[name]}
    late = sum(size for ready, size in buckets if ready > 0.9)
    return {
        "two processes": rows,
        "buckets of the peer": {
            "buckets": len(buckets),
            "first_ready_share": buckets[0][0],
            "last_ready_share": buckets[-1][0],
            "bytes_in_last_tenth": late / sum(size for _, size in buckets),
        },
        "alone_step_s": seconds["alone"],
        "albertlm_by_peer_speed": seconds[PEER] / seconds["albertlm"],
    }


def by_model(ranks: int) -> dict[str, dict[str, float]]:
    """The megabytes that a process sends in a step."""
    return {
        name: {
            way.removeprefix("albertlm").removeprefix(", ") or "gradients in float32": round(
                costs.step_communication(
                    AlbertConfig.preset(name),
                    ranks=ranks,
                    sharded=execution.sharded,
                    bf16_gradients=execution.bf16_gradients,
                )
                / 1e6
            )
            for way, execution in WAYS.items()
        }
        for name in PRESETS
        if name.endswith("v2")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    if "RANK" not in os.environ:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        here = [__file__, "--rounds", str(rounds)]
        subprocess.run([*torchrun, "--nproc-per-node", "2", *here], check=True)
        return
    torch.set_num_threads(1)
    with Group.join("cpu") as group:
        measurements = measure(group, rounds)
        if group.first:
            print(measurements)
            measurements["megabytes, 64 processes"] = by_model(64)
            common.record("communication", measurements, ["torch"])


if __name__ == "__main__":
    main()
