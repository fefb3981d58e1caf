import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from albertlm import pipeline
from albertlm.serving.errors import ServingError, Unavailable, UnknownModel
from albertlm.serving.model_service import ModelService
from albertlm.serving.serving_config import ServingConfig

PATIENT = 120  # seconds after which a test fails rather than hangs

TEXTS = [
    "Nobody walked to the river.",
    "She sold 12 pictures of the boats, then got up - and left.",
    "The old fisherman painted a small town.",
    "A young model is modeling an island in winter, then got up - and left.",
] * 4


@asynccontextmanager
async def serving(*models: str, **options: Any) -> AsyncIterator[ModelService]:
    config = ServingConfig(models=models, engine="numpy", **options)
    service = ModelService(config, watch=0.05)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT):
        while not condition():
            await asyncio.sleep(0.005)


async def until_ready(service: ModelService) -> None:
    await until(lambda: all(model.state == "ready" for model in service.models()))


def pids(service: ModelService, name: str) -> list[int]:
    return [worker.pid for worker in service._models[name]._workers]


async def features(service: ModelService, text: str) -> Any:
    answer = await service.call("mine", "feature-extraction", text, {"pooling": "mean"})
    return answer.value


def test_requests_at_once_have_the_results_of_pipelines(
    tiny_folder: Path, fine_tuned: Callable[..., Path]
) -> None:
    tagger = fine_tuned("AlbertForTokenClassification", ["O", "B-PER"])

    async def use() -> None:
        async with serving(f"mine={tiny_folder}", f"tagger={tagger}") as service:
            assert [model.name for model in service.models()] == ["mine", "tagger"]
            await until_ready(service)
            assert service.find(None).tasks[0] == "fill-mask"
            assert service.find("tagger").tasks[0] == "token-classification"
            found = await asyncio.gather(*(features(service, text) for text in TEXTS))
            extract = pipeline("feature-extraction", tiny_folder)
            for text, vector in zip(TEXTS, found, strict=True):
                np.testing.assert_allclose(vector, extract(text, pooling="mean"), atol=1e-5)
            tags = await service.call("tagger", "ner", TEXTS, {"aggregation_strategy": "none"})
            expected = pipeline("ner", tagger)(TEXTS, aggregation_strategy="none")
            for of_text, wanted in zip(tags.value, expected, strict=True):
                assert [(tag["entity"], tag["start"]) for tag in of_text] == [
                    (tag["entity"], tag["start"]) for tag in wanted
                ]
            assert service.queue_length("mine") == 0
            with pytest.raises(UnknownModel, match="no model 'mime'; did you mean 'mine'"):
                service.find("mime")
            for name in ("../mine", "..%2fmine", str(tiny_folder)):
                with pytest.raises(UnknownModel, match="those served are mine, tagger"):
                    await service.call(name, "fill-mask", "A [MASK].", {})
                with pytest.raises(UnknownModel):
                    service.queue_length(name)

    asyncio.run(use())


def test_a_worker_that_is_killed_is_replaced(tiny_folder: Path) -> None:
    async def use() -> None:
        async with serving(f"mine={tiny_folder}") as service:
            await until_ready(service)
            expected = await features(service, TEXTS[0])
            (pid,) = pids(service, "mine")
            os.kill(pid, signal.SIGSTOP)  # so that the requests are pending
            calls = [asyncio.create_task(features(service, text)) for text in TEXTS]
            await until(lambda: service.queue_length("mine") == len(TEXTS))
            os.kill(pid, signal.SIGKILL)
            for error in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(error, Unavailable)
                assert error.retry_after == 1
            assert service.queue_length("mine") == 0
            await until_ready(service)
            assert pids(service, "mine") != [pid]
            np.testing.assert_array_equal(await features(service, TEXTS[0]), expected)

    asyncio.run(use())


def test_every_answer_while_a_folder_is_rewritten_is_that_of_one_model(
    tiny_folder: Path, fine_tuned: Callable[..., Path], tmp_path: Path
) -> None:
    folder, other = tmp_path / "model", fine_tuned("AlbertModel", initializer_range=0.2)
    shutil.copytree(tiny_folder, folder)
    vectors = {
        name: pipeline("feature-extraction", path)(TEXTS[0], pooling="mean")
        for name, path in (("old", tiny_folder), ("new", other))
    }
    assert not np.allclose(vectors["old"], vectors["new"], atol=0.1)

    async def use() -> None:
        async with serving(f"mine={folder}") as service:
            await until_ready(service)
            seen: list[str] = []

            async def ask() -> None:
                while "new" not in seen:
                    vector = await features(service, TEXTS[0])
                    seen.append(
                        next(
                            name
                            for name, expected in vectors.items()
                            if np.allclose(vector, expected, atol=1e-4)
                        )
                    )

            async with asyncio.timeout(PATIENT), asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(ask())
                await until(lambda: len(seen) > 20)
                for path in sorted(other.iterdir()):
                    shutil.copyfile(path, folder / "copy")
                    (folder / "copy").replace(folder / path.name)
                    await asyncio.sleep(0.01)
            assert seen[:20] == ["old"] * 20
            assert "fill-mask" not in service.find("mine").tasks

    asyncio.run(use())


def test_a_model_is_unloaded_and_loaded_again_and_a_broken_one_says_why(
    tiny_folder: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_folder, broken)
    (broken / "model.safetensors").write_bytes(b"no weights")

    async def use() -> None:
        async with serving(f"mine={tiny_folder}", str(broken), idle_unload=0.2) as service:
            await until(lambda: service.find("broken").state == "failed")
            assert "model.safetensors" in service.find("broken").problem
            with pytest.raises(Unavailable, match="'broken' cannot be loaded"):
                await service.call("broken", "fill-mask", "A [MASK].", {})
            await until(lambda: service.find("mine").state == "unloaded")
            first, second = await asyncio.gather(
                features(service, TEXTS[0]), features(service, TEXTS[0])
            )
            np.testing.assert_allclose(first, second, atol=1e-5)
            await until(lambda: service.find("mine").state == "unloaded")

    asyncio.run(use())


def test_a_service_that_stops_answers_what_it_has(tiny_folder: Path) -> None:
    async def use() -> None:
        async with serving(f"mine={tiny_folder}", workers=2) as service:
            await until_ready(service)
            running = pids(service, "mine")
            assert len(running) == 2
            calls = [asyncio.create_task(features(service, text)) for text in TEXTS]
            await asyncio.sleep(0)  # each call begins, and waits for its answer
            await service.stop()
            assert all(len(vector) == 32 for vector in await asyncio.gather(*calls))
            with pytest.raises(Unavailable, match="stopping"):
                await features(service, TEXTS[0])
            for pid in running:
                with suppress(ProcessLookupError):
                    os.kill(pid, 0)
                    raise AssertionError("a worker still runs")

    asyncio.run(use())


def test_clients_that_go_away_leave_a_service_that_answers(tiny_folder: Path) -> None:
    async def use() -> None:
        async with serving(f"mine={tiny_folder}", max_queue=8) as service:
            await until_ready(service)
            expected = await features(service, TEXTS[0])
            for _ in range(5):
                calls = [asyncio.create_task(features(service, text)) for text in TEXTS]
                await asyncio.sleep(0)
                for task in calls[::2]:
                    task.cancel()
                results = await asyncio.gather(*calls, return_exceptions=True)
                for result in results[1::2]:  # answered, or refused as the queue was full
                    assert isinstance(result, np.ndarray | ServingError)
            assert service.queue_length("mine") == 0
            np.testing.assert_array_equal(await features(service, TEXTS[0]), expected)

    asyncio.run(use())


def test_what_is_wrong_is_said_at_once(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"default_task='fill-in'.*did you mean 'fill-mask'"):
        ModelService(ServingConfig(default_task="fill-in"))
    with pytest.raises(ValueError, match="two models have the name"):
        ModelService(ServingConfig(models=(str(tiny_folder), str(tiny_folder))))
    with pytest.raises(FileNotFoundError, match="no folder"):
        ModelService(ServingConfig(models=(str(tmp_path / "missing"),)))


def test_the_front_does_not_import_pytorch() -> None:
    code = "import sys, albertlm.serving.model_service; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
