"""The application on Ray Serve, in a process of its own."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from albertlm import pipeline
from albertlm.serving import on_ray

TEXT = "Nobody walked to the [MASK] at night."
pytestmark = pytest.mark.slow


@pytest.mark.skipif(
    importlib.util.find_spec("grpc_reflection") is None, reason="Ray Serve is not installed"
)
def test_a_replica_answers_until_a_signal(tiny_folder: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "albertlm", "serve", f"tiny={tiny_folder}", "--runner", "ray"]
    command += ["--port", str(port), "--address", "local"]
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=dict(os.environ))
    try:
        end = time.monotonic() + 180
        while (answer := ask(port)) is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        expected: Any = pipeline("fill-mask", tiny_folder)(TEXT)
        assert [each["token"] for each in answer] == [each["token"] for each in expected]
        assert f"Serving at http://127.0.0.1:{port}" in log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
    assert ask(port) is None
    assert f"Application '{on_ray.NAME}' is ready" in log.read_text()


def ask(port: int) -> Any:
    """The fills, or None if there is no server or its model is not ready."""
    url = f"http://127.0.0.1:{port}/models/tiny/pipeline/fill-mask"
    try:
        answer = httpx.post(url, json={"inputs": TEXT}, timeout=60, trust_env=False)
    except httpx.HTTPError:
        return None
    assert answer.status_code in (200, 404, 503), answer.text
    return answer.json() if answer.is_success else None
