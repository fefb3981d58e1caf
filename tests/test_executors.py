"""The same map on every engine, and what survives when a worker dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from worker_tasks import Task, die_always, die_once, refuse, square

from albertlm.executors import Executor, open_executor


@pytest.fixture(params=["here", "local", "ray"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    options: dict[str, Any] = {"workers": {"here": 1, "local": 2}.get(request.param)}
    if request.param == "ray":
        address = request.getfixturevalue("cluster")
        options = {"engine": "ray", "address": address}
    with open_executor(**options) as opened:
        yield opened


def tasks(count: int, folder: Path) -> list[Task]:
    return [Task(number, folder) for number in range(count)]


def test_each_task_gives_its_result(executor: Executor, tmp_path: Path) -> None:
    assert sorted(executor.map(square, tasks(9, tmp_path))) == [(n, n * n) for n in range(9)]
    assert list(executor.map(square, [])) == []


def test_an_error_of_a_task_is_the_error_of_the_map(executor: Executor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^task \d is refused$"):
        list(executor.map(refuse, tasks(4, tmp_path)))


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_killed_worker_loses_nothing(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"workers": 2}
    if engine == "ray":
        options = {"engine": "ray", "address": request.getfixturevalue("cluster")}
    with open_executor(**options) as executor:
        assert sorted(executor.map(die_once, tasks(8, tmp_path))) == [(n, n) for n in range(8)]
        assert (tmp_path / "died").exists()
        with pytest.raises(OSError, match="their workers died 3 times"):
            list(executor.map(die_always, tasks(2, tmp_path)))


def test_both_nodes_of_a_cluster_work(cluster: str) -> None:
    import ray

    with open_executor("ray", address=cluster):
        assert len([node for node in ray.nodes() if node["Alive"]]) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 0}, "workers=0 is not allowed"),
        ({"engine": "slurm"}, "it is local or ray"),
        ({"address": "head:6379"}, "needs the engine ray"),
        ({"engine": "ray", "address": "head"}, "not of the form HOST:PORT"),
    ],
)
def test_bad_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said), open_executor(**options):
        pass


def test_no_cluster_at_the_address() -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with (
        pytest.raises(ConnectionError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"),
        open_executor("ray", address="127.0.0.1:1"),
    ):
        pass
