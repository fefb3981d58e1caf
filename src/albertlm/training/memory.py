"""Whether a run fits into memory, before its first step."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from albertlm import costs
from albertlm.training.config import Execution, Phase, PretrainingConfig

MEMINFO = Path("/proc/meminfo")
CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def check_memory(
    config: PretrainingConfig,
    execution: Execution,
    *,
    ranks: int = 1,
    available: float | None = None,
) -> None:
    """Compare what a step of each phase takes with what there is.

    Args:
        config: the run.
        execution: how it is carried out, resolved.
        ranks: processes that share each step's examples.
        available: bytes that one process may use; by default what its device has now.

    Raises:
        ValueError: a step takes more; the message says which, and what to change.
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
                f"a step of phase {number} takes {needed / 1e9:.1f} GB with {examples:,} examples "
                f"of {phase.length} tokens at a time, and there are {available / 1e9:.1f} GB; "
                f"{advice}"
            )


def micro_batch(phase: Phase, execution: Execution, ranks: int = 1) -> int:
    """The most examples that one process computes at a time."""
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
    """Bytes that a step takes in one process at its peak, with so many examples at a time."""
    predictions = max(1, round(config.masking.probability * phase.length))
    parts = costs.training_memory(
        config.model,
        batch_size=examples,
        length=phase.length,
        predictions=min(predictions, config.masking.max_predictions or predictions),
        layers=phase.layers,
        checkpointing=execution.checkpointing,
        bf16=bool(execution.bf16),
        optimizer_states=2 / ranks if execution.sharded else 2,
        device="cuda" if str(execution.device).startswith("cuda") else "cpu",
    )
    return sum(parts.values())


def available_memory(device: str) -> float | None:
    """Bytes that a process may still use on a device; None where that cannot be known.

    Of a processor's memory, processes that were started together on this machine get equal shares.
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
    """What of all that helps asks for the least."""
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
    return "not even one fits: use a smaller model, shorter examples or more memory"


def _of_machine(meminfo: Path) -> float | None:
    """What Linux could give to a new process, caches included."""
    if not meminfo.is_file():
        return None
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return 1024.0 * int(line.split()[1])
    return None


def _of_cgroup(folder: Path) -> float | None:
    """What a group's limit leaves, in files of either version; what it caches can go."""
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
    """The folders of this process's memory group and of all groups that it is in."""
    if not groups.is_file():
        return
    for line in groups.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" or "memory" in controllers.split(","):
            top = root / "memory" if controllers else root
            folder = top / path.lstrip("/")
            yield from (each for each in (folder, *folder.parents) if each.is_relative_to(top))
