"""Batches made ahead of their use, by a thread or by processes, in the order of the stream."""

from __future__ import annotations

import atexit
import multiprocessing
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import cycle
from multiprocessing.connection import Connection
from typing import Protocol, Self

from albertlm.pretraining.loader import Batch, Position, PretrainingData

AHEAD = 4
"""So many batches wait at each worker at most."""

Item = tuple[Batch, Position]


class Prefetcher:
    """`PretrainingData.stream`, made ahead in a `with` block.

    The batches are the same for any number of workers: each makes every so-manieth.

    Args:
        data: can be pickled, as `PretrainingData` can.
        position: where to begin.
        batch_size: examples of a batch, of all ranks together.
        rank, ranks: which share of each batch is made.
        workers: processes that make batches; 0 for a thread of this one, which takes turns with
            whatever Python does here.

    Attributes:
        waited: seconds for which the consumer has waited; may be set back to 0.

    Raises:
        ValueError: `workers` is negative.
        OSError: while reading, a worker died.
        Exception: while reading, what the stream raised.
    """

    def __init__(
        self,
        data: PretrainingData,
        position: Position,
        batch_size: int,
        *,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
    ) -> None:
        if workers < 0:
            raise ValueError(f"workers={workers} is not allowed; it must be 0 (a thread) or more")
        self.waited = 0.0
        self._stream = partial(data.stream, position, batch_size, rank=rank, ranks=ranks)
        self._workers = workers
        self._makers: Sequence[_Maker] = ()
        self._turns: Iterator[_Maker] = iter(())

    def __enter__(self) -> Self:
        # Workers ignore the signal with which Python ends processes when it exits.
        atexit.register(self.close)
        shares = [
            partial(self._stream, worker=worker, workers=self._workers)
            for worker in range(self._workers)
        ]
        if shares:
            # A process begins to take over what it is given only when it has imported all.
            with ThreadPoolExecutor(len(shares)) as starting:
                self._makers = list(starting.map(_Process, shares))
        else:
            self._makers = [_Thread(self._stream)]
        self._turns = cycle(self._makers)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        started = time.perf_counter()
        item = next(self._turns).get()
        self.waited += time.perf_counter() - started
        if isinstance(item, Exception):
            self.close()
            raise item
        return item

    def close(self) -> None:
        """Stop the workers; nothing comes any more."""
        atexit.unregister(self.close)
        self._turns = iter(())
        for maker in self._makers:
            maker.close()
        self._makers = ()


class _Maker(Protocol):
    """Makes items ahead of their use; behind an error comes no other."""

    def get(self) -> Item | Exception: ...

    def close(self) -> None: ...


class _Thread:
    def __init__(self, stream: Callable[[], Iterator[Item]]) -> None:
        self._made: queue.SimpleQueue[Item | Exception] = queue.SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._closed = False
        self._thread = threading.Thread(target=self._make, args=(stream,), daemon=True)
        self._thread.start()

    def get(self) -> Item | Exception:
        item = self._made.get()
        self._room.release()
        return item

    def close(self) -> None:
        self._closed = True
        self._room.release()
        self._thread.join()

    def _make(self, stream: Callable[[], Iterator[Item]]) -> None:
        try:
            for item in stream():
                self._room.acquire()
                if self._closed:
                    return
                self._made.put(item)
        except Exception as error:
            self._made.put(error)


class _Process:
    """A process that sends what it makes through a pipe, which ends when the process does."""

    def __init__(self, stream: Callable[[], Iterator[Item]]) -> None:
        # a forked process would inherit locks of threads that it does not have
        context = multiprocessing.get_context("spawn")
        self._made, there = context.Pipe(duplex=False)
        self._process = context.Process(target=_send, args=(stream, there), daemon=True)
        self._process.start()
        there.close()

    def get(self) -> Item | Exception:
        try:
            item: Item | Exception = self._made.recv()
        except (EOFError, OSError):
            self._process.join()
            return OSError(
                f"a process that makes batches died with exit code {self._process.exitcode} "
                "(killed, or out of memory); resume with fewer workers"
            )
        return item

    def close(self) -> None:
        self._made.close()
        self._process.kill()
        self._process.join()


def _send(stream: Callable[[], Iterator[Item]], there: Connection) -> None:
    """What a worker does, until an error or until nobody listens."""
    # A signal to all processes is for the one that trains: it may want more batches yet.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    ahead = _Thread(stream)
    with suppress(BrokenPipeError):
        while not isinstance(item := ahead.get(), Exception):
            there.send(item)
        there.send(item)
