"""Processes on a Ray cluster: they connect, and are started again if one dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from cluster_calls import Job, work
from ray_nodes import two_nodes

from albertlm.executors import ATTEMPTS
from albertlm.training import launch
from albertlm.training.launch import run_on_cluster

pytest.importorskip("ray.train", reason="Ray Train is not installed")
pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, float]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Has spare cores, since Ray Train may hold those of dead processes for a while."""
    with two_nodes(cores=4) as address:
        yield address


@pytest.fixture
def run(cluster: str) -> Iterator[Run]:
    """Runs a job on the cluster from a new process, as a command would.

    Ray's head checks that this process is alive, and one that has run other tests does not always
    respond.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:

        def call(job: Job, **named: Any) -> tuple[int, float]:
            named["address"] = cluster
            return pool.submit(partial(run_on_cluster, work, job, job.marks, **named)).result()

        yield call


def calls(folder: Path) -> int:
    """The number of calls of the last of two processes."""
    return len((folder / "1").read_text("utf-8").splitlines())


def test_when_one_dies_all_are_started_again(run: Run, tmp_path: Path) -> None:
    assert run(Job(tmp_path, "die once"), ranks=2) == (2, 3)


@pytest.mark.parametrize("watching", [False, True])
def test_a_process_that_always_dies(
    watching: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With simulated errors of Ray, since a real cluster takes minutes to raise them."""
    from ray.exceptions import ActorDiedError
    from ray.train import TrainingFailedError

    class Dying:
        attempts = 0

        def __init__(self, *_: Any) -> None:
            Dying.attempts += 1

        def fit(self) -> None:
            if watching:
                raise ActorDiedError
            failed = TrainingFailedError("a process died")
            failed.worker_failures = {0: ConnectionError("lost"), 1: ActorDiedError()}  # type: ignore[attr-defined]
            raise failed

    monkeypatch.setattr(launch, "connected", lambda _: nullcontext())
    monkeypatch.setattr(launch, "_uses_gpus", lambda *_: False)
    monkeypatch.setattr(launch, "_trainer", Dying)
    with pytest.raises(OSError, match="processes of the run died 3 times"):
        run_on_cluster(work, Job(tmp_path), tmp_path, ranks=2)
    assert Dying.attempts == ATTEMPTS


def test_what_a_process_raises_is_raised(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^the job is refused$"):
        run(Job(tmp_path, "refuse"), ranks=2)
    assert calls(tmp_path) == 1


def test_too_small_a_cluster(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ranks=9 is not allowed; the cluster has 8 CPUs"):
        run(Job(tmp_path), ranks=9)
    with pytest.raises(ValueError, match="the cluster has 0 GPUs"):
        run(Job(tmp_path), ranks=1, device="cuda")
