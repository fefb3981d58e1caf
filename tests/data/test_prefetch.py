"""Batches made ahead are those of the stream; a worker that ends says why; none is left over."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from itertools import islice
from typing import Any

import numpy as np
import pytest
from streams import Dying, Failing

from albertlm.data.batches import Batch, Position
from albertlm.data.loader import PretrainingData
from albertlm.data.masking import MaskingConfig
from albertlm.data.prefetch import AHEAD, Prefetcher
from albertlm.data.token_shards import TokenPart

WORKERS = pytest.mark.parametrize("workers", [0, 1, pytest.param(3, marks=pytest.mark.slow)])


@pytest.fixture(scope="module")
def part(make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]) -> TokenPart:
    return make_tokens(many_documents, shards=3)


def make(part: TokenPart, kind: type[PretrainingData] = PretrainingData) -> PretrainingData:
    return kind(part, length=48, masking=MaskingConfig(), seed=3, window_tokens=6000)


def assert_same(left: list[tuple[Batch, Position]], right: list[tuple[Batch, Position]]) -> None:
    for (one, after), (other, other_after) in zip(left, right, strict=True):
        assert after == other_after
        for field in fields(Batch):
            assert np.array_equal(getattr(one, field.name), getattr(other, field.name))


@WORKERS
def test_any_number_of_workers_makes_the_same_stream(part: TokenPart, workers: int) -> None:
    data, position = make(part), Position(1, 11)
    expected = list(islice(data.stream(position, 7, rank=1, ranks=2), 40))
    with Prefetcher(data, position, 7, rank=1, ranks=2, workers=workers) as batches:
        assert_same(list(islice(batches, 40)), expected)
        assert batches.waited > 0


@WORKERS
def test_an_error_in_a_worker_comes_in_its_turn(part: TokenPart, workers: int) -> None:
    with Prefetcher(make(part, Failing), Position(), 4, workers=workers) as batches:
        assert len(list(islice(batches, 3))) == 3
        with pytest.raises(ValueError, match="the fourth batch is damaged"):
            list(batches)
        assert list(batches) == []


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_worker_that_dies_is_an_error(part: TokenPart, workers: int) -> None:
    with Prefetcher(make(part, Dying), Position(), 4, workers=workers) as batches:  # noqa: SIM117
        with pytest.raises(OSError, match=r"died with exit code -9 .*resume with fewer workers"):
            list(batches)


def test_a_worker_killed_from_outside_is_an_error(part: TokenPart) -> None:
    others = multiprocessing.active_children()
    with Prefetcher(make(part), Position(), 4, workers=2) as batches:
        next(batches)
        victim = next(each for each in multiprocessing.active_children() if each not in others)
        assert victim.pid
        os.kill(victim.pid, signal.SIGKILL)
        with pytest.raises(OSError, match="died with exit code -9"):
            list(islice(batches, 10_000))


def test_workers_outlive_a_signal_to_all(part: TokenPart) -> None:
    """A trainer that is told to stop still ends its step."""
    data = make(part)
    expected = list(islice(data.stream(Position(), 4), 60))
    others = multiprocessing.active_children()
    with Prefetcher(data, Position(), 4, workers=2) as batches:
        first = list(islice(batches, 2))
        for worker in set(multiprocessing.active_children()) - set(others):
            assert worker.pid
            os.kill(worker.pid, signal.SIGTERM)
            os.kill(worker.pid, signal.SIGINT)
        assert_same(first + list(islice(batches, 58)), expected)


@WORKERS
def test_nothing_is_left_over(part: TokenPart, workers: int) -> None:
    threads = threading.active_count()
    with Prefetcher(make(part), Position(), 4, workers=workers) as batches:
        next(batches)
    assert list(batches) == []
    assert multiprocessing.active_children() == []
    assert threading.active_count() == threads


def test_a_thread_stays_a_few_batches_ahead(part: TokenPart) -> None:
    made = []

    class Counted(PretrainingData):
        def batch(self, *rows: Any) -> Batch:
            made.append(1)
            return super().batch(*rows)

    with Prefetcher(make(part, Counted), Position(), 4000, workers=0) as batches:
        next(batches)
        deadline = time.monotonic() + 60
        while len(made) < AHEAD + 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        assert len(made) == AHEAD + 2  # one was taken, one waits for room


def test_a_bad_number_of_workers(part: TokenPart) -> None:
    with pytest.raises(ValueError, match="workers=-1"):
        Prefetcher(make(part), Position(), 4, workers=-1)
