"""`albertlm serve`: its options make a configuration; what it then does is tested in `serving`."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Run

from albertlm.cli import serve
from albertlm.serving import server
from albertlm.serving.serving_config import ServingConfig


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServingConfig]:
    """The configurations with which servers were started; none is."""
    found: list[ServingConfig] = []

    def start(config: ServingConfig, told: Callable[[str], None]) -> None:
        told(f"http://{config.host}:{config.port}")
        found.append(config)

    monkeypatch.setattr(server, "serve", start)
    return found


def test_options_and_environment(
    run: Run, served: list[ServingConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{serve.ENVIRONMENT}MODELS", "models/a b=models/b")
    monkeypatch.setenv(f"{serve.ENVIRONMENT}MAX_QUEUE", "3")
    done = run("serve", "--port", 9000, "--cors", "https://a.org", "--cors", "https://b.org")
    assert (done.code, done.err) == (0, "Serving at http://127.0.0.1:9000\n")
    assert served == [
        ServingConfig(
            models=("models/a", "b=models/b"),
            port=9000,
            cors=("https://a.org", "https://b.org"),
            max_queue=3,
        )
    ]


def test_without_options_the_model_that_ships_is_served(
    run: Run, served: list[ServingConfig]
) -> None:
    assert run("serve").code == 0
    assert served == [ServingConfig()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "port=70000 is not allowed"),
        (["--workers", "0"], "workers"),
        (["--idle-unload", "-1"], "a positive number of seconds"),
        (["a=./missing"], "missing"),
        (["--default-task", "translation"], "default_task"),
        (["--token-file", "missing.txt"], "missing.txt"),
        (["--address", "10.0.0.1:6379"], "--address needs --runner ray"),
    ],
)
def test_bad_options_are_told_in_one_line(
    arguments: list[str], said: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("serve", *arguments)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_port_in_use_is_named(run: Run, tiny_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: Any = taken.getsockname()[1]
        done = run("serve", tiny_folder, "--port", port)
    assert done.code == 2
    assert f"cannot listen at 127.0.0.1:{port}: Address already in use" in done.err
