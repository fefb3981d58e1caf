"""The server as a process: what it prints, how it ends, and whom it calls."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from albertlm import pipeline
from albertlm.serving import server

TEXT = "Nobody walked to the [MASK] at night."
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a proxy, and what it was asked for."""
    asked: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:  # it was closed
                return
            with connection:
                asked.append(connection.recv(1000))

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
    listening.close()


@contextmanager
def running(folder: Path, proxy: str, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server and its address, once it is ready."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), proxy)
    environment = os.environ | proxies | {name.upper(): proxy for name in proxies}
    command = [sys.executable, "-m", "albertlm", "serve", f"tiny={folder}", "--port", "0"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stderr=file, env=environment)
    try:
        address = wait_for(lambda: served_address(log, process))
        wait_for(lambda: httpx.get(f"{address}/health/ready", trust_env=False).is_success)
        yield process, address
    finally:
        process.kill()
        process.wait()


def served_address(log: Path, process: subprocess.Popen[bytes]) -> str | None:
    assert process.poll() is None, log.read_text()
    lines = [line for line in log.read_text().splitlines() if line.startswith("Serving at ")]
    return lines[0].split()[-1] if lines else None


def wait_for(condition: Any) -> Any:
    """What a condition gives as soon as it is true."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise TimeoutError


def test_it_answers_calls_nobody_and_ends_with_0(
    tiny_folder: Path, outside: tuple[str, list[bytes]], tmp_path: Path
) -> None:
    proxy, asked = outside
    expected: Any = pipeline("fill-mask", tiny_folder)(TEXT, clean=True)
    with running(tiny_folder, proxy, tmp_path / "log") as (process, address):
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            found = client.post("/models/tiny/pipeline/fill-mask", json={"inputs": TEXT})
            assert [each["token"] for each in found.json()] == [each["token"] for each in expected]
            answered = []
            waiting = threading.Thread(
                target=lambda: answered.append(
                    client.post("/embed", json={"inputs": [TEXT.replace("[MASK]", "x")] * 200})
                )
            )
            waiting.start()
            in_flight = b'te_queue_size{model="tiny"} 1.0'
            wait_for(lambda: in_flight in client.get("/metrics").content or answered)
            process.send_signal(signal.SIGTERM)
            waiting.join()
        assert process.wait(60) == 0
    assert answered[0].is_success
    assert len(answered[0].json()) == 200
    assert asked == []
    for line in (tmp_path / "log").read_text().splitlines()[1:]:
        assert TEXT not in line
        json.loads(line)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1")])
def test_it_listens_at_an_address(host: str, shown: str) -> None:
    try:
        listening = server.listen(host, 0)
    except OSError as error:
        pytest.skip(f"this machine has no such address: {error}")
    with listening:
        assert listening.getsockname()[0] == shown
        with pytest.raises(OSError, match="choose another --host or --port"):
            server.listen(host, listening.getsockname()[1])


def test_an_address_that_does_not_exist_is_named() -> None:
    with pytest.raises(OSError, match=r"cannot listen at no\.such\.host\.invalid:1"):
        server.listen("no.such.host.invalid", 1)
