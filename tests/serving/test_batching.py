import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from albertlm.inference.arithmetic import Floats
from albertlm.inference.engines.base import ResumableEngine, TokenizedText
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.serving.batching import BatchingEngine, Cancelled, Usage, batching

PATIENT = 30  # seconds after which a test fails rather than hangs

BLOCKER = 1000  # the length of the text that keeps the engine busy


class Gate:
    """An engine whose states are the ids of a text; it waits for `open`, and records batches."""

    config: Any = None
    parameters: Any = None

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[int]] = []
        self.depths: list[int | None] = []
        self.threads: list[threading.Thread] = []
        self.error: Exception | None = None
        self.during: Callable[[], None] = lambda: None

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        self.entered.set()
        assert self.open.wait(PATIENT)
        lengths = [len(text.input_ids) for text in texts]
        if lengths == [BLOCKER]:
            return [np.zeros((BLOCKER, 1), np.float32)]
        self.batches.append(lengths)
        self.depths.append(depth)
        self.threads.append(threading.current_thread())
        self.during()
        if self.error:
            raise self.error
        found = [np.array(text.input_ids, np.float32)[:, None] for text in texts]
        if positions is None:
            return found
        return [x_TD[list(at)] for x_TD, at in zip(found, positions, strict=True)]


def text(length: int, first: int = 0) -> TokenizedText:
    return TokenizedText(list(range(first, first + length)), [0] * length)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENT
    while not condition():
        assert time.monotonic() < deadline, "this did not happen"
        time.sleep(0.001)


@contextmanager
def busy(gate: Gate, tokens: int, **options: Any) -> Iterator[tuple[BatchingEngine, Any]]:
    """An engine that computes a first text until the gate opens, and a function that calls it.

    The function returns when the call waits.
    """
    engine = batching(gate, tokens, **options)
    with ThreadPoolExecutor(16) as pool:

        def call(*arguments: Any, usage: Usage | None = None) -> Future[list[Floats]]:
            def work() -> list[Floats]:
                with engine.request(usage or Usage()):
                    return engine.states(*arguments)

            before = len(engine._waiting)
            future = pool.submit(work)
            until(lambda: len(engine._waiting) > before)
            return future

        first = pool.submit(engine.states, [text(BLOCKER)])
        assert gate.entered.wait(PATIENT)
        try:
            yield engine, call
        finally:
            gate.open.set()
            first.result(PATIENT)
            engine.close()


def test_waiting_calls_are_joined_in_the_order_in_which_they_came() -> None:
    gate = Gate()
    with busy(gate, 10) as (_, call):
        calls = [call([text(4, first=10 * number)]) for number in range(5)]
        gate.open.set()
        for number, each in enumerate(calls):
            (found,) = each.result(PATIENT)
            assert found[:, 0].tolist() == list(range(10 * number, 10 * number + 4))
    assert gate.batches == [[4, 4], [4, 4], [4]]


def test_a_text_over_the_budget_is_computed_alone() -> None:
    gate = Gate()
    with busy(gate, 10) as (_, call):
        calls = [call([text(3)]), call([text(64)]), call([text(3)])]
        gate.open.set()
        assert [len(each.result(PATIENT)[0]) for each in calls] == [3, 64, 3]
    assert gate.batches == [[3], [64], [3]]


def test_a_call_that_does_not_fit_continues_behind_the_others() -> None:
    gate = Gate()
    with busy(gate, 16) as (_, call):
        long = call([text(8) for _ in range(5)])
        short = call([text(2)])
        gate.open.set()
        assert [len(each) for each in long.result(PATIENT)] == [8] * 5
        assert len(short.result(PATIENT)) == 1
    assert gate.batches == [[8, 8], [8, 2], [8, 8]]


def test_a_call_for_which_no_room_is_left_keeps_its_place() -> None:
    gate = Gate()
    with busy(gate, 16) as (_, call):
        calls = [call([text(10)]), call([text(9), text(9)]), call([text(3)])]
        gate.open.set()
        for each in calls:
            each.result(PATIENT)
    assert gate.batches == [[10], [9], [9, 3]]


def test_calls_of_different_depth_are_computed_apart() -> None:
    gate = Gate()
    with busy(gate, 100) as (_, call):
        calls = [call([text(4)], None, depth) for depth in (1, 2, 1, None)]
        gate.open.set()
        for each in calls:
            each.result(PATIENT)
    assert gate.batches == [[4, 4], [4], [4]]
    assert gate.depths == [1, 2, None]


def test_calls_with_and_without_positions_are_joined() -> None:
    gate = Gate()
    with busy(gate, 100) as (_, call):
        some = call([text(5), text(4)], [[3, 1], []])
        every = call([text(6)])
        gate.open.set()
        assert [x[:, 0].tolist() for x in some.result(PATIENT)] == [[3, 1], []]
        assert every.result(PATIENT)[0][:, 0].tolist() == list(range(6))
    assert gate.batches == [[6, 5, 4]]


def test_texts_of_very_different_lengths_are_computed_apart() -> None:
    gate = Gate()
    with busy(gate, 10_000, mixed=16) as (_, call):
        one = call([text(length) for length in (2, 16, 17, 32, 33, 64, 65, 500)])
        gate.open.set()
        found = [len(each) for each in one.result(PATIENT)]
    assert found == [2, 16, 17, 32, 33, 64, 65, 500]
    assert gate.batches == [[500], [65], [64, 33], [32, 17], [16, 2]]


def test_a_cancelled_request_leaves_the_queue() -> None:
    gate, gone = Gate(), Usage()
    with busy(gate, 100) as (engine, call):
        dropped, kept = call([text(4)], usage=gone), call([text(5)])
        engine.cancel(gone)
        with pytest.raises(Cancelled):
            dropped.result(PATIENT)
        with engine.request(gone), pytest.raises(Cancelled):
            engine.states([text(3)])
        gate.open.set()
        assert len(kept.result(PATIENT)[0]) == 5
    assert gate.batches == [[5]]


def test_an_error_reaches_all_calls_of_its_batch_and_no_others() -> None:
    gate = Gate()
    gate.error = OverflowError("too hot")
    with busy(gate, 10) as (engine, call):
        calls = [call([text(4)]), call([text(4), text(4)]), call([text(9)])]
        gate.open.set()
        for each in calls[:2]:
            with pytest.raises(OverflowError, match="too hot"):
                each.result(PATIENT)
        with pytest.raises(OverflowError):
            calls[2].result(PATIENT)
        gate.error = None
        assert len(engine.states([text(3)])[0]) == 3
    assert gate.batches == [[4, 4], [9], [3]]


@pytest.mark.parametrize("error", [None, OverflowError()])
def test_a_request_may_be_cancelled_while_some_of_its_texts_are_computed(
    error: Exception | None,
) -> None:
    gate, gone = Gate(), Usage()
    gate.error = error
    with busy(gate, 10) as (engine, call):
        gate.during = lambda: engine.cancel(gone)
        dropped = call([text(8), text(8)], usage=gone)
        gate.open.set()
        with pytest.raises(Cancelled):
            dropped.result(PATIENT)
        gate.error = None
        assert len(engine.states([text(5)])[0]) == 5
    assert gate.batches == [[8], [5]]


def test_a_closed_engine_fails_what_waits_and_what_comes() -> None:
    gate = Gate()
    with busy(gate, 10) as (engine, call):
        waiting = call([text(3)])
        closing = threading.Thread(target=engine.close)
        closing.start()
        with pytest.raises(RuntimeError, match="closed"):
            waiting.result(PATIENT)
        with pytest.raises(RuntimeError, match="closed"):
            engine.states([text(3)])
        gate.open.set()
        closing.join(PATIENT)
        assert not closing.is_alive()


def test_a_call_waits_for_other_requests_in_flight_until_they_leave() -> None:
    gate = Gate()
    gate.open.set()
    engine = batching(gate, 100, patience=PATIENT)
    with ThreadPoolExecutor(1) as pool:
        with engine.request(Usage()):
            early = pool.submit(call_as_request, engine, text(4))
            until(lambda: len(engine._waiting) == 1)
            assert not early.done()
            assert len(engine.states([text(5)])[0]) == 5
            early.result(PATIENT)
            late = pool.submit(call_as_request, engine, text(6))
            until(lambda: len(engine._waiting) == 1)
        engine._expected = 1  # as if no other had been there when the last batch began
        with engine.request(Usage()):  # whose end lets the engine look again
            pass
        late.result(PATIENT)
    engine.close()
    assert gate.batches == [[5, 4], [6]]


def call_as_request(engine: BatchingEngine, one: TokenizedText) -> list[Floats]:
    with engine.request(Usage()):
        return engine.states([one])


@pytest.mark.parametrize("one_thread", [False, True])
def test_a_call_that_is_alone_is_computed_by_its_thread(one_thread: bool) -> None:
    gate = Gate()
    gate.open.set()
    engine = batching(gate, 6, one_thread=one_thread)
    assert [len(each) for each in engine.states([text(4), text(5)])] == [4, 5]
    engine.close()
    assert (gate.threads[0] is threading.current_thread()) == (not one_thread)
    assert gate.threads[1] is engine._thread


def test_a_call_waits_for_others_no_longer_than_it_may() -> None:
    gate = Gate()
    gate.open.set()
    engine = batching(gate, 100, patience=0.01)
    with engine.request(Usage()), ThreadPoolExecutor(1) as pool:
        pool.submit(call_as_request, engine, text(4)).result(PATIENT)
    engine.close()
    assert gate.batches == [[4]]


def test_a_request_knows_what_it_used() -> None:
    gate, usage = Gate(), Usage()
    with busy(gate, 10) as (_, call):
        started = time.monotonic()
        one = call([text(4), text(8)], usage=usage)
        call([text(1), text(1)])
        gate.open.set()
        one.result(PATIENT)
        whole = time.monotonic() - started
    assert usage.tokens == 12
    assert usage.batch == (10, 3)  # the text of 8 with those of the other
    assert usage.begun is not None
    assert usage.begun >= started
    assert usage.queue > 0
    assert usage.inference > 0
    assert usage.queue + usage.inference <= whole


def test_no_texts_have_no_states() -> None:
    engine = batching(Gate(), 10)
    assert engine.states([]) == []
    engine.close()


@pytest.mark.parametrize("name", ["max_batch_tokens", "mixed"])
def test_a_batch_has_room_for_something(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0"):
        batching(Gate(), **{"max_batch_tokens": 10, name: 0})


def test_it_resumes_if_the_engine_does(tiny_folder: Path) -> None:
    inner = NumpyEngine.from_folder(tiny_folder)
    engine = batching(inner, 100)
    assert isinstance(engine, ResumableEngine)
    begun = engine.states([text(5, first=5), text(9, first=5)], depth=1)
    resumed = engine.resume(begun, 2)
    for found, whole in zip(resumed, inner.states([text(5, 5), text(9, 5)]), strict=True):
        np.testing.assert_allclose(found, whole, atol=1e-5)
    engine.close()
    other = batching(Gate(), 100)
    assert not isinstance(other, ResumableEngine)
    other.close()


@pytest.fixture(scope="module")
def inner(tiny_folder: Path) -> NumpyEngine:
    return NumpyEngine.from_folder(tiny_folder)


lengths = st.lists(st.integers(1, 64), min_size=1, max_size=6)


@hypothesis_settings(max_examples=40)
@given(
    calls=st.lists(
        st.tuples(lengths, st.booleans(), st.sampled_from([None, 1, 3])), min_size=1, max_size=8
    ),
    tokens=st.sampled_from([1, 30, 100, 5_000]),
    mixed=st.sampled_from([1, 16, 128]),
    one_thread=st.booleans(),
)
def test_any_mixture_of_calls_has_the_results_of_single_ones(
    inner: NumpyEngine,
    calls: list[tuple[list[int], bool, int | None]],
    tokens: int,
    mixed: int,
    one_thread: bool,
) -> None:
    engine = batching(inner, tokens, mixed=mixed, one_thread=one_thread)
    rng = np.random.default_rng(0)
    jobs = []
    for of_call, has_positions, depth in calls:
        texts = [TokenizedText(rng.integers(0, 70, n).tolist(), [0] * n) for n in of_call]
        positions = [[n - 1, 0] for n in of_call] if has_positions else None
        jobs.append((texts, positions, depth))

    def work(job: Any) -> list[Floats]:
        with engine.request(Usage()):
            return engine.states(*job)

    with ThreadPoolExecutor(len(jobs)) as pool:
        results = list(pool.map(work, jobs))
    engine.close()
    for (texts, positions, depth), found in zip(jobs, results, strict=True):
        for number, one in enumerate(texts):
            at = None if positions is None else [positions[number]]
            (alone,) = inner.states([one], at, depth)
            np.testing.assert_allclose(found[number], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("in_turn", [False, True])
def test_threads_take_turns_except_while_they_wait_for_the_engine(in_turn: bool) -> None:
    gate = Gate()
    engine = batching(gate, 100, in_turn=in_turn)
    busy_threads: list[int] = []

    def work(length: int) -> None:
        with engine.request(Usage()), engine.turn():
            busy_threads.append(length)
            assert len(busy_threads) == 1
            busy_threads.remove(length)
            engine.states([text(length)])
            busy_threads.append(length)
            time.sleep(0.001)
            assert len(busy_threads) == 1
            busy_threads.remove(length)

    def during() -> None:
        time.sleep(0.001)
        assert not (in_turn and busy_threads)

    gate.during = during
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(work, length) for length in range(1, 9)]
        gate.open.set()
        for each in done:
            each.result(PATIENT)
    engine.close()
    assert sorted(length for batch in gate.batches for length in batch) == list(range(1, 9))
