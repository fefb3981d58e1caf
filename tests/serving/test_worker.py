import pickle
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from albertlm.serving import worker
from albertlm.serving.batching import BatchSize, Cancelled, Usage
from albertlm.serving.loaded_model import LoadOptions
from albertlm.serving.worker import (
    HEADER,
    Cancellation,
    LoadFailure,
    Ready,
    Refusal,
    Request,
    TaskValue,
    Worker,
    framed,
)

PATIENT = 60  # seconds after which a test fails rather than hangs

SECRET = "the text of a user"


class FakeEngine:
    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel(self, usage: Usage) -> None:
        usage.is_cancelled = True
        self.cancelled.set()


class FakeModel:
    """A model whose tasks are what tests need."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.started: list[str] = []

    def run(self, task: str, inputs: Any, options: Any, usage: Usage) -> Any:
        self.started.append(task)
        match task:
            case "echo":
                return inputs, options
            case "use":
                usage.begun = time.monotonic()
                usage.inference, usage.queue, usage.tokens = 0.25, 0.5, 7
                usage.batch = BatchSize(tokens=20, texts=3)
                return None
            case "refuse":
                raise ValueError(f"{inputs} is wrong")
            case "fail":
                raise KeyError(SECRET)
            case "wait":
                assert self.engine.cancelled.wait(PATIENT)
                raise Cancelled
        raise AssertionError(task)


@contextmanager
def serving(**options: Any) -> Iterator[tuple[FakeModel, socket.socket]]:
    """A model that is served in a thread, and the end of the connection that the front has."""
    model: Any = FakeModel()
    front, theirs = socket.socketpair()
    server = Worker(model, theirs, **{"log_texts": False, **options})
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    with front, theirs:
        yield model, front
        front.close()
        thread.join(PATIENT)
        assert not thread.is_alive()


def send(front: socket.socket, *messages: Request | Cancellation) -> None:
    for message in messages:
        front.sendall(framed(message))


def received(front: socket.socket) -> Any:
    front.settimeout(PATIENT)
    size = int.from_bytes(front.recv(HEADER, socket.MSG_WAITALL))
    return pickle.loads(front.recv(size, socket.MSG_WAITALL))


def test_a_request_has_its_value() -> None:
    with serving() as (_, front):
        send(front, Request(7, "echo", ["a"], {"b": 1}))
        reply = received(front)
        assert isinstance(reply, TaskValue)
        assert (reply.number, reply.value) == (7, (["a"], {"b": 1}))


def test_a_request_has_its_timings() -> None:
    with serving() as (_, front):
        send(front, Request(1, "use", None, {}))
        timings = received(front).timings
    assert (timings.tokens, timings.batch_tokens, timings.batch_texts) == (7, 20, 3)
    assert timings.inference == 0.25
    assert timings.queue >= 0.5
    assert timings.tokenization >= 0
    assert timings.total >= timings.tokenization


def test_a_value_error_is_the_fault_of_the_request() -> None:
    with serving() as (_, front):
        send(front, Request(1, "refuse", "this", {}))
        assert received(front) == Refusal(1, "validation", "this is wrong", "")


@pytest.mark.parametrize("log_texts", [False, True])
def test_another_error_is_told_to_the_log_alone(log_texts: bool) -> None:
    with serving(log_texts=log_texts) as (_, front):
        send(front, Request(1, "fail", "this", {}))
        reply = received(front)
    assert reply.kind == "internal"
    assert reply.message == "fail failed; the log of the server says why"
    assert "test_worker.py" in reply.details
    assert "KeyError" in reply.details
    assert (SECRET in reply.details) == log_texts


def test_a_cancelled_request_has_no_reply() -> None:
    with serving() as (model, front):
        send(front, Request(1, "wait", None, {}))
        send(front, Cancellation(1))
        send(front, Cancellation(99))  # which was answered before
        assert model.engine.cancelled.wait(PATIENT)
        send(front, Request(2, "echo", None, {}))
        assert received(front).number == 2


def test_a_request_that_is_cancelled_before_its_turn_is_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "THREADS", 1)
    with serving() as (model, front):
        send(front, Request(1, "wait", None, {}))
        send(front, Request(2, "echo", None, {}))
        send(front, Cancellation(2))
        assert model.engine.cancelled.wait(PATIENT)  # which ends the first one, too
        send(front, Request(3, "echo", None, {}))
        assert received(front).number == 3
    assert model.started == ["wait", "echo"]


def test_requests_are_cancelled_when_the_front_is_gone() -> None:
    with serving() as (model, front):
        send(front, Request(1, "wait", None, {}))
        front.close()
        assert model.engine.cancelled.wait(PATIENT)


RunHere = Callable[..., list[Any]]


@pytest.fixture
def run_here() -> Iterator[RunHere]:
    """Calls `run` in this process, with some bytes, and returns the messages that it sends.

    Handlers of signals are restored.
    """
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}

    def call(options: LoadOptions, received: bytes = b"") -> list[Any]:
        front, theirs = socket.socketpair()
        with front:
            front.sendall(received)
            front.shutdown(socket.SHUT_WR)
            with theirs, warnings.catch_warnings():
                worker.run(options, theirs)
            sent = front.makefile("rb").read()
        messages = []
        while sent:
            end = HEADER + int.from_bytes(sent[:HEADER])
            messages.append(pickle.loads(sent[HEADER:end]))
            sent = sent[end:]
        return messages

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_process_whose_front_is_gone_ends(tiny_folder: Path, run_here: RunHere) -> None:
    front, theirs = socket.socketpair()
    front.close()
    with theirs:
        worker.run(LoadOptions(tiny_folder, "numpy", "auto", 64), theirs)


def test_a_process_is_ready_answers_and_ends_with_the_front(
    run_here: RunHere, tiny_folder: Path
) -> None:
    whole, cut = (framed(Request(number, "tokenize", "a", {})) for number in (1, 2))
    ready, *others = run_here(LoadOptions(tiny_folder, "numpy", "auto", 64), whole + cut[:20])
    assert isinstance(ready, Ready)
    assert ready.tasks[0] == "fill-mask"
    assert ready.facts["engine"] == "numpy"
    assert all(isinstance(reply, TaskValue) for reply in others)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_texts_may_be_shown_by_warnings_where_they_may_be_logged(
    run_here: RunHere, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filters: list[Any] = []
    monkeypatch.setattr(warnings, "simplefilter", filters.append)
    run_here(LoadOptions(tiny_folder, "numpy", "auto", 64, log_texts=True))
    assert filters == []
    run_here(LoadOptions(tiny_folder, "numpy", "auto", 64))
    assert filters == ["ignore"]


def test_a_folder_that_cannot_be_opened(run_here: RunHere, tmp_path: Path) -> None:
    (failure,) = run_here(LoadOptions(tmp_path, "numpy", "auto", 64))
    assert isinstance(failure, LoadFailure)
    assert "config.json" in failure.problem
    assert "Traceback" in failure.details
