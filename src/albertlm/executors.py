"""Map a function over tasks, in processes of this machine or on a Ray cluster.

Tasks should write large results to storage that the caller and all workers share, and return only
small ones.
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
from typing import Any, Literal, Protocol, TypeVar, get_args

from albertlm.settings import check_at_least, check_choice

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

Runner = Literal["local", "ray"]
"""Where tasks run: in processes of this machine, or on a Ray cluster."""

ATTEMPTS = 3
"""How often a task is attempted if its worker dies; an error that a task raises ends the map."""

KNOCK_SECONDS = 3
"""How long the head of a Ray cluster may take to answer."""


class Executor(Protocol):
    """Runs tasks; created by `open_executor`."""

    def map(
        self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]
    ) -> Iterator[tuple[int, _Result]]:
        """Call a function on each task.

        Args:
            function: a function of a module, so that workers can import it.
            tasks: the arguments, which can be pickled.

        Yields:
            The number of a task and its result, in the order in which tasks finish.

        Raises:
            OSError: the worker of a task died `ATTEMPTS` times.
            Exception: the error that a task raised.
        """


@contextmanager
def open_executor(
    runner: Runner = "local", *, workers: int | None = None, address: str | None = None
) -> Iterator[Executor]:
    """An executor for the duration of a `with` block.

    Args:
        runner: `local` for processes of this machine, `ray` for a cluster (the extra `ray`).
        workers: the number of processes, or of concurrent tasks on the cluster; one for each core
            by default. A single local worker is this process itself.
        address: the address of the Ray cluster's head, such as `10.0.0.1:6379`; by default, that of
            the environment variable RAY_ADDRESS, or else a cluster of this machine that is started
            for the duration of the block. A cluster that already runs here is joined only by its
            address.

    Raises:
        ValueError: an argument is malformed or does not belong to the runner.
        ConnectionError: there is no cluster at the address.
    """
    check_at_least(1, workers=workers)
    check_choice(get_args(Runner), runner=runner)
    if runner == "ray":
        with connected(address):
            yield RayCluster(workers)
    elif address is not None:
        raise ValueError(f"address={address!r} needs the runner ray; leave it out otherwise")
    else:
        processes = LocalProcesses(workers or len(os.sched_getaffinity(0)))
        try:
            yield processes
        except BaseException:
            processes.kill()
            raise
        finally:
            processes.close()


class LocalProcesses:
    """Runs tasks in processes of this machine, which are reused by the next map.

    Several workers share the cores: libraries that obey OMP_NUM_THREADS, such as NumPy, compute in
    as many threads as a worker's share, unless it is set. Ray's tasks have one thread each.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def map(
        self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]
    ) -> Iterator[tuple[int, _Result]]:
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
                # a dead worker breaks the whole pool: a new one runs the unfinished tasks
                self.close()
                continue
            return
        raise _died(len(left))

    def kill(self) -> None:
        """End the workers in the middle of their tasks."""
        # what `kill_workers` does from Python 3.14 on
        for worker in list(((self._pool and self._pool._processes) or {}).values()):
            worker.kill()

    def close(self) -> None:
        """End the workers after the tasks that they are working on."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _run(
        self, function: Callable[[_Task], _Result], tasks: dict[int, _Task]
    ) -> Iterator[tuple[int, _Result]]:
        self._pool = self._pool or ProcessPoolExecutor(
            self.workers,
            # a forked process would inherit locks held by threads that it does not have
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_follow_parent,
        )
        with thread_share(len(os.sched_getaffinity(0)) // self.workers):
            futures = {self._pool.submit(function, task): number for number, task in tasks.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            for future in futures:
                future.cancel()


class RayCluster:
    """Runs tasks on the Ray cluster that this process is connected to."""

    def __init__(self, workers: int | None) -> None:
        self.workers = workers

    def map(
        self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]
    ) -> Iterator[tuple[int, _Result]]:
        import ray

        remote = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(function)
        # twice the number of cores, so that no core waits for its next task
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
    """Connect this process to a Ray cluster; see `open_executor` for the address and errors.

    A cluster that is started here sends no statistics to Ray's makers.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"  # None would join any cluster
    if address not in ("local", "auto"):
        _knock(address)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # which are sent to its makers otherwise
    import ray

    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise a ConnectionError if no Ray cluster answers; Ray would retry for minutes.

    Ray's servers speak HTTP/2, in which both sides begin with their settings (RFC 9113, 3.4).
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"address={address!r} is not of the form HOST:PORT, such as 10.0.0.1:6379")
    try:
        with socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS") != "1":
                connection.sendall(
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5)
                )
                if connection.recv(4)[3:] != b"\4":
                    raise OSError("something else listens there")
    except OSError as error:
        raise ConnectionError(
            f"no Ray cluster answers at {address} ({error}); start one with `ray start --head`"
        ) from None


@contextmanager
def thread_share(count: int) -> Iterator[None]:
    """Start processes with a number of threads for computing, unless the user has set it."""
    name = "OMP_NUM_THREADS"
    if name in os.environ:
        yield
        return
    # in the environment, since libraries read it when they are loaded
    os.environ[name] = str(max(1, count))
    try:
        yield
    finally:
        del os.environ[name]


def _died(left: int) -> OSError:
    return OSError(
        f"{left} tasks are unfinished: their workers died {ATTEMPTS} times (killed, or out of "
        "memory); start again with fewer workers; finished tasks are kept"
    )


def _follow_parent() -> None:
    """End this worker when its parent process ends, and leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
