"""What a step of data-parallel training sends, and how long that takes: two processes, albert-base.

Each process has one core and 4 texts of 128 tokens a step, in float32 without dropout; they talk
through gloo on this machine. `sent_mb` is what each sends in one step, as the network device counts
it, and `by_formula_mb` what `costs.step_communication` says (gloo scatters sums by summing
everywhere, so that shares send more here than they must). `by_alone` is the time of a step by
that of one without a word to the other process, and `communication_share` the time of the exchange
by itself, with nobody late, by that of the step.

The peer is PyTorch's DistributedDataParallel, which sends a bucket of gradients as soon as all of
them are there, during the backward pass. ALBERT's shared layer is the first and the last to get
gradients: `ready_share` says after which part of the backward pass a bucket could leave, and
`bytes_in_last_tenth` which share of all bytes only could in its last tenth.

The last table has the megabytes that each of 64 processes sends in a step.
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
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

import common
from albertlm import AlbertConfig, AlbertForPreTraining, costs
from albertlm.config import PRESETS
from albertlm.training.config import Execution, Phase, PretrainingConfig
from albertlm.training.group import Group
from albertlm.training.objective import PretrainingObjective
from albertlm.training.optimizer import Lamb, albert_parameter_groups
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
    """A model's loss on one batch, as a module that the peer can wrap."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = AlbertForPreTraining(config)
        self.objective = PretrainingObjective(self.model)
        self.batch = random_batch(TEXTS, LENGTH)

    def forward(self) -> Tensor:
        return self.objective(self.batch).total


def ours(config: PretrainingConfig, execution: Execution, group: Group) -> Callable[[], None]:
    """A step as the training loop makes it."""
    loss = Loss(config.model)
    updater = Updater(loss.model, config, execution, group)

    def step() -> None:
        loss().backward()
        updater.step(1e-3)

    return step


def theirs(config: PretrainingConfig, buckets: list[tuple[float, int]]) -> Callable[[], None]:
    """A step with the peer; of each it leaves when buckets were ready, and their bytes."""
    wrapped = DistributedDataParallel(Loss(config.model))
    optimizer = Lamb(albert_parameter_groups(wrapped.module.model), lr=1e-3)

    def note(_, bucket):  # its annotations would be strings, which the peer refuses
        buckets.append((time.perf_counter(), bucket.buffer().nbytes))
        return allreduce_hook(None, bucket)

    wrapped.register_comm_hook(None, note)

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
    """The time of a step's exchange alone: gradients, and in shares weights too."""
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
    """What the network device of this machine sends during a step, by the number of processes."""
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
    """All contestants in turns, in every process."""
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
    """Megabytes that a process sends in a step."""
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
