import multiprocessing
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from albertlm.serving import worker
from albertlm.serving.batching import Cancelled, Usage
from albertlm.serving.loaded_model import LoadOptions
from albertlm.serving.worker import (
    Cancellation,
    LoadFailure,
    Ready,
    Refusal,
    Request,
    Value,
    Worker,
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
def serving(**options: Any) -> Iterator[tuple[FakeModel, Connection, Connection]]:
    """A model that is served in a thread, and the ends of the pipes that the front has."""
    model: Any = FakeModel()
    theirs, requests = multiprocessing.Pipe(duplex=False)
    replies, their_replies = multiprocessing.Pipe(duplex=False)
    server = Worker(model, their_replies, **{"log_texts": False, **options})
    thread = threading.Thread(target=server.serve, args=(theirs,), daemon=True)
    thread.start()
    with requests, replies, theirs, their_replies:
        yield model, requests, replies
        requests.close()
        thread.join(PATIENT)
        assert not thread.is_alive()


def received(replies: Connection) -> Any:
    assert replies.poll(PATIENT), "no reply"
    return replies.recv()


def test_a_request_has_its_value() -> None:
    with serving() as (_, requests, replies):
        requests.send(Request(7, "echo", ["a"], {"b": 1}))
        reply = received(replies)
        assert isinstance(reply, Value)
        assert (reply.number, reply.value) == (7, (["a"], {"b": 1}))


def test_a_request_has_its_timings() -> None:
    with serving() as (_, requests, replies):
        requests.send(Request(1, "use", None, {}))
        timings = received(replies).timings
    assert timings.tokens == 7
    assert timings.inference == 0.25
    assert timings.queue >= 0.5
    assert timings.tokenization >= 0
    assert timings.total >= timings.tokenization


def test_a_value_error_is_the_fault_of_the_request() -> None:
    with serving() as (_, requests, replies):
        requests.send(Request(1, "refuse", "this", {}))
        assert received(replies) == Refusal(1, "validation", "this is wrong", "")


@pytest.mark.parametrize("log_texts", [False, True])
def test_another_error_is_told_to_the_log_alone(log_texts: bool) -> None:
    with serving(log_texts=log_texts) as (_, requests, replies):
        requests.send(Request(1, "fail", "this", {}))
        reply = received(replies)
    assert reply.kind == "internal"
    assert reply.message == "fail failed; the log of the server says why"
    assert "test_worker.py" in reply.details
    assert "KeyError" in reply.details
    assert (SECRET in reply.details) == log_texts


def test_a_cancelled_request_has_no_reply() -> None:
    with serving() as (model, requests, replies):
        requests.send(Request(1, "wait", None, {}))
        requests.send(Cancellation(1))
        requests.send(Cancellation(99))  # which was answered before
        assert model.engine.cancelled.wait(PATIENT)
        requests.send(Request(2, "echo", None, {}))
        assert received(replies).number == 2


def test_a_request_that_is_cancelled_before_its_turn_is_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "THREADS", 1)
    with serving() as (model, requests, replies):
        requests.send(Request(1, "wait", None, {}))
        requests.send(Request(2, "echo", None, {}))
        requests.send(Cancellation(2))
        assert model.engine.cancelled.wait(PATIENT)  # which ends the first one, too
        requests.send(Request(3, "echo", None, {}))
        assert received(replies).number == 3
    assert model.started == ["wait", "echo"]


def test_requests_are_cancelled_when_the_front_is_gone() -> None:
    with serving() as (model, requests, _):
        requests.send(Request(1, "wait", None, {}))
        requests.close()
        assert model.engine.cancelled.wait(PATIENT)


def test_a_reply_that_nobody_reads_is_dropped() -> None:
    with serving() as (_, requests, replies):
        replies.close()
        requests.send(Request(1, "echo", None, {}))


@pytest.fixture
def as_process() -> Iterator[Callable[..., tuple[list[Any], Connection]]]:
    """Calls `run` in this process, whose handlers and filters are restored."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}

    def call(options: LoadOptions, *messages: Any) -> tuple[list[Any], Connection]:
        theirs, requests = multiprocessing.Pipe(duplex=False)
        replies, their_replies = multiprocessing.Pipe(duplex=False)
        for message in messages:
            requests.send(message)
        requests.close()
        with warnings.catch_warnings():
            worker.run(options, theirs, their_replies)
        their_replies.close()
        found = []
        while True:
            try:
                found.append(replies.recv())
            except EOFError:
                return found, replies

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_process_is_ready_and_ends_with_the_front(
    as_process: Callable[..., Any], tiny_folder: Path
) -> None:
    (ready, *_), _ = as_process(LoadOptions(tiny_folder, "numpy", "auto", 64))
    assert isinstance(ready, Ready)
    assert ready.tasks[0] == "fill-mask"
    assert ready.facts["engine"] == "numpy"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_texts_may_be_shown_by_warnings_where_they_may_be_logged(
    as_process: Callable[..., Any], tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filters: list[Any] = []
    monkeypatch.setattr(warnings, "simplefilter", filters.append)
    as_process(LoadOptions(tiny_folder, "numpy", "auto", 64, log_texts=True))
    assert filters == []
    as_process(LoadOptions(tiny_folder, "numpy", "auto", 64))
    assert filters == ["ignore"]


def test_a_folder_that_cannot_be_opened(as_process: Callable[..., Any], tmp_path: Path) -> None:
    (failure,), _ = as_process(LoadOptions(tmp_path, "numpy", "auto", 64))
    assert isinstance(failure, LoadFailure)
    assert "config.json" in failure.problem
    assert "Traceback" in failure.details


def test_messages_do_not_need_pytorch() -> None:
    code = "import sys, albertlm.serving.worker; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
