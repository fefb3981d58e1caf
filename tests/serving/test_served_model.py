import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from albertlm import hub
from albertlm.serving import served_model
from albertlm.serving.errors import Overloaded, Unavailable, UnsupportedTask
from albertlm.serving.loaded_model import LoadOptions
from albertlm.serving.served_model import STEADY_AFTER, ServedModel
from albertlm.serving.service import TaskAnswer, Timings
from albertlm.serving.serving_config import ServingConfig
from albertlm.serving.worker import Ready
from albertlm.serving.worker_process import LoadError

PATIENT = 60  # seconds after which a test fails rather than hangs

TASKS = ("token-classification", "feature-extraction", "zero-shot-classification")


class FakeWorker:
    """A worker without a process, which tests make ready, let answer, and end."""

    started: list["FakeWorker"]

    def __init__(self, options: LoadOptions, *, threads: int) -> None:
        loop = asyncio.get_running_loop()
        self.options, self.threads = options, threads
        self.ready: asyncio.Future[Ready] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.gate = asyncio.Event()
        self.load = 0
        self.asked: list[str] = []
        self.was_killed = self.was_stopped = False
        self.started.append(self)

    @classmethod
    async def start(cls, options: LoadOptions, *, threads: int) -> "FakeWorker":
        return cls(options, threads=threads)

    async def call(self, task: str, inputs: Any, options: Mapping[str, Any]) -> TaskAnswer:
        self.load += 1
        self.asked.append(task)
        try:
            await self.gate.wait()
        finally:
            self.load -= 1
        return TaskAnswer((self, inputs), Timings(0, 0, 0, 0, 0))

    async def stop(self, within: float | None = None) -> None:
        while self.load:
            await asyncio.sleep(0)
        self.was_stopped = True
        self.die()

    def kill(self) -> None:
        self.was_killed = True
        self.die()

    def die(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def warm_up(self) -> None:
        self.ready.set_result(Ready(TASKS, {"engine": "numpy"}))

    def fail(self, problem: str, *, has_died: bool = False) -> None:
        self.ready.set_exception(LoadError(problem, has_died=has_died))


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> list[FakeWorker]:
    """All workers that were started."""
    FakeWorker.started = []
    monkeypatch.setattr(served_model, "WorkerProcess", FakeWorker)
    return FakeWorker.started


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which tests set."""
    time = [0.0]
    monkeypatch.setattr(served_model, "_now", lambda: time[0])
    return time


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    return made


def change(folder: Path, value: int) -> None:
    (folder / "new").write_text(json.dumps({"x": value}))
    (folder / "new").replace(folder / "config.json")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT):
        while not condition():
            await asyncio.sleep(0.001)


async def warm_up(model: ServedModel) -> None:
    """Let the first worker of a model become ready."""
    await until(lambda: len(FakeWorker.started) == 1)
    FakeWorker.started[0].warm_up()
    await until(lambda: model.info.state == "ready")


async def some_looks() -> None:
    """Long enough for several looks at the folder, so that what does not happen would have."""
    await asyncio.sleep(0.05)


@asynccontextmanager
async def served(source: str | Path, **options: Any) -> AsyncIterator[ServedModel]:
    model = ServedModel("mine", source, ServingConfig(**options), watch=0.002)
    model.start()
    try:
        yield model
    finally:
        for worker in FakeWorker.started:
            worker.gate.set()
        await model.stop()


def run(use: Coroutine[Any, Any, None]) -> None:
    asyncio.run(use)


async def call(model: ServedModel, task: str = "feature-extraction", inputs: Any = "a") -> Any:
    return (await model.call(task, inputs, {})).value


def test_a_model_is_loaded_and_answers(folder: Path, workers: list[FakeWorker]) -> None:
    async def use() -> None:
        async with served(folder, engine="torch", max_batch_tokens=99, log_texts=True) as model:
            assert (model.info.state, model.info.tasks) == ("loading", ())
            with pytest.raises(Unavailable, match="'mine' is not ready") as caught:
                await call(model)
            assert caught.value.retry_after
            await until(lambda: len(workers) == 1)
            (worker,) = workers
            assert worker.options == LoadOptions(folder, "torch", "auto", 99, log_texts=True)
            worker.warm_up()
            await until(lambda: model.info.state == "ready")
            assert model.info.tasks == TASKS
            assert model.info.facts == {"engine": "numpy"}
            worker.gate.set()
            assert await call(model, inputs="b") == (worker, "b")
        assert worker.was_stopped
        with pytest.raises(Unavailable, match="stopping"):
            await call(model)

    run(use())


def test_tasks_have_several_names_and_others_are_refused(
    folder: Path, workers: list[FakeWorker]
) -> None:
    async def use() -> None:
        async with served(folder, default_task="zero-shot-classification") as model:
            await until(lambda: len(workers) == 1)
            workers[0].warm_up()
            workers[0].gate.set()
            await until(lambda: model.info.state == "ready")
            assert model.info.tasks == (TASKS[2], TASKS[0], TASKS[1])
            for task in ("ner", "token-classification", "tokenize"):
                await call(model, task)
            assert workers[0].asked == ["token-classification", "token-classification", "tokenize"]
            for task in ("fill-mask", "chat"):
                with pytest.raises(UnsupportedTask, match=f"'{task}'; its tasks are zero-shot"):
                    await call(model, task)

    run(use())


def test_a_default_task_that_the_model_lacks_changes_nothing(
    folder: Path, workers: list[FakeWorker]
) -> None:
    async def use() -> None:
        async with served(folder, default_task="fill-mask") as model:
            await warm_up(model)
            assert model.info.tasks == TASKS

    run(use())


def test_requests_beyond_the_queue_are_refused(folder: Path, workers: list[FakeWorker]) -> None:
    async def use() -> None:
        async with served(folder, max_queue=2) as model:
            await warm_up(model)
            calls = [asyncio.create_task(call(model)) for _ in range(2)]
            await until(lambda: model.in_flight == 2)
            with pytest.raises(Overloaded, match="2 requests for the model 'mine'") as caught:
                await call(model)
            assert caught.value.retry_after == 1
            calls[0].cancel()
            await until(lambda: model.in_flight == 1)
            workers[0].gate.set()
            await call(model)
            await calls[1]
            assert model.in_flight == 0

    run(use())


def test_the_least_loaded_worker_is_asked(folder: Path, workers: list[FakeWorker]) -> None:
    async def use() -> None:
        async with served(folder, workers=2) as model:
            await until(lambda: len(workers) == 2)
            workers[0].warm_up()
            await some_looks()
            assert model.info.state == "loading"
            workers[1].warm_up()
            await until(lambda: model.info.state == "ready")
            calls = [asyncio.create_task(call(model)) for _ in range(4)]
            await until(lambda: model.in_flight == 4)
            assert [worker.load for worker in workers] == [2, 2]
            for worker in workers:
                worker.gate.set()
            await asyncio.gather(*calls)

    run(use())


def test_a_changed_folder_is_opened_and_the_old_workers_finish(
    folder: Path, workers: list[FakeWorker]
) -> None:
    async def use() -> None:
        async with served(folder) as model:
            await warm_up(model)
            early = asyncio.create_task(call(model))
            await until(lambda: workers[0].load == 1)
            change(folder, 1)
            await until(lambda: len(workers) == 2)
            meanwhile = asyncio.create_task(call(model))
            await until(lambda: workers[0].load == 2)
            workers[1].warm_up()
            workers[1].gate.set()
            await until(lambda: model._workers == cast("Any", workers[1:]))
            assert (await call(model))[0] is workers[1]
            assert not workers[0].ended.done()
            workers[0].gate.set()
            assert (await early)[0] is (await meanwhile)[0] is workers[0]
            await until(lambda: workers[0].was_stopped)
            await some_looks()
            assert len(workers) == 2

    run(use())


def test_what_changes_while_it_is_opened_is_opened_again(
    folder: Path, workers: list[FakeWorker]
) -> None:
    async def use() -> None:
        async with served(folder) as model:
            await until(lambda: len(workers) == 1)
            change(folder, 1)
            workers[0].warm_up()
            await until(lambda: len(workers) == 2)
            assert workers[0].was_killed
            assert model.info.state == "loading"
            workers[1].warm_up()
            await until(lambda: model.info.state == "ready")

    run(use())


def test_the_old_model_is_kept_if_the_new_one_is_broken(
    folder: Path, workers: list[FakeWorker]
) -> None:
    async def use() -> None:
        async with served(folder) as model:
            await until(lambda: len(workers) == 1)
            workers[0].warm_up()
            workers[0].gate.set()
            await until(lambda: model.info.state == "ready")
            change(folder, 1)
            await until(lambda: len(workers) == 2)
            workers[1].fail("the weights are damaged")
            await until(lambda: model.info.problem != "")
            assert (model.info.state, model.info.problem) == ("ready", "the weights are damaged")
            assert (await call(model))[0] is workers[0]
            assert workers[1].was_killed
            await some_looks()
            assert len(workers) == 2
            change(folder, 2)
            await until(lambda: len(workers) == 3)
            workers[2].warm_up()
            await until(lambda: model.info.problem == "")

    run(use())


def test_a_folder_that_vanishes_changes_nothing(folder: Path, workers: list[FakeWorker]) -> None:
    async def use() -> None:
        async with served(folder) as model:
            await until(lambda: len(workers) == 1)
            workers[0].warm_up()
            workers[0].gate.set()
            await until(lambda: model.info.state == "ready")
            (folder / "config.json").unlink()
            await some_looks()
            assert len(workers) == 1
            await call(model)

    run(use())


def test_a_broken_folder_fails_until_it_changes(folder: Path, workers: list[FakeWorker]) -> None:
    async def use() -> None:
        async with served(folder) as model:
            await until(lambda: len(workers) == 1)
            workers[0].fail("there are no weights")
            await until(lambda: model.info.state == "failed")
            assert model.info.problem == "there are no weights"
            with pytest.raises(Unavailable, match="cannot be loaded: there are no weights"):
                await call(model)
            await some_looks()
            assert len(workers) == 1
            change(folder, 1)
            await until(lambda: len(workers) == 2)
            assert model.info.state == "loading"
            workers[1].warm_up()
            await until(lambda: model.info.state == "ready")
            assert model.info.problem == ""

    run(use())


def test_a_worker_that_dies_is_replaced_at_once_and_then_later(
    folder: Path, workers: list[FakeWorker], clock: list[float]
) -> None:
    async def use() -> None:
        async with served(folder) as model:
            for delay in (0, 1, 2, 4):
                await until(lambda: bool(workers) and not workers[-1].ended.done())
                workers[-1].warm_up()
                await until(lambda: model.info.state == "ready")
                count = len(workers)
                workers[-1].die()
                await until(lambda: model.info.state == "loading")
                with pytest.raises(Unavailable, match="not ready"):
                    await call(model)
                if delay:
                    clock[0] += delay - 0.5
                    await some_looks()
                    assert len(workers) == count
                    clock[0] += 0.5
                await until(lambda: len(workers) == count + 1)  # noqa: B023
            workers[-1].warm_up()
            await until(lambda: model.info.state == "ready")
            clock[0] += STEADY_AFTER + 1
            workers[-1].die()
            await until(lambda: len(workers) == 6)

    run(use())


def test_one_of_two_workers_is_replaced_while_the_other_answers(
    folder: Path, workers: list[FakeWorker]
) -> None:
    async def use() -> None:
        async with served(folder, workers=2) as model:
            await until(lambda: len(workers) == 2)
            for worker in workers:
                worker.warm_up()
                worker.gate.set()
            await until(lambda: model.info.state == "ready")
            workers[0].die()
            await until(lambda: len(workers) == 3)
            assert model.info.state == "ready"
            assert (await call(model))[0] is workers[1]
            workers[2].warm_up()
            await until(lambda: len(model._workers) == 2)
            await some_looks()
            assert len(workers) == 3

    run(use())


def test_a_worker_that_dies_while_it_loads_is_started_again_later(
    folder: Path, workers: list[FakeWorker], clock: list[float]
) -> None:
    async def use() -> None:
        async with served(folder) as model:
            await until(lambda: len(workers) == 1)
            workers[0].fail("it died", has_died=True)
            await until(lambda: len(workers) == 2)
            workers[1].fail("it died again", has_died=True)
            await until(lambda: model.info.problem == "it died again")
            assert model.info.state == "failed"
            await some_looks()
            assert len(workers) == 2
            clock[0] += 1
            await until(lambda: len(workers) == 3)
            workers[2].warm_up()
            await until(lambda: model.info.state == "ready")

    run(use())


def test_an_idle_model_is_unloaded_and_loaded_for_the_next_request(
    folder: Path, workers: list[FakeWorker], clock: list[float]
) -> None:
    async def use() -> None:
        async with served(folder, idle_unload=10) as model:
            await warm_up(model)
            clock[0] = 9
            running = asyncio.create_task(call(model))
            await until(lambda: workers[0].load == 1)
            clock[0] = 30  # but a request is computed
            await some_looks()
            assert model.info.state == "ready"
            workers[0].gate.set()
            await running
            clock[0] = 39
            await some_looks()
            assert model.info.state == "ready"
            clock[0] = 40
            await until(lambda: model.info.state == "unloaded")
            await until(lambda: workers[0].was_stopped)
            assert model.info.tasks == TASKS
            await some_looks()
            assert len(workers) == 1
            waiting = [asyncio.create_task(call(model)) for _ in range(3)]
            await until(lambda: len(workers) == 2)
            assert model.in_flight == 3
            workers[1].warm_up()
            workers[1].gate.set()
            for answer in await asyncio.gather(*waiting):
                assert answer[0] is workers[1]
            assert model.info.state == "ready"

    run(use())


def test_requests_are_refused_if_the_model_cannot_be_loaded_again(
    folder: Path, workers: list[FakeWorker], clock: list[float]
) -> None:
    async def use() -> None:
        async with served(folder, idle_unload=10) as model:
            await warm_up(model)
            clock[0] = 11
            await until(lambda: model.info.state == "unloaded")
            waiting = asyncio.create_task(call(model))
            await until(lambda: len(workers) == 2)
            workers[1].fail("there are no weights")
            with pytest.raises(Unavailable, match="there are no weights"):
                await waiting

    run(use())


def test_requests_that_wait_for_a_model_are_refused_when_the_server_stops(
    folder: Path, workers: list[FakeWorker], clock: list[float]
) -> None:
    async def use() -> None:
        async with served(folder, idle_unload=10) as model:
            await warm_up(model)
            clock[0] = 11
            await until(lambda: model.info.state == "unloaded")
            waiting = asyncio.create_task(call(model))
            await until(lambda: len(workers) == 2)
        with pytest.raises(Unavailable):
            await waiting
        assert workers[1].was_killed

    run(use())


def test_a_server_that_stops_answers_what_it_has_begun(
    folder: Path, workers: list[FakeWorker]
) -> None:
    async def use() -> None:
        async with served(folder) as model:
            await warm_up(model)
            begun = asyncio.create_task(call(model))
            await until(lambda: workers[0].load == 1)
            stopping = asyncio.create_task(model.stop())
            await some_looks()
            assert not stopping.done()
            with pytest.raises(Unavailable, match="stopping"):
                await call(model)
            workers[0].gate.set()
            assert (await begun)[0] is workers[0]
            await stopping

    run(use())


def test_a_model_of_the_hub_is_fetched_in_the_background(
    folder: Path, workers: list[FakeWorker], clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []

    def resolve(name: str) -> Path:
        attempts.append(name)
        if len(attempts) < 3:
            raise OSError("the hub cannot be reached")
        return folder

    monkeypatch.setattr(hub, "resolve", resolve)

    async def use() -> None:
        async with served("someone/albert") as model:
            await until(lambda: len(attempts) == 2)
            await until(lambda: model.info.state == "failed")
            assert model.info.problem == "the hub cannot be reached"
            await some_looks()
            assert attempts == ["someone/albert"] * 2
            clock[0] += 1
            await until(lambda: len(workers) == 1)
            assert workers[0].options.folder == folder

    run(use())


def test_a_machine_without_room_for_a_process_is_tried_again(
    folder: Path, workers: list[FakeWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: Iterator[str] = iter(["no memory"])

    async def start(options: LoadOptions, *, threads: int) -> FakeWorker:
        if len(workers) == 1 and (told := next(refusals, "")):
            raise OSError(told)
        return FakeWorker(options, threads=threads)

    monkeypatch.setattr(FakeWorker, "start", start)

    async def use() -> None:
        async with served(folder, workers=2) as model:
            await until(lambda: len(workers) == 3)
            assert workers[0].was_killed
            for worker in workers[1:]:
                worker.warm_up()
            await until(lambda: model.info.state == "ready")

    run(use())


def test_workers_share_the_cores(
    folder: Path, workers: list[FakeWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))

    async def use() -> None:
        async with served(folder, workers=3):
            await until(lambda: len(workers) == 3)
        assert [worker.threads for worker in workers] == [2, 2, 2]

    run(use())


def test_a_model_that_was_never_started_can_be_stopped(folder: Path) -> None:
    run(ServedModel("mine", folder, ServingConfig(), watch=1).stop())
