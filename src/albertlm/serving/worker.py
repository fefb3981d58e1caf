"""The process that computes a model, and what it and the front send to each other."""

from __future__ import annotations

import pickle
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, Literal, NamedTuple

from albertlm.serving.batching import Cancelled, Usage
from albertlm.serving.loaded_model import LoadedModel, LoadOptions
from albertlm.serving.service import Timings

THREADS = 64
"""The requests that a worker tokenizes or computes at once; more of them wait."""


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


class Value(NamedTuple):
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


class Worker:
    """Carries out requests in threads.

    Args:
        model: the model.
        replies: the end of a pipe to the front.
        log_texts: whether what is told for the log may hold texts.
    """

    def __init__(self, model: LoadedModel, replies: Connection, *, log_texts: bool) -> None:
        self._model = model
        self._replies = replies
        self._log_texts = log_texts
        self._usages: dict[int, Usage] = {}
        self._sending = threading.Lock()

    def serve(self, requests: Connection) -> None:
        """Carry out requests until the front closes its end of a pipe."""
        with ThreadPoolExecutor(THREADS, "requests") as pool:
            while (message := _received(requests)) is not None:
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
            reply = pickle.dumps(Refusal(request.number, "validation", str(error), ""))
        except Exception as error:
            message = f"{request.task} failed; the log of the server says why"
            details = self._details(error)
            reply = pickle.dumps(Refusal(request.number, "internal", message, details))
        finally:
            del self._usages[request.number]
        with self._sending:
            _send(self._replies, reply)

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
        )
        return pickle.dumps(Value(request.number, value, timings))

    def _details(self, error: Exception) -> str:
        if self._log_texts:
            return "".join(traceback.format_exception(error))
        # the message of an error may quote a text
        return "".join([*traceback.format_tb(error.__traceback__), type(error).__name__])


def run(options: LoadOptions, requests: Connection, replies: Connection) -> None:
    """Open a model and carry out requests, as the main function of a process.

    Signals that end the front are left to it. The process ends when the front closes its end of
    `requests`, or is killed.

    Args:
        options: the model.
        requests: the end of a pipe from the front.
        replies: the end of a pipe to the front.
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
        _send(replies, pickle.dumps(LoadFailure(problem, details)))
        return
    _send(replies, pickle.dumps(Ready(model.tasks, model.facts)))
    Worker(model, replies, log_texts=options.log_texts).serve(requests)
    model.close()


def _received(requests: Connection) -> Request | Cancellation | None:
    """The next message, or None if the front is gone."""
    try:
        message: Request | Cancellation = requests.recv()
    except (EOFError, OSError):
        return None
    return message


def _send(replies: Connection, pickled: bytes) -> None:
    try:
        replies.send_bytes(pickled)
    except OSError:  # the front is gone, and the pipe of requests says so, too
        return
