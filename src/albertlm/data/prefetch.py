"""Make batches in advance, in a thread or in processes, in the order of the stream."""

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

from albertlm.data.batches import Batch, Position
from albertlm.data.loader import PretrainingData
from albertlm.data.mixture import Mixture
from albertlm.settings import check_at_least

AHEAD = 4
"""The maximum number of batches that each worker makes in advance."""

PlacedBatch = tuple[Batch, Position]


class Prefetcher:
    """The batches of `PretrainingData.stream`, made in advance within a `with` block.

    The batches are the same for any number of workers: of N workers, each makes every N-th batch.

    Args:
        data: the examples, which can be pickled.
        position: where to start.
        batch_size: the number of examples of a batch, over all ranks.
        rank, ranks: which share of each batch to make.
        workers: the number of processes that make batches; 0 for a thread of this process, which
            shares the interpreter lock with all other Python code.

    Attributes:
        waited: the seconds for which the consumer has waited; may be reset to 0.

    Raises:
        ValueError: `workers` is negative.
        OSError: a worker died (raised when a batch is read).
        Exception: the error of the stream (raised when a batch is read).
    """

    def __init__(
        self,
        data: PretrainingData | Mixture,
        position: Position,
        batch_size: int,
        *,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
    ) -> None:
        check_at_least(0, workers=workers)
        self.waited = 0.0
        self._stream = partial(data.stream, position, batch_size, rank=rank, ranks=ranks)
        self._workers = workers
        self._makers: Sequence[_Maker] = ()
        self._turns: Iterator[_Maker] = iter(())

    def __enter__(self) -> Self:
        # workers ignore the signal by which Python ends processes when it exits
        atexit.register(self.close)
        shares = [
            partial(self._stream, worker=worker, workers=self._workers)
            for worker in range(self._workers)
        ]
        if shares:
            # a process receives its arguments only after its imports, so start all at once
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

    def __next__(self) -> PlacedBatch:
        started = time.perf_counter()
        item = next(self._turns).get()
        self.waited += time.perf_counter() - started
        if isinstance(item, Exception):
            self.close()
            raise item
        return item

    def close(self) -> None:
        """Stop the workers; no more batches can be read."""
        atexit.unregister(self.close)
        self._turns = iter(())
        for maker in self._makers:
            maker.close()
        self._makers = ()


class _Maker(Protocol):
    """Makes items in advance; an error is the last item."""

    def get(self) -> PlacedBatch | Exception: ...

    def close(self) -> None: ...


class _Thread:
    def __init__(self, stream: Callable[[], Iterator[PlacedBatch]]) -> None:
        self._made: queue.SimpleQueue[PlacedBatch | Exception] = queue.SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._closed = False
        self._thread = threading.Thread(target=self._make, args=(stream,), daemon=True)
        self._thread.start()

    def get(self) -> PlacedBatch | Exception:
        item = self._made.get()
        self._room.release()
        return item

    def close(self) -> None:
        self._closed = True
        self._room.release()
        self._thread.join()

    def _make(self, stream: Callable[[], Iterator[PlacedBatch]]) -> None:
        try:
            for item in stream():
                self._room.acquire()
                if self._closed:
                    return
                self._made.put(item)
        except Exception as error:
            self._made.put(error)


class _Process:
    """A process that sends its items through a pipe, which closes when the process ends.

    A thread receives them, which takes milliseconds for large batches.
    """

    def __init__(self, stream: Callable[[], Iterator[PlacedBatch]]) -> None:
        # a forked process would inherit locks held by threads that it does not have
        context = multiprocessing.get_context("spawn")
        self._made, there = context.Pipe(duplex=False)
        self._process = context.Process(target=_send, args=(stream, there), daemon=True)
        self._process.start()
        there.close()
        self._received = _Thread(self._receive)

    def get(self) -> PlacedBatch | Exception:
        return self._received.get()

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._received.close()
        self._made.close()

    def _receive(self) -> Iterator[PlacedBatch]:
        while True:
            try:
                item: PlacedBatch | Exception = self._made.recv()
            except (EOFError, OSError):
                self._process.join()
                raise OSError(
                    "a process that makes batches died with exit code "
                    f"{self._process.exitcode} (killed, or out of memory); resume with fewer "
                    "workers"
                ) from None
            if isinstance(item, Exception):
                raise item
            yield item


def _send(stream: Callable[[], Iterator[PlacedBatch]], there: Connection) -> None:
    """Send items until an error occurs or the pipe is closed; the main function of a worker."""
    # signals to the process group are for the training process, which may still need batches
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    ahead = _Thread(stream)
    with suppress(BrokenPipeError):
        while not isinstance(item := ahead.get(), Exception):
            there.send(item)
        there.send(item)
