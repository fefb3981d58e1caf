"""A model that is served: its workers are started, exchanged, replaced and unloaded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from albertlm import hub
from albertlm.inference.factory import PIPELINES, canonical_task
from albertlm.serving.errors import Overloaded, Unavailable, UnsupportedTask
from albertlm.serving.folders import Fingerprint, fingerprint
from albertlm.serving.loaded_model import TEXT_TASKS, LoadOptions
from albertlm.serving.service import ModelInfo, State, TaskAnswer
from albertlm.serving.serving_config import ServingConfig
from albertlm.serving.worker_process import LoadError, WorkerProcess

LOGGER = logging.getLogger(__name__)

LONGEST_DELAY = 60.0
"""The most seconds until a worker that died is started again."""

STEADY_AFTER = 60.0
"""The seconds after which a worker that dies is not one that dies again and again."""

LOADING_SECONDS = 2
"""After how many seconds a client may ask again for a model that is loading."""

DRAINED_WITHIN = 30.0
"""The seconds that requests have to be answered when the server stops."""


class ServedModel:
    """A model with its workers and the requests that wait for it.

    A task of the event loop starts workers, and looks at the folder every now and then.

    Args:
        name: the name that requests give.
        source: a folder or a hub id.
        config: the limits, and how the model is computed.
        watch: the seconds between looks at the folder.
    """

    def __init__(
        self, name: str, source: str | Path, config: ServingConfig, *, watch: float
    ) -> None:
        self.name = name
        self.in_flight = 0
        self._source = source
        self._config = config
        self._watch = watch
        self._folder: Path | None = None
        self._state: State = "loading"
        self._problem = ""
        self._tasks: tuple[str, ...] = ()
        self._facts: Mapping[str, Any] = {}
        self._workers: list[WorkerProcess] = []
        self._supervisor: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        # of the folder: at the last look, when the workers opened it, and at the last attempt
        self._seen: Fingerprint | None = None
        self._loaded: Fingerprint | None = None
        self._tried: Fingerprint | None = None
        self._retry_at = -math.inf
        self._attempts = 0
        self._used_at = -math.inf
        self._ready_at = -math.inf
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()  # unless requests wait for the model
        self._settled.set()

    @property
    def info(self) -> ModelInfo:
        """What is known of the model."""
        first = self._config.default_task
        if first is not None and canonical_task(first) in self._tasks:
            first = canonical_task(first)
            tasks = (first, *(task for task in self._tasks if task != first))
        else:
            tasks = self._tasks
        return ModelInfo(self.name, tasks, self._state, self._problem, self._facts)

    def start(self) -> None:
        """Begin to load the model."""
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """Refuse new requests, wait for the others, and end the workers."""
        self._is_stopping = True
        if self._supervisor:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
        self._dismiss(self._workers)
        self._settled.set()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=DRAINED_WITHIN)

    async def call(self, task: str, inputs: Any, options: Mapping[str, Any]) -> TaskAnswer:
        """Carry out a task; see `Service.call`."""
        if self._is_stopping:
            raise Unavailable("the server is stopping; ask another one")
        if self.in_flight >= self._config.max_queue:
            raise Overloaded(
                f"{self.in_flight} requests for the model {self.name!r} wait already, which is all "
                "that the server takes; send this one again later",
                retry_after=1,
            )
        self.in_flight += 1
        try:
            worker = await self._available()
            return await worker.call(self._canonical(task), inputs, options)
        finally:
            self.in_flight -= 1
            self._used_at = _now()

    def _canonical(self, task: str) -> str:
        name = canonical_task(task) if task in PIPELINES else task
        if name not in (*self._tasks, *TEXT_TASKS):
            raise UnsupportedTask(
                f"the model {self.name!r} does not have the task {task!r}; "
                f"its tasks are {', '.join(self.info.tasks)}"
            )
        return name

    async def _available(self) -> WorkerProcess:
        """The worker with the fewest requests; one that was unloaded is loaded first."""
        if self._state == "unloaded":
            self._state = "loading"
            self._settled.clear()
            self._wake.set()
        await self._settled.wait()
        if self._workers:
            return min(self._workers, key=lambda worker: worker.load)
        if self._state == "failed":
            raise Unavailable(f"the model {self.name!r} cannot be loaded: {self._problem}")
        raise Unavailable(
            f"the model {self.name!r} is not ready; try again in some seconds",
            retry_after=LOADING_SECONDS,
        )

    async def _supervise(self) -> None:
        while True:
            await self._look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._watch)
            self._wake.clear()

    async def _look(self) -> None:
        """Load or unload the model, if it is time to."""
        if self._is_idle():
            LOGGER.info("the model %s was idle and is unloaded", self.name)
            self._state = "unloaded"
            self._dismiss(self._workers)
        if self._state == "unloaded" or (self._folder is None and _now() < self._retry_at):
            return
        try:
            if self._folder is None:
                self._folder = await asyncio.to_thread(hub.resolve, self._source)
            found = await asyncio.to_thread(fingerprint, self._folder)
            if self._is_due(found):
                await self._load(self._folder, found)
            self._seen = found
        except (OSError, ValueError) as error:  # the hub or the machine may recover
            self._fail(LoadError(str(error), has_died=True))

    def _is_idle(self) -> bool:
        limit = self._config.idle_unload
        if limit is None or self.in_flight or not self._workers:
            return False
        return _now() - self._used_at >= limit

    def _is_due(self, found: Fingerprint) -> bool:
        """Whether to start workers: some are missing, or a change of the folder is complete."""
        if found == self._tried and _now() < self._retry_at:
            return False
        has_changed = bool(found) and found != self._loaded and found == self._seen
        return has_changed or len(self._workers) < self._config.workers

    async def _load(self, folder: Path, found: Fingerprint) -> None:
        """Start the workers that are missing, or new ones for all if the folder has changed."""
        self._tried = found
        if not self._workers:
            self._state = "loading"
        is_new = found != self._loaded
        fresh: list[WorkerProcess] = []
        is_opened = False
        try:
            missing = self._config.workers - (0 if is_new else len(self._workers))
            for _ in range(missing):
                fresh.append(await self._start_worker(folder))  # noqa: PERF401
            results = await asyncio.gather(*(w.ready for w in fresh), return_exceptions=True)
            if await asyncio.to_thread(fingerprint, folder) != found:
                return  # what they opened may be half old, so the next look opens it again
            if errors := [each for each in results if isinstance(each, LoadError)]:
                self._fail(errors[0])
                return
            is_opened = True
        finally:
            if not is_opened:
                for worker in fresh:
                    worker.kill()
                self._dismiss(fresh)
        if is_new:
            self._dismiss(self._workers)
        self._workers += fresh
        for worker in fresh:
            worker.ended.add_done_callback(partial(self._lost, worker))
        ready = fresh[0].ready.result()
        self._tasks, self._facts = ready.tasks, ready.facts
        self._loaded, self._problem, self._state = found, "", "ready"
        self._ready_at = self._used_at = _now()
        self._settled.set()
        LOGGER.info("the model %s is ready", self.name)

    async def _start_worker(self, folder: Path) -> WorkerProcess:
        config = self._config
        options = LoadOptions(
            folder, config.engine, config.dtype, config.max_batch_tokens, config.log_texts
        )
        cores = len(os.sched_getaffinity(0))
        return await WorkerProcess.start(options, threads=max(1, cores // config.workers))

    def _dismiss(self, workers: list[WorkerProcess]) -> None:
        """Let workers finish their requests, and end."""
        self._workers = [worker for worker in self._workers if worker not in workers]
        for worker in workers:
            task = asyncio.create_task(worker.stop())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def _lost(self, worker: WorkerProcess, _: asyncio.Future[None]) -> None:
        """Have a worker replaced that ended by itself."""
        if worker not in self._workers:
            return
        LOGGER.error("a worker of the model %s died", self.name)
        self._workers.remove(worker)
        if not self._workers:
            self._state = "loading"
        if _now() - self._ready_at > STEADY_AFTER:
            self._attempts = 0
        self._retry_later()
        self._wake.set()

    def _fail(self, error: LoadError) -> None:
        """Record why the workers did not start; those that there are go on."""
        LOGGER.error("the model %s cannot be loaded: %s", self.name, error)
        self._problem = str(error)
        if not self._workers:
            self._state = "failed"
        self._retry_at = math.inf
        if error.has_died:
            self._retry_later()
        self._settled.set()

    def _retry_later(self) -> None:
        """Allow the next attempt at once, and then after 1, 2, 4 and more seconds."""
        delay = 2 ** (self._attempts - 1) if self._attempts else 0
        self._retry_at = _now() + min(delay, LONGEST_DELAY)
        self._attempts = min(self._attempts + 1, 10)


def _now() -> float:
    return asyncio.get_running_loop().time()
