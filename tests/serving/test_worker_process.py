import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from albertlm import pipeline
from albertlm.serving.errors import InvalidRequest, ServingError, Unavailable
from albertlm.serving.loaded_model import LoadOptions
from albertlm.serving.worker_process import LoadError, WorkerProcess

PATIENT = 120  # seconds after which a test fails rather than hangs


def options(folder: Path) -> LoadOptions:
    return LoadOptions(folder, "numpy", "auto", max_batch_tokens=256)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT):
        while not condition():
            await asyncio.sleep(0.005)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def ready(folder: Path) -> WorkerProcess:
    process = await WorkerProcess.start(options(folder), threads=1)
    await asyncio.wait_for(process.ready, PATIENT)
    return process


async def hanging(folder: Path) -> tuple[WorkerProcess, asyncio.Task[Any]]:
    """A worker that is stopped, and a call that waits for it."""
    process = await ready(folder)
    os.kill(process.pid, signal.SIGSTOP)
    call = asyncio.create_task(process.call("feature-extraction", "She walked.", {}))
    await until(lambda: process.load == 1)
    return process, call


def test_a_worker_answers_like_a_pipeline_and_refuses_like_one(tiny_folder: Path) -> None:
    text = "The old [MASK] walked to the river."

    async def use() -> None:
        process = await WorkerProcess.start(options(tiny_folder), threads=1)
        ready = await asyncio.wait_for(process.ready, PATIENT)
        assert ready.tasks[0] == "fill-mask"
        asked = [process.call("fill-mask", text, {"top_k": number}) for number in (1, 2, 3)]
        answers = await asyncio.gather(*asked)
        expected: Any = pipeline("fill-mask", tiny_folder, engine="numpy")(text, top_k=3)
        for number, answer in enumerate(answers, 1):
            assert [fill["token"] for fill in answer.value] == [
                fill["token"] for fill in expected[:number]
            ]
            timings = answer.timings
            assert timings.tokens > 4
            assert timings.inference > 0
            assert timings.total >= timings.queue + timings.tokenization + timings.inference
        with pytest.raises(InvalidRequest, match=r"no \[MASK\]"):
            await process.call("fill-mask", "No mask.", {})
        assert process.load == 0
        await process.stop(PATIENT)
        assert not is_alive(process.pid)
        with pytest.raises(Unavailable, match="died"):
            await process.call("fill-mask", text, {})

    asyncio.run(use())


def test_an_error_of_the_worker_is_logged(
    tiny_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def use() -> None:
        process = await ready(tiny_folder)
        with pytest.raises(ServingError, match="the log of the server says why") as caught:
            await process.call("a task that it does not have", "a text", {})
        assert caught.value.status == 500
        await process.stop(PATIENT)

    asyncio.run(use())
    assert "KeyError" in caplog.text
    assert "a text" not in caplog.text


def test_requests_of_a_worker_that_is_killed_are_unavailable(tiny_folder: Path) -> None:
    async def use() -> None:
        process = await ready(tiny_folder)
        os.kill(process.pid, signal.SIGSTOP)  # so that they are pending
        texts = ["She walked."] * 4 + ["too long for a buffer" * 100_000]
        calls = [
            asyncio.create_task(process.call("feature-extraction", text, {})) for text in texts
        ]
        await until(lambda: process.load == 5)
        calls[0].cancel()
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.wait_for(process.ended, PATIENT)
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        for error in results[1:]:
            assert isinstance(error, Unavailable)
            assert error.retry_after == 1
        assert process.load == 0

    asyncio.run(use())


def test_a_cancelled_request_is_not_waited_for(tiny_folder: Path) -> None:
    async def use() -> None:
        process, call = await hanging(tiny_folder)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert process.load == 0
        os.kill(process.pid, signal.SIGCONT)
        assert (await process.call("tokenize", "She walked.", {})).value
        await process.stop(PATIENT)
        assert not is_alive(process.pid)

    asyncio.run(use())


def test_a_worker_that_hangs_is_killed(tiny_folder: Path) -> None:
    async def use() -> None:
        process, call = await hanging(tiny_folder)
        await process.stop(within=0.01)
        with pytest.raises(Unavailable):
            await call
        assert not is_alive(process.pid)

    asyncio.run(use())


def test_a_folder_that_cannot_be_opened(tmp_path: Path) -> None:
    async def use() -> None:
        process = await WorkerProcess.start(options(tmp_path), threads=1)
        with pytest.raises(LoadError, match=r"config\.json") as caught:
            await asyncio.wait_for(process.ready, PATIENT)
        assert not caught.value.has_died
        await asyncio.wait_for(process.ended, PATIENT)

    asyncio.run(use())


def test_a_worker_that_is_killed_while_it_loads(tiny_folder: Path) -> None:
    async def use() -> None:
        process = await WorkerProcess.start(options(tiny_folder), threads=1)
        process.kill()
        with pytest.raises(LoadError, match=r"exit code -9.*out of memory") as caught:
            await asyncio.wait_for(process.ready, PATIENT)
        assert caught.value.has_died

    asyncio.run(use())


FRONT = """
import asyncio, os, signal, sys
from pathlib import Path
from albertlm.serving.loaded_model import LoadOptions
from albertlm.serving.worker_process import WorkerProcess

async def main():
    options = LoadOptions(Path(sys.argv[1]), "numpy", "auto", 256)
    process = await WorkerProcess.start(options, threads=1)
    await process.ready
    print(process.pid, flush=True)
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize("end", ["killed", "returns"])
def test_a_worker_ends_with_the_front(tiny_folder: Path, tmp_path: Path, end: str) -> None:
    script = tmp_path / "front.py"
    script.write_text(FRONT)
    done = subprocess.run(
        [sys.executable, str(script), str(tiny_folder), end],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENT,
    )
    assert done.returncode == (-signal.SIGKILL if end == "killed" else 0), done.stderr
    pid = int(done.stdout)
    deadline = time.monotonic() + PATIENT
    while is_alive(pid):
        assert time.monotonic() < deadline, "the worker still runs"
        time.sleep(0.01)
