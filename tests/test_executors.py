"""The same map on every runner, and what survives when a worker dies."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from worker_tasks import Task, die_always, die_once, linger, refuse, square, threads

from albertlm import executors
from albertlm.executors import Executor, open_executor

RAY = pytest.param("ray", marks=pytest.mark.slow)  # a cluster takes its time to start


@pytest.fixture(params=["here", "local", RAY])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    options: dict[str, Any] = {"workers": {"here": 1, "local": 2}.get(request.param)}
    if request.param == "ray":
        address = request.getfixturevalue("cluster")
        options = {"runner": "ray", "address": address}
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


@pytest.mark.parametrize("runner", ["local", RAY])
def test_a_killed_worker_loses_nothing(
    runner: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"workers": 2}
    if runner == "ray":
        options = {"runner": "ray", "address": request.getfixturevalue("cluster")}
    with open_executor(**options) as executor:
        assert sorted(executor.map(die_once, tasks(8, tmp_path))) == [(n, n) for n in range(8)]
        assert (tmp_path / "died").exists()
        with pytest.raises(OSError, match="their workers died 3 times"):
            list(executor.map(die_always, tasks(2, tmp_path)))


def test_an_interruption_ends_the_workers_in_their_tasks(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_executor(workers=2) as executor:  # noqa: PT012
        assert next(executor.map(linger, tasks(4, tmp_path))) == (0, 0)
        raise KeyboardInterrupt
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("given", ["5", None])
def test_workers_share_the_cores(
    given: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))
    with open_executor(workers=2) as executor:
        assert dict(executor.map(threads, tasks(1, tmp_path))) == {0: given or "3"}
    assert os.environ.get("OMP_NUM_THREADS") == given


def test_both_nodes_of_a_cluster_work(cluster: str) -> None:
    import ray

    with open_executor("ray", address=cluster):
        assert len([node for node in ray.nodes() if node["Alive"]]) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 0}, "workers=0 is not allowed"),
        ({"runner": "slurm"}, "it must be one of local, ray"),
        ({"address": "head:6379"}, "needs the runner ray"),
        ({"runner": "ray", "address": "head"}, "not of the form HOST:PORT"),
    ],
)
def test_bad_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said), open_executor(**options):
        pass


def test_without_an_address_no_running_cluster_is_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    given = []
    monkeypatch.setattr(ray, "init", lambda **options: given.append(options["address"]))
    with listening(bytes(3) + b"\4" + bytes(5)) as address:
        for variable in ("", address):
            monkeypatch.setenv("RAY_ADDRESS", variable)
            with open_executor("ray"):
                pass
    assert given == ["local", address]


@contextmanager
def listening(answer: bytes) -> Iterator[str]:
    """The address of a server that answers the first connection with these bytes."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(100)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_another_server_at_the_address(answer: bytes) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with (
        listening(answer) as address,
        pytest.raises(ConnectionError, match="something else listens there"),
        open_executor("ray", address=address),
    ):
        pass


def test_a_silent_server_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "KNOCK_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(ConnectionError, match="timed out"), open_executor("ray"):
            pass


def test_no_cluster_at_the_address() -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with (
        pytest.raises(ConnectionError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"),
        open_executor("ray", address="127.0.0.1:1"),
    ):
        pass
