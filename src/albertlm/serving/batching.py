"""Join the calls of concurrent requests into batches.

T tokens of a text, P positions of a text, D hidden.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple, cast

from albertlm.inference.arithmetic import Floats
from albertlm.inference.engines.base import Engine, ResumableEngine, TokenizedText
from albertlm.settings import check_at_least

PATIENCE = 0.003
"""The seconds that a call waits at most for those of other requests, before it is computed."""

MIXED = 128
"""The tokens up to which texts of any length are computed together by engines that pack texts."""


class Cancelled(Exception):  # noqa: N818 - as those of asyncio and concurrent.futures
    """The request of a call was cancelled."""


class BatchSize(NamedTuple):
    """The tokens and the texts of a batch."""

    tokens: int
    texts: int


_NONE = BatchSize(0, 0)


@dataclass(eq=False)
class Usage:
    """What a request has computed so far.

    Fields:
        begun: the time of its first call, by `time.monotonic`.
        queue: the seconds that its calls waited.
        inference: the seconds that the batches with its texts took.
        tokens: the tokens of its texts.
        batch: the size of the largest of these batches.
        is_cancelled: whether its calls fail from now on.
    """

    begun: float | None = None
    queue: float = 0.0
    inference: float = 0.0
    tokens: int = 0
    batch: BatchSize = _NONE
    is_cancelled: bool = False


_usage: ContextVar[Usage | None] = ContextVar("usage", default=None)
_has_turn: ContextVar[bool] = ContextVar("has_turn", default=False)


class _Operation(NamedTuple):
    """What is computed for all texts of a batch.

    Fields:
        resumes: whether the items of calls are hidden states, (T, D), rather than texts.
        applications: those of the layer; all of the model if None.
    """

    resumes: bool
    applications: int | None


@dataclass(eq=False)
class _Call:
    """A call of the engine.

    Fields:
        operation: what is computed.
        items: texts, or hidden states to resume from, with as many tokens as `lengths` says.
        positions: the positions of each text to return, or None for all.
        usage: that of its request.
        left: the tokens of the items that are in no batch yet.
        results: those that were computed, by the number of the item.
        taken: the number of items that are in a batch already.
        inference: the seconds that its batches took.
        batch: the size of the largest one.
        done: ends when all results are there.
    """

    operation: _Operation
    items: Sequence[Any]
    lengths: list[int]
    positions: Sequence[Sequence[int]] | None
    usage: Usage
    left: int
    results: dict[int, Floats] = field(default_factory=dict)
    taken: int = 0
    inference: float = 0.0
    batch: BatchSize = _NONE
    done: Future[None] = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)


class _Item(NamedTuple):
    call: _Call
    number: int

    @property
    def length(self) -> int:
        return self.call.lengths[self.number]

    @property
    def positions(self) -> Sequence[int]:
        positions = self.call.positions
        return range(self.length) if positions is None else positions[self.number]


class BatchingEngine:
    """An `Engine` for many threads, which computes the texts of their calls together.

    Texts are taken in the order in which they arrived until a batch has enough tokens. A call whose
    texts do not all fit continues behind the others, so neither short nor long ones wait for all of
    the other kind. With several requests in flight, a call waits some milliseconds for others, and
    a thread of this object computes. A call that is alone is computed at once, in its own thread.

    Args:
        engine: computes the batches, and has no other user.
        max_batch_tokens: the tokens of a batch; a longer text is computed alone.
        mixed: the tokens up to which texts of any length are computed together; longer ones are
            only computed with those of less than twice their length, to compute little padding.
        one_thread: whether calls that are alone are computed in the thread of this object, too, as
            PyTorch needs: it keeps threads and memory for each thread that calls it.
        in_turn: whether batches have turns, too, for NumPy, whose products at once are slow.
        patience: the seconds that a call waits at most for others.

    Raises:
        ValueError: `max_batch_tokens` or `mixed` is less than 1.
    """

    def __init__(
        self,
        engine: Engine,
        max_batch_tokens: int,
        *,
        mixed: int = MIXED,
        one_thread: bool = False,
        in_turn: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        check_at_least(1, max_batch_tokens=max_batch_tokens, mixed=mixed)
        self.config = engine.config
        self.parameters = engine.parameters
        self._engine = engine
        self._max_tokens = max_batch_tokens
        self._mixed = mixed
        self._one_thread = one_thread
        self._patience = patience
        self._waiting: deque[_Call] = deque()
        self._in_flight: set[Usage] = set()
        self._expected = 1
        self._is_computing = False
        self._is_closed = False
        self._turn = threading.Lock()
        self._batch_turn = self._turn if in_turn else nullcontext()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)
        self._thread.start()

    @contextmanager
    def request(self, usage: Usage) -> Iterator[None]:
        """Count the calls of this thread as those of a request, within a `with` block."""
        with self._changed:
            self._in_flight.add(usage)
        token = _usage.set(usage)
        try:
            yield
        finally:
            _usage.reset(token)
            with self._changed:
                self._in_flight.discard(usage)
                self._look_again()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have threads take turns at what they do, but for calls of this engine, in a `with` block.

        Libraries for linear algebra take many times as long where many threads call them at once,
        such as for the heads of all texts of a batch.
        """
        with self._turn:
            token = _has_turn.set(True)
            try:
                yield
            finally:
                _has_turn.reset(token)

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        """As in `Engine`.

        Raises:
            Cancelled: the request was cancelled.
            RuntimeError: the engine is closed.
        """
        lengths = [len(text.input_ids) for text in texts]
        operation = _Operation(resumes=False, applications=depth)
        return self._call(operation, texts, lengths, positions)

    def cancel(self, usage: Usage) -> None:
        """Let all calls of a request fail, those that wait at once."""
        with self._changed:
            usage.is_cancelled = True
            self._fail([call for call in self._waiting if call.usage is usage], Cancelled())
            self._changed.notify()

    def close(self) -> None:
        """Let all calls that wait fail, and end the thread after the batch that it computes."""
        with self._changed:
            self._is_closed = True
            self._fail(list(self._waiting), RuntimeError("the engine is closed"))
            self._changed.notify()
        self._thread.join()

    def _call(
        self,
        operation: _Operation,
        items: Sequence[Any],
        lengths: list[int],
        positions: Sequence[Sequence[int]] | None = None,
    ) -> list[Floats]:
        if not items:
            return []
        usage = _usage.get() or Usage()
        call = _Call(operation, items, lengths, positions, usage, sum(lengths))
        if usage.begun is None:
            usage.begun = call.arrived
        with self._changed:
            if usage.is_cancelled:
                raise Cancelled
            if self._is_closed:
                raise RuntimeError("the engine is closed")
            self._waiting.append(call)
            batch = self._take() if self._is_alone() else []
            self._look_again()
        with self._others_turn():
            if batch:
                self._finish(batch)
            call.done.result()
        usage.inference += call.inference
        usage.queue += time.monotonic() - call.arrived - call.inference
        usage.tokens += 0 if operation.resumes else sum(lengths)
        usage.batch = max(usage.batch, call.batch)
        return [call.results[number] for number in range(len(items))]

    @contextmanager
    def _others_turn(self) -> Iterator[None]:
        """Let other threads have their turn, within a `with` block."""
        has_turn = _has_turn.get()
        if has_turn:
            self._turn.release()
        try:
            yield
        finally:
            if has_turn:
                self._turn.acquire()

    def _run(self) -> None:
        while batch := self._next_batch():
            self._finish(batch)

    def _finish(self, batch: list[_Item]) -> None:
        """Compute a batch, and end the calls that have all of their results."""
        calls = {item.call: None for item in batch}
        with self._batch_turn:
            started = time.monotonic()
            try:
                self._compute(batch)
            except Exception as error:
                with self._changed:
                    self._fail(calls, error)
        taken = time.monotonic() - started
        size = BatchSize(sum(item.length for item in batch), len(batch))
        with self._changed:
            self._is_computing = False
            self._look_again()
            for call in calls:
                call.inference += taken
                call.batch = max(call.batch, size)
                if len(call.results) == len(call.items) and not call.done.done():
                    call.done.set_result(None)

    def _next_batch(self) -> list[_Item]:
        """Wait for calls, and take a batch of their texts; none if the engine is closed."""
        with self._changed:
            while not self._is_closed:
                if not self._waiting or self._is_computing:
                    self._changed.wait()
                elif (left := self._time_left()) > 0:
                    self._changed.wait(left)
                else:
                    return self._take()
        return []

    def _look_again(self) -> None:
        """Wake the thread if there is something to do, which takes longer than to ask here."""
        if self._waiting and not self._is_computing:
            self._changed.notify()

    def _time_left(self) -> float:
        """The seconds to wait for further requests, of which there were some a moment ago."""
        waiting = {call.usage for call in self._waiting}
        missing = max(self._expected, len(self._in_flight)) - len(waiting)
        if missing <= 0 or sum(call.left for call in self._waiting) >= self._max_tokens:
            return 0
        return min(call.arrived for call in self._waiting) + self._patience - time.monotonic()

    def _is_alone(self) -> bool:
        """Whether the call that came last may be computed in its own thread."""
        if self._one_thread or self._is_computing or len(self._waiting) > 1:
            return False
        return self._time_left() <= 0

    def _take(self) -> list[_Item]:
        self._is_computing = True
        self._expected = max(1, len(self._in_flight))
        operation = self._waiting[0].operation
        batch: list[_Item] = []
        room = self._max_tokens
        for call in [each for each in self._waiting if each.operation == operation]:
            for length in call.lengths[call.taken :]:
                if batch and length > room:
                    break
                batch.append(_Item(call, call.taken))
                call.taken += 1
                call.left -= length
                room -= length
            if call.left and call is not batch[-1].call:
                break
            self._waiting.remove(call)
            if call.left:  # it had its turn
                self._waiting.append(call)
                break
        return batch

    def _compute(self, batch: list[_Item]) -> None:
        """Compute texts of similar length together, the longest first."""
        batch = sorted(batch, key=lambda item: -item.length)
        for _, group in groupby(batch, self._width):
            items = list(group)
            for item, states in zip(items, self._results(items), strict=True):
                item.call.results[item.number] = states

    def _width(self, item: _Item) -> int:
        """A number for the lengths that are computed together."""
        return ((item.length - 1) // self._mixed).bit_length()

    def _results(self, items: list[_Item]) -> list[Floats]:
        resumes, applications = items[0].call.operation
        inputs = [item.call.items[item.number] for item in items]
        if resumes:
            return cast("ResumableEngine", self._engine).resume(inputs, applications or 0)
        positions = None
        if any(item.call.positions is not None for item in items):
            positions = [item.positions for item in items]
        return self._engine.states(inputs, positions, applications)

    def _fail(self, calls: Iterable[_Call], error: Exception) -> None:
        for call in calls:
            if call in self._waiting:
                self._waiting.remove(call)
            if not call.done.done():
                call.done.set_exception(error)


class ResumableBatchingEngine(BatchingEngine):
    """A `BatchingEngine` whose engine can resume."""

    def resume(self, states: Sequence[Floats], applications: int) -> list[Floats]:
        """As in `ResumableEngine`; calls with the same number of applications are joined."""
        operation = _Operation(resumes=True, applications=applications)
        return self._call(operation, states, [len(x_TD) for x_TD in states])


def batching(engine: Engine, max_batch_tokens: int, **options: Any) -> BatchingEngine:
    """A `BatchingEngine` that resumes if the engine can; its arguments are those of the class."""
    resumes = isinstance(engine, ResumableEngine)
    kind: Callable[..., BatchingEngine] = ResumableBatchingEngine if resumes else BatchingEngine
    return kind(engine, max_batch_tokens, **options)
