"""A worker process, as the front that answers HTTP sees it."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import itertools
import logging
import multiprocessing
import pickle
import signal
import socket
from collections.abc import Mapping
from multiprocessing.context import SpawnProcess
from typing import Any, Self

from albertlm.executors import thread_share
from albertlm.serving import worker
from albertlm.serving.errors import InvalidRequest, ServingError, Unavailable
from albertlm.serving.loaded_model import LoadOptions
from albertlm.serving.service import TaskAnswer
from albertlm.serving.worker import (
    HEADER,
    Cancellation,
    LoadFailure,
    Ready,
    Refusal,
    Request,
    TaskValue,
    framed,
)

LOGGER = logging.getLogger(__name__)


class LoadError(Exception):
    """A worker could not open its model, as the message says.

    Fields:
        has_died: whether its process died, so that the model may be sound.
    """

    def __init__(self, problem: str, *, has_died: bool) -> None:
        super().__init__(problem)
        self.has_died = has_died


class WorkerProcess:
    """A process that opened a model, or still does; `start` makes one.

    Everything is called in the thread of one event loop.

    Args:
        process: the process.
        reader: what it sends.
        writer: what is sent to it.

    Fields:
        ready: the tasks and the facts of the model when it is warm; fails with a `LoadError`.
        ended: ends when the process has.
    """

    def __init__(
        self, process: SpawnProcess, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[Ready] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._process = process
        self._reader = reader
        self._writer = writer
        self._pending: dict[int, asyncio.Future[TaskValue]] = {}
        self._numbers = itertools.count()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, options: LoadOptions, *, threads: int) -> Self:
        """Start a process that opens a model.

        Args:
            options: the model.
            threads: those that the process computes in, unless OMP_NUM_THREADS is set.

        Raises:
            OSError: the machine has no room for a process.
        """
        ours, theirs = socket.socketpair()
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=worker.run, args=(options, theirs), daemon=True)
        with theirs, thread_share(threads):
            process.start()
        # at the end of this process, those that are left are waited for
        atexit.register(process.kill)
        return cls(process, *await asyncio.open_unix_connection(sock=ours))

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid or 0

    @property
    def load(self) -> int:
        """The number of requests that it has not answered."""
        return len(self._pending)

    async def call(self, task: str, inputs: Any, options: Mapping[str, Any]) -> TaskAnswer:
        """Carry out a task; see `Service.call`. If the caller is cancelled, so is the request.

        Raises:
            InvalidRequest: the inputs or the options are not those of the task.
            Unavailable: the process ended.
            ServingError: an error in the worker.
        """
        started = self._loop.time()
        number = next(self._numbers)
        answered = self._pending[number] = self._loop.create_future()
        try:
            self._send(Request(number, task, inputs, options))
            value = await answered
        except asyncio.CancelledError:
            self._send(Cancellation(number))
            raise
        finally:
            del self._pending[number]
        total = self._loop.time() - started
        spent = value.timings
        # what the way there and back took counts as waiting
        waited = spent.queue + total - spent.total
        return TaskAnswer(value.value, spent._replace(queue=waited, total=total))

    async def stop(self, within: float | None = None) -> None:
        """Wait for all answers, and end the process.

        Args:
            within: the seconds after which it is killed; by default, it has all the time it needs.
        """
        try:
            async with asyncio.timeout(within):
                while self._pending:
                    await asyncio.wait([*self._pending.values()])
                    await asyncio.sleep(0)  # for the callers to take their answers
                self._writer.close()
                await asyncio.shield(self.ended)
        except TimeoutError:
            self.kill()
            await self.ended

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        self._process.kill()

    def _send(self, message: Request | Cancellation) -> None:
        if self.ended.done():
            self._fail_pending()
        elif not self._writer.is_closing():
            self._writer.write(framed(message))

    async def _read(self) -> None:
        """Receive until the process ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await self._reader.readexactly(HEADER))
                self._receive(pickle.loads(await self._reader.readexactly(size)))  # noqa: S301
        self._writer.close()
        has_ended = asyncio.Event()
        self._loop.add_reader(self._process.sentinel, has_ended.set)
        await has_ended.wait()
        self._loop.remove_reader(self._process.sentinel)
        self._process.join()
        self._end()

    def _receive(self, message: Ready | LoadFailure | TaskValue | Refusal) -> None:
        match message:
            case Ready():
                _settle(self.ready, message)
            case LoadFailure(problem, details):
                LOGGER.error("%s\n%s", problem, details)
                _settle(self.ready, LoadError(problem, has_died=False))
            case TaskValue(number):
                _settle(self._pending.get(number), message)
            case _:
                number, kind, told, details = message
                if details:
                    LOGGER.error("%s\n%s", told, details)
                error = InvalidRequest(told) if kind == "validation" else ServingError(told)
                _settle(self._pending.get(number), error)

    def _end(self) -> None:
        atexit.unregister(self._process.kill)
        self.ended.set_result(None)
        code = self._process.exitcode
        told = f"its worker died while loading it (exit code {code})"
        if code == -signal.SIGKILL:
            told += "; it may have run out of memory"
        _settle(self.ready, LoadError(told, has_died=True))
        self._fail_pending()

    def _fail_pending(self) -> None:
        told = "the worker that computed the request died; send it again"
        for answered in self._pending.values():
            _settle(answered, Unavailable(told, retry_after=1))


def _settle(future: asyncio.Future[Any] | None, result: object) -> None:
    """Set a result or an error, unless nobody waits for it any more."""
    if future is None or future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
