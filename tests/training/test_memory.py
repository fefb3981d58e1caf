"""Runs that do not fit are refused with advice that helps, and what fits once goes on fitting."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from albertlm import costs
from albertlm.data.token_shards import TokenPart
from albertlm.recipes.published import published
from albertlm.training import memory
from albertlm.training.run_config import Execution, Phase, PretrainingConfig

CPU = Execution(bf16=True, device="cpu")


@pytest.fixture
def config() -> PretrainingConfig:
    """albert-base, with a second phase that needs more memory."""
    base = published(30_000, size="base", version="v2")
    phases = (
        Phase(steps=4000, batch_size=64, length=128),
        Phase(steps=10, batch_size=64, length=512),
    )
    return replace(base, phases=phases)


def needed(config: PretrainingConfig, **options: object) -> int:
    shape = {"batch_size": 64, "length": 512, "predictions": 77}
    return sum(costs.training_memory(config.model, **(shape | options)).values())  # type: ignore[arg-type]


def test_what_fits_passes(config: PretrainingConfig) -> None:
    memory.check_memory(config, CPU, available=needed(config))
    memory.check_memory(config, replace(CPU, micro_batch=1), available=1e9)
    memory.check_memory(config, CPU, ranks=64, available=1e9)
    averaged = replace(config, average=0.998)
    memory.check_memory(averaged, CPU, available=needed(config, optimizer_states=3))
    with pytest.raises(ValueError, match="a step of phase 2 needs"):
        memory.check_memory(averaged, CPU, available=needed(config))
    checkpointed = needed(config, checkpointing=True)
    memory.check_memory(config, replace(CPU, checkpointing=True), available=checkpointed)


def test_the_advice_is_the_most_that_fits(config: PretrainingConfig) -> None:
    available = 4e9
    with pytest.raises(ValueError, match="a step of phase 2 needs") as refused:
        memory.check_memory(config, CPU, available=available)
    said = str(refused.value)
    assert f"{needed(config) / 1e9:.1f} GB with 64 examples of 512 tokens at a time" in said
    assert "but only 4.0 GB are free; use --micro-batch " in said
    advised = int(re.findall(r"--micro-batch (\d+)", said)[0])
    memory.check_memory(config, replace(CPU, micro_batch=advised), available=available)
    with pytest.raises(ValueError, match="a step of phase"):
        memory.check_memory(config, replace(CPU, micro_batch=advised + 1), available=available)
    assert said.endswith("or --checkpointing")
    memory.check_memory(config, replace(CPU, checkpointing=True), available=available)


def test_several_processes_may_share_the_states(config: PretrainingConfig) -> None:
    unshared = replace(config, model=config.model.with_sharing("none"))
    one = replace(CPU, micro_batch=1)
    weights = 4 * sum(costs.parameters_by_part(unshared.model).values())
    available = 4.5 * weights  # little more than weights, gradients and two moments
    with pytest.raises(ValueError, match=r"use --sharded$"):
        memory.check_memory(unshared, one, ranks=8, available=available)
    memory.check_memory(unshared, replace(one, sharded=True), ranks=8, available=available)
    with pytest.raises(ValueError, match="not even one example fits: use a smaller model"):
        memory.check_memory(unshared, one, available=weights)


def test_fewer_predictions_take_less(config: PretrainingConfig) -> None:
    few = replace(config, masking=replace(config.masking, max_predictions=20))
    sizes = [memory.step_memory(each, config.phases[1], CPU, 8) for each in (config, few)]
    assert sizes == [needed(config, batch_size=8), needed(config, batch_size=8, predictions=20)]


def test_an_unknown_amount_of_memory_is_not_checked(
    config: PretrainingConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUPS", (tmp_path / "cgroup", tmp_path))
    assert memory.available_memory("cpu") is None
    memory.check_memory(config, CPU)


GIB = 2**30
VERSIONS = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


@pytest.mark.parametrize(
    ("version", "groups", "folders", "expected"),
    [
        # folder: limit, used, and the cached part of that, in GiB
        (2, "0::/", {"": ("max", 1, 0)}, 8),
        (2, "0::/", {"": (6, 5, 2)}, 3),
        (2, "0::/job/step", {"job": (4, 1, 0), "job/step": ("max", 1, 0)}, 3),
        (1, "4:cpu,memory:/job\n1:cpuset:/", {"memory/job": (2, 1, 0)}, 1),
        (1, "4:memory:/job", {"memory": (20, 1, 0), "elsewhere": (1, 1, 0)}, 8),
    ],
)
def test_limits_of_containers(
    version: int,
    groups: str,
    folders: dict[str, tuple[object, int, int]],
    expected: float,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable: {8 * GIB // 1024} kB\n")
    (tmp_path / "cgroup").write_text(f"{groups}\n")
    limit, used, cached = VERSIONS[version]
    for name, (most, current, cache) in folders.items():
        folder = tmp_path / "fs" / name
        folder.mkdir(parents=True)
        (folder / limit).write_text(f"{most * GIB if isinstance(most, int) else most}\n")
        (folder / used).write_text(f"{current * GIB}\n")
        (folder / "memory.stat").write_text(f"anon 1\n{cached} {cache * GIB}\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUPS", (tmp_path / "cgroup", tmp_path / "fs"))
    assert memory.available_memory("cpu") == expected * GIB
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert memory.available_memory("cpu") == expected * GIB / 2


GROWTH = """
import sys
from dataclasses import replace
from pathlib import Path
from albertlm.data.token_shards import Tokens
from albertlm.recipes.small import smoke
from albertlm.training import launch
from albertlm.training.pretraining import PretrainingJob
from albertlm.training.run_config import Execution

tokens, run = map(Path, sys.argv[1:])
opened = Tokens.open(tokens)
config = smoke(opened.vocab_size)
config = replace(config, phases=(replace(config.phases[0], steps=1000, length=64),))

def follow(loop):
    for last in loop:
        if last.step in (100, 1000):
            print(Path("/proc/self/statm").read_text().split()[1])
    return last

execution = Execution(device="cpu", workers=0)
launch.train(PretrainingJob(config, execution, opened, run), follow)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_memory_does_not_grow_with_the_steps(
    make_tokens: Callable[..., TokenPart], many_documents: list[list[str]], tmp_path: Path
) -> None:
    """Of batches of any lengths, for whose shapes libraries keep kernels."""
    tokens = make_tokens(many_documents).folder.parent
    command = [sys.executable, "-c", GROWTH, str(tokens), str(tmp_path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    early, late = map(int, done.stdout.split())
    assert late <= 1.1 * early
