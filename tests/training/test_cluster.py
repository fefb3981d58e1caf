"""Processes on a Ray cluster: they find each other, and are started again when one dies."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_calls import Job, work

from albertlm.training.cluster import run_on_cluster

pytest.importorskip("ray.train", reason="Ray Train is not installed")
pytestmark = pytest.mark.slow


def test_when_one_dies_all_are_started_again(cluster: str, tmp_path: Path) -> None:
    job = Job(tmp_path, "die once")
    assert run_on_cluster(work, job, tmp_path, ranks=2, address=cluster) == (2, 3)


def test_a_process_that_always_dies(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="processes of the run died 3 times"):
        run_on_cluster(work, Job(tmp_path, "die"), tmp_path, ranks=2, address=cluster)


def test_what_a_process_raises_is_raised(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^the job is refused$"):
        run_on_cluster(work, Job(tmp_path, "refuse"), tmp_path, ranks=2, address=cluster)


def test_too_small_a_cluster(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ranks=3 is not allowed; the cluster has 2 CPUs"):
        run_on_cluster(work, Job(tmp_path), tmp_path, ranks=3, address=cluster)
    with pytest.raises(ValueError, match="the cluster has 0 GPUs"):
        run_on_cluster(work, Job(tmp_path), tmp_path, ranks=1, address=cluster, device="cuda")
