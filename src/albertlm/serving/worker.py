"""The process that computes a model, and what it and the front send to each other."""

from __future__ import annotations

import pickle
import signal
import socket
import threading
import time
import traceback
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, Literal, NamedTuple

from albertlm.serving.batching import Cancelled, Usage
from albertlm.serving.loaded_model import LoadedModel, LoadOptions
from albertlm.serving.service import Timings

THREADS = 64
"""The requests that a worker tokenizes or computes at once; more of them wait."""

HEADER = 8
"""The bytes before a message that say how many it has."""


class Request(NamedTuple):
    """To the worker: carry out a task; see `Service.call`."""

    number: int
    task: str
    inputs: Any
    options: Mapping[str, Any]


class Cancellation(NamedTuple):
    """To the worker: the answer to a request is not needed any more, and none is sent."""

    number: int


class Ready(NamedTuple):
    """To the front: the model is warm, with its `tasks` and `facts`."""

    tasks: tuple[str, ...]
    facts: Mapping[str, Any]


class LoadFailure(NamedTuple):
    """To the front: the model cannot be opened, and the worker ends."""

    problem: str
    details: str


class TaskValue(NamedTuple):
    """To the front: what a task gave."""

    number: int
    value: Any
    timings: Timings


class Refusal(NamedTuple):
    """To the front: why a request has no answer.

    Fields:
        number: that of the request.
        kind: `validation` if the request is wrong, and `internal` if the server is.
        message: for the client.
        details: for the log.
    """

    number: int
    kind: Literal["validation", "internal"]
    message: str
    details: str


def framed(message: object) -> bytes:
    """A message as it is sent."""
    pickled = pickle.dumps(message)
    return len(pickled).to_bytes(HEADER) + pickled


class Worker:
    """Carries out requests in threads.

    Args:
        model: the model.
        front: the end of a connection to the front.
        log_texts: whether what is told for the log may hold texts.
    """

    def __init__(self, model: LoadedModel, front: socket.socket, *, log_texts: bool) -> None:
        self._model = model
        self._front = front
        self._log_texts = log_texts
        self._usages: dict[int, Usage] = {}
        self._sending = threading.Lock()

    def serve(self) -> None:
        """Carry out requests until the front closes its end of the connection."""
        with self._front.makefile("rb") as sent, ThreadPoolExecutor(THREADS, "requests") as pool:
            while (message := _received(sent)) is not None:
                if isinstance(message, Request):
                    usage = self._usages[message.number] = Usage()
                    pool.submit(self._carry_out, message, usage, time.monotonic())
                elif usage_of_it := self._usages.get(message.number):
                    self._model.engine.cancel(usage_of_it)
            for usage in list(self._usages.values()):
                self._model.engine.cancel(usage)

    def _carry_out(self, request: Request, usage: Usage, received: float) -> None:
        try:
            reply = self._value(request, usage, received)
        except Cancelled:
            return
        except ValueError as error:
            reply = framed(Refusal(request.number, "validation", str(error), ""))
        except Exception as error:
            message = f"{request.task} failed; the log of the server says why"
            details = self._details(error)
            reply = framed(Refusal(request.number, "internal", message, details))
        finally:
            del self._usages[request.number]
        with self._sending:
            _send(self._front, reply)

    def _value(self, request: Request, usage: Usage, received: float) -> bytes:
        if usage.is_cancelled:
            raise Cancelled
        started = time.monotonic()
        value = self._model.run(request.task, request.inputs, request.options, usage)
        ended = time.monotonic()
        timings = Timings(
            queue=started - received + usage.queue,
            tokenization=(usage.begun or ended) - started,
            inference=usage.inference,
            total=ended - received,
            tokens=usage.tokens,
            batch_tokens=usage.batch.tokens,
            batch_texts=usage.batch.texts,
        )
        return framed(TaskValue(request.number, value, timings))

    def _details(self, error: Exception) -> str:
        if self._log_texts:
            return "".join(traceback.format_exception(error))
        # the message of an error may quote a text
        return "".join([*traceback.format_tb(error.__traceback__), type(error).__name__])


def run(options: LoadOptions, front: socket.socket) -> None:
    """Open a model and carry out requests, as the main function of a process.

    Signals that end the front are left to it. The process ends when the front closes its end of
    the connection, or is killed.

    Args:
        options: the model.
        front: the end of a connection to the front.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if not options.log_texts:
        warnings.simplefilter("ignore")  # some quote texts
    try:
        model = LoadedModel(options)
        model.warm_up()
    except Exception as error:
        problem = str(error) or type(error).__name__
        details = "".join(traceback.format_exception(error))
        _send(front, framed(LoadFailure(problem, details)))
        return
    _send(front, framed(Ready(model.tasks, model.facts)))
    Worker(model, front, log_texts=options.log_texts).serve()
    model.close()


def _received(sent: IO[bytes]) -> Request | Cancellation | None:
    """The next message, or None if the front is gone."""
    try:
        header = sent.read(HEADER)
        pickled = sent.read(int.from_bytes(header))
        message: Request | Cancellation = pickle.loads(pickled)  # noqa: S301 - ours
    except (EOFError, OSError, pickle.UnpicklingError):
        return None
    return message


def _send(front: socket.socket, message: bytes) -> None:
    try:
        front.sendall(message)
    except OSError:  # the front is gone, which `serve` sees, too
        return
