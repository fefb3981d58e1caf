"""A worker process, as the front that answers HTTP sees it."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import logging
import multiprocessing
import pickle
import queue
import signal
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from albertlm.executors import thread_share
from albertlm.serving import worker
from albertlm.serving.errors import InvalidRequest, ServingError, Unavailable
from albertlm.serving.loaded_model import LoadOptions
from albertlm.serving.service import Answer
from albertlm.serving.worker import Cancellation, LoadFailure, Ready, Refusal, Request, Value

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
    """Starts a process that opens a model, and asks it.

    Everything is called in the thread of the event loop in which it is made.

    Args:
        options: the model.
        threads: those that the process computes in, unless OMP_NUM_THREADS is set.

    Fields:
        ready: the tasks and the facts of the model when it is warm; fails with a `LoadError`.
        ended: ends when the process has.
    """

    def __init__(self, options: LoadOptions, *, threads: int) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[Ready] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._pending: dict[int, asyncio.Future[Value]] = {}
        self._numbers = itertools.count()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        context = multiprocessing.get_context("spawn")
        # one pipe for each direction: closing that of requests ends the worker, and its end the
        # other one, while a thread still reads from it
        their_requests, requests = context.Pipe(duplex=False)
        replies, their_replies = context.Pipe(duplex=False)
        self._process = context.Process(
            target=worker.run, args=(options, their_requests, their_replies), daemon=True
        )
        with thread_share(threads):
            self._process.start()
        # at the end of this process, those that are left are waited for
        atexit.register(self._process.kill)
        their_requests.close()
        their_replies.close()
        for name, target, connection in (
            ("requests", self._write, requests),
            ("replies", self._read, replies),
        ):
            threading.Thread(target=target, args=(connection,), name=name, daemon=True).start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid or 0

    @property
    def load(self) -> int:
        """The number of requests that it has not answered."""
        return len(self._pending)

    async def call(self, task: str, inputs: Any, options: Mapping[str, Any]) -> Answer:
        """Carry out a task; see `Service.call`. If the caller is cancelled, so is the request.

        Raises:
            InvalidRequest: the inputs or the options are not those of the task.
            Unavailable: the process ended.
            ServingError: an error in the worker.
        """
        started = self._loop.time()
        number = next(self._numbers)
        request = pickle.dumps(Request(number, task, inputs, options))
        answered = self._pending[number] = self._loop.create_future()
        if self.ended.done():
            self._fail_pending()
        else:
            self._outbox.put(request)
        try:
            value = await answered
        except asyncio.CancelledError:
            self._outbox.put(pickle.dumps(Cancellation(number)))
            raise
        finally:
            del self._pending[number]
        total = self._loop.time() - started
        spent = value.timings
        # what the way there and back took counts as waiting
        waited = spent.queue + total - spent.total
        return Answer(value.value, spent._replace(queue=waited, total=total))

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
                self._outbox.put(None)
                await asyncio.shield(self.ended)
        except TimeoutError:
            self.kill()
            await self.ended

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        self._process.kill()

    def _write(self, requests: Connection) -> None:
        """Send what is in the outbox until there is None, in a thread."""
        with requests:
            while (message := self._outbox.get()) is not None:
                try:
                    requests.send_bytes(message)
                except OSError:  # the process died, which the other thread sees, too
                    return

    def _read(self, replies: Connection) -> None:
        """Receive until the process ends, in a thread."""
        with replies:
            try:
                while True:
                    self._in_loop(self._receive, replies.recv())
            except (EOFError, OSError):
                pass
        self._process.join()
        self._in_loop(self._end)

    def _in_loop(self, function: Any, *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop was closed, and nobody waits for the process
            return

    def _receive(self, message: Ready | LoadFailure | Value | Refusal) -> None:
        match message:
            case Ready():
                _settle(self.ready, message)
            case LoadFailure(problem, details):
                LOGGER.error("%s\n%s", problem, details)
                _settle(self.ready, LoadError(problem, has_died=False))
            case Value(number):
                _settle(self._pending.get(number), message)
            case _:
                number, kind, told, details = message
                if details:
                    LOGGER.error("%s\n%s", told, details)
                error = InvalidRequest(told) if kind == "validation" else ServingError(told)
                _settle(self._pending.get(number), error)

    def _end(self) -> None:
        atexit.unregister(self._process.kill)
        self._outbox.put(None)
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
