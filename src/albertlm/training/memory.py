"""Check that a run fits into memory before its first step."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from albertlm import costs
from albertlm.training.run_config import Execution, Phase, PretrainingConfig

MEMINFO = Path("/proc/meminfo")
CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def check_memory(
    config: PretrainingConfig,
    execution: Execution,
    *,
    ranks: int = 1,
    available: float | None = None,
) -> None:
    """Check that a step of each phase fits into the available memory.

    Args:
        config: the configuration of the run.
        execution: the options of its execution, resolved for a device.
        ranks: the number of processes that share the examples of each step.
        available: the bytes available to one process; by default the free memory of its device.

    Raises:
        ValueError: a step needs more; the message names the phase and what to change.
    """
    if available is None:
        available = available_memory(str(execution.device))
    if available is None:
        return
    for number, phase in enumerate(config.phases, start=1):
        examples = micro_batch(phase, execution, ranks)
        needed = step_memory(config, phase, execution, examples, ranks=ranks)
        if needed > available:
            advice = _advice(config, phase, execution, ranks, available)
            raise ValueError(
                f"a step of phase {number} needs {needed / 1e9:.1f} GB with {examples:,} examples "
                f"of {phase.length} tokens at a time, but only {available / 1e9:.1f} GB are free; "
                f"{advice}"
            )


def micro_batch(phase: Phase, execution: Execution, ranks: int = 1) -> int:
    """The maximum number of examples that one process computes at a time."""
    share = -(-phase.batch_size // ranks)
    return min(share, execution.micro_batch or share)


def step_memory(
    config: PretrainingConfig,
    phase: Phase,
    execution: Execution,
    examples: int,
    *,
    ranks: int = 1,
) -> int:
    """The peak memory of a step in one process, in bytes, for micro-batches of `examples`."""
    masking = phase.masking or config.masking
    predictions = max(1, round(masking.probability * phase.length))
    parts = costs.training_memory(
        config.model,
        batch_size=examples,
        length=phase.length,
        predictions=min(predictions, masking.max_predictions or predictions),
        layers=phase.layers,
        checkpointing=execution.checkpointing,
        bf16=bool(execution.bf16),
        optimizer_states=(2 / ranks if execution.sharded else 2) + (config.average is not None),
        device="cuda" if str(execution.device).startswith("cuda") else "cpu",
    )
    return sum(parts.values())


def available_memory(device: str) -> float | None:
    """The free memory of a device for one process, in bytes, or None if it is unknown.

    The main memory is divided equally among the processes started together on this machine.
    """
    if device.startswith("cuda"):
        import torch

        return float(torch.cuda.mem_get_info(device)[0])
    found = [_of_machine(MEMINFO), *map(_of_cgroup, _cgroups(*CGROUPS))]
    limits = [free for free in found if free is not None]
    return min(limits) / int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if limits else None


def _advice(
    config: PretrainingConfig,
    phase: Phase,
    execution: Execution,
    ranks: int,
    available: float,
) -> str:
    """The options that make a step fit, starting with the least costly."""
    most: int = micro_batch(phase, execution, ranks)

    def that_fit(changed: Execution) -> int:
        def needed(examples: int) -> int:
            return step_memory(config, phase, changed, examples, ranks=ranks)

        return bisect_right(range(1, most + 1), available, key=needed)

    options = {"": execution, "--checkpointing ": replace(execution, checkpointing=True)}
    if ranks > 1:
        options["--sharded "] = replace(execution, sharded=True)
        options["--checkpointing --sharded "] = replace(options["--checkpointing "], sharded=True)
    best = 0
    told: list[str] = []
    for option, changed in options.items():
        if (fit := that_fit(changed)) > best:
            told.append(f"{option}--micro-batch {fit}" if fit < most else option.strip())
            best = fit
    if told:
        return f"use {' or '.join(told)}"
    return "not even one example fits: use a smaller model, shorter examples or more memory"


def _of_machine(meminfo: Path) -> float | None:
    """The memory that Linux could give to a new process, including caches."""
    if not meminfo.is_file():
        return None
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return 1024.0 * int(line.split()[1])
    return None


def _of_cgroup(folder: Path) -> float | None:
    """The memory left by the limit of a cgroup of either version; caches count as free."""
    for limit, used, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        if (folder / limit).is_file():
            most, current, stat = (
                (folder / name).read_text(encoding="ascii").strip()
                for name in (limit, used, "memory.stat")
            )
            counts = dict(line.split() for line in stat.splitlines())
            free = int(counts.get(cached, 0)) - int(current)
            return None if most == "max" else float(int(most) + free)
    return None


def _cgroups(groups: Path, root: Path) -> Iterator[Path]:
    """The folders of this process's memory cgroup and of its ancestors."""
    if not groups.is_file():
        return
    for line in groups.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" or "memory" in controllers.split(","):
            top = root / "memory" if controllers else root
            folder = top / path.lstrip("/")
            yield from (each for each in (folder, *folder.parents) if each.is_relative_to(top))
