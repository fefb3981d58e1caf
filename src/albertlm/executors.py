"""One map over tasks, by processes of this machine or by a Ray cluster.

Tasks must write their results to storage that all workers and the caller share, and return little.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

Engine = Literal["local", "ray"]

ATTEMPTS = 3
"""So often a task is tried when its worker dies; an error that a task raises ends the map."""


class Executor(Protocol):
    """What runs tasks; `open_executor` makes one."""

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Result]]:
        """Call a function on each task.

        Args:
            function: of a module, so that a worker can import it.
            tasks: can be pickled.

        Yields:
            The number of a task and its result, in the order in which tasks end.

        Raises:
            OSError: a task's worker died `ATTEMPTS` times.
            Exception: what a task raised.
        """


@contextmanager
def open_executor(
    engine: Engine = "local", *, workers: int | None = None, address: str | None = None
) -> Iterator[Executor]:
    """An executor for the time of a `with` block.

    Args:
        engine: `local` for processes of this machine, `ray` for a cluster (the extra `ray`).
        workers: processes, or tasks at a time on the cluster; one for each core by default. One
            local worker is this process itself.
        address: of the Ray cluster's head, such as `10.0.0.1:6379`; without it Ray finds the
            cluster of this machine, or starts one for the time of the block.

    Raises:
        ValueError: an argument is malformed or does not belong to the engine.
        ConnectionError: there is no cluster at the address.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers={workers} is not allowed; it must be 1 or more")
    if engine == "ray":
        with connected(address):
            yield RayCluster(workers)
    elif engine != "local":
        raise ValueError(f"engine={engine!r} is not known; it is local or ray")
    elif address is not None:
        raise ValueError(f"address={address!r} needs the engine ray; local processes have none")
    else:
        processes = LocalProcesses(workers or len(os.sched_getaffinity(0)))
        try:
            yield processes
        finally:
            processes.close()


class LocalProcesses:
    """Tasks on processes of this machine, which stay for the next map."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Result]]:
        if self.workers == 1:
            for number, task in enumerate(tasks):
                yield number, function(task)
            return
        left = dict(enumerate(tasks))
        for _ in range(ATTEMPTS):
            try:
                for number, result in self._run(function, left):
                    del left[number]
                    yield number, result
            except BrokenProcessPool:
                # with one dead worker the pool is lost: what it did not finish goes to a new one
                self.close()
                continue
            return
        raise _died(len(left))

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _run(
        self, function: Callable[[Task], Result], tasks: dict[int, Task]
    ) -> Iterator[tuple[int, Result]]:
        self._pool = self._pool or ProcessPoolExecutor(
            self.workers,
            # a forked process would inherit locks of threads that it does not have
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_follow_parent,
        )
        futures = {self._pool.submit(function, task): number for number, task in tasks.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            for future in futures:
                future.cancel()


class RayCluster:
    """Tasks on the Ray cluster to which this process is connected."""

    def __init__(self, workers: int | None) -> None:
        self.workers = workers

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, Result]]:
        import ray

        remote = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(function)
        # twice the cores, so that none waits for the next task
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        at_once = self.workers or 2 * max(1, int(resources.get("CPU", 1)))
        waiting = list(enumerate(tasks))[::-1]
        running: dict[Any, int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    number, task = waiting.pop()
                    running[remote.remote(task)] = number
                ended, _ = ray.wait(list(running))
                for reference in ended:
                    yield running.pop(reference), _get(reference, len(running) + len(waiting) + 1)
        finally:
            for reference in running:
                ray.cancel(reference)


def _get(reference: Any, left: int) -> Any:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
        raise _died(left) from None


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """This process connected to a Ray cluster; see `open_executor` for the address and errors."""
    import ray

    if address:
        _knock(address)
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise a ConnectionError where nothing listens: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"address={address!r} is not of the form HOST:PORT, such as 10.0.0.1:6379")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise ConnectionError(
            f"no Ray cluster answers at {address} ({error}); start one with `ray start --head`"
        ) from None


def _died(left: int) -> OSError:
    return OSError(
        f"{left} tasks are left, and their workers died {ATTEMPTS} times (killed, or out of "
        "memory); start again with fewer workers: what is finished stays"
    )


def _follow_parent() -> None:
    """End this worker with the process that started it, and leave Ctrl-C to that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
