"""One run by several processes: under torchrun, where processes die, and on a Ray cluster.

Two commands are those of docs/training.md.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from albertlm.data.token_shards import TokenPart

pytestmark = pytest.mark.slow

STEPS = 40
PROGRAM = [sys.executable, "-c", "import sys; from albertlm.cli import main; main(sys.argv[1:])"]
PAGE = Path(__file__).parents[2] / "docs" / "training.md"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python"]


@pytest.fixture(scope="module")
def tokens(make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]) -> Path:
    return make_tokens(many_documents, shards=2).folder.parent


OPTIONS = [
    *("--set", f"phases.0.steps={STEPS}", "--no-bf16", "--save-every", "5", "--log-every", "1"),
    *("--device", "cpu"),
]


def pretrain(tokens: Path, run: Path) -> list[str]:
    return [*PROGRAM, "pretrain", "smoke", str(tokens), "--output", str(run), *OPTIONS]


def run_documented(part: str, folder: Path, changes: dict[str, str]) -> str:
    """Run the command of the page that has this part, with changes; what it prints."""
    (command,) = [line for line in PAGE.read_text("utf-8").splitlines() if part in line]
    for old, new in changes.items():
        assert old in command
        command = command.replace(old, new)
    here = Path(sys.executable).parent
    return subprocess.run(
        [*shlex.split(command), *OPTIONS],
        cwd=folder,
        env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
    ).stdout


@pytest.fixture(scope="module")
def expected(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """The losses of one process."""
    run = tmp_path_factory.mktemp("one")
    subprocess.run(pretrain(tokens, run), check=True, capture_output=True)
    return losses(run)


def losses(run: Path) -> list[float]:
    """Of each step; each has one line."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    steps = [line for line in lines if "total" in line]
    assert [line["step"] for line in steps] == list(range(1, STEPS + 1))
    return [line["total"] for line in steps]


def wait_for_checkpoint(process: subprocess.Popen[str], run: Path) -> None:
    while not (run / "checkpoint-5").exists():
        assert process.poll() is None
        time.sleep(0.005)


def kill_one(torchrun: subprocess.Popen[str], run: Path) -> None:
    """Kill the last of torchrun's processes after the first checkpoint."""
    wait_for_checkpoint(torchrun, run)
    children = Path(f"/proc/{torchrun.pid}/task/{torchrun.pid}/children").read_text("utf-8")
    os.kill(int(children.split()[-1]), signal.SIGKILL)


def start(arguments: list[str], **environment: str) -> Any:
    return subprocess.Popen(
        arguments,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def test_a_killed_process_is_started_again(
    tokens: Path, expected: list[float], tmp_path: Path
) -> None:
    torchrun = [*TORCHRUN, "--nproc-per-node", "2", "--max-restarts", "1"]
    command = [*torchrun, *pretrain(tokens, tmp_path)]
    with start(command, TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1") as process:
        kill_one(process, tmp_path)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out == f"{STEPS} steps: {tmp_path / 'model'}\n"
    assert "goes on from" in err
    np.testing.assert_allclose(losses(tmp_path), expected, rtol=1e-5)


def test_where_none_is_started_again_the_others_end_and_more_can_go_on(
    tokens: Path, expected: list[float], tmp_path: Path
) -> None:
    command = [*pretrain(tokens, tmp_path), "--sharded"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    # without torchrun, which may signal the other before it loses its connection
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    first, second = (start(command, **group, RANK=rank, LOCAL_RANK=rank) for rank in "01")
    with first, second:
        wait_for_checkpoint(first, tmp_path)
        second.kill()
        _, err = first.communicate(timeout=300)
    assert first.returncode != 0
    assert "error: another process of the run died or does not respond" in err
    assert not (tmp_path / "model").exists()
    resumed = [*TORCHRUN, "--nproc-per-node", "3", *command, "--resume"]
    subprocess.run(resumed, check=True, capture_output=True, timeout=300)
    np.testing.assert_allclose(losses(tmp_path), expected, rtol=1e-5)


def test_on_this_machine(tokens: Path, expected: list[float], tmp_path: Path) -> None:
    said = run_documented("--standalone", tmp_path, {" tokens ": f" {tokens} "})
    assert said == f"{STEPS} steps: runs/smoke/model\n"
    np.testing.assert_allclose(losses(tmp_path / "runs" / "smoke"), expected, rtol=1e-5)


def test_on_a_ray_cluster(
    tokens: Path, expected: list[float], cluster: str, tmp_path: Path
) -> None:
    changes = {" tokens ": f" {tokens} ", "/shared/": f"{tmp_path}/", "10.0.0.1:6379": cluster}
    said = run_documented("--runner ray", tmp_path, changes)
    run = tmp_path / "runs" / "smoke"
    assert said == f"{STEPS} steps: {run / 'model'}\n"
    np.testing.assert_allclose(losses(run), expected, rtol=1e-5)
