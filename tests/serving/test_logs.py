import asyncio
import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fake_service import TIMINGS, FakeService
from starlette.testclient import TestClient
from starlette.types import Scope

from albertlm.serving import logs
from albertlm.serving.app import create_app
from albertlm.serving.logs import JsonLines, Observation
from albertlm.serving.serving_config import ServingConfig


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the server logs, a JSON object in each line."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("albertlm")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def logged(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_request_is_one_line(client: TestClient, lines: io.StringIO) -> None:
    client.post("/embed", json={"inputs": "She sold"}, headers={"X-Request-Id": "seven-7"})
    (line,) = logged(lines)
    assert line.pop("milliseconds") >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "albertlm.serving.access",
        "message": "request",
        "request_id": "seven-7",
        "method": "POST",
        "path": "/embed",
        "status": 200,
        "model": "org/base",
        "task": "feature-extraction",
        "tokens": TIMINGS.tokens,
        "error": "",
    }


def test_texts_are_logged_only_if_asked_for(service: FakeService, lines: io.StringIO) -> None:
    secret = "a secret [MASK] of mine"
    bodies: list[dict[str, Any]] = [
        {"inputs": secret},
        {"inputs": secret.replace("[MASK]", "")},
        {"inputs": {"question": secret}},
        {secret: 1},
    ]
    for log_texts in (False, True):
        client = TestClient(create_app(service, ServingConfig(log_texts=log_texts)))
        for body in bodies:
            client.post("/pipeline/fill-mask", json=body)
        service.failure = RuntimeError(secret)
        client.post("/pipeline/fill-mask", json={"inputs": secret})
        service.failure = None
        assert ("secret" in lines.getvalue()) == log_texts


def test_why_a_request_is_refused_is_logged(service: FakeService, lines: io.StringIO) -> None:
    client = TestClient(create_app(service, ServingConfig()))
    client.post("/embed", json={"inputs": ["a"] * 300})
    client.get("/nowhere")
    assert [(each["status"], each["error"]) for each in logged(lines)] == [
        (413, "too_large"),
        (404, "no_route"),
    ]


def test_what_fails_is_logged_with_where(service: FakeService, lines: io.StringIO) -> None:
    service.failure = RuntimeError("with a text")
    client = TestClient(create_app(service, ServingConfig()))
    client.post("/embed", json={"inputs": "a"})
    failed, request = logged(lines)
    assert failed["level"] == "error"
    assert "RuntimeError in" in failed["message"]
    assert "fake_service.py" in failed["message"]
    assert (request["status"], request["error"]) == (500, "internal")


def test_ids_are_echoed(client: TestClient) -> None:
    answer = client.get("/ping", headers={"X-Request-Id": "a/b:1"})
    assert answer.headers["x-request-id"] == "a/b:1"
    amazon = "Root=1-67891233-abcdef012345678912345678"
    answer = client.get("/ping", headers={"X-Amzn-Trace-Id": amazon})
    assert answer.headers["x-amzn-trace-id"] == answer.headers["x-request-id"] == amazon


@pytest.mark.parametrize("given", ["", "two words", "x" * 201, "\xe9t\xe9"])
def test_an_id_that_no_log_holds_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/ping", headers={b"X-Request-Id": given.encode("latin-1")})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_times_are_headers_in_milliseconds(client: TestClient) -> None:
    answer = client.post("/embed", json={"inputs": "a"})
    found = {name: answer.headers.get(name) for name in logs.HEADERS}
    assert found == {
        "x-request-id": found["x-request-id"],
        "x-compute-tokens": "11",
        "x-total-time": "7",
        "x-queue-time": "1",
        "x-tokenization-time": "2",
        "x-inference-time": "3",
        "retry-after": None,
    }
    assert "x-total-time" not in client.get("/ping").headers


def test_other_scopes_are_passed_on() -> None:
    passed = []

    async def note(scope: Scope, *_: Any) -> None:
        passed.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    asyncio.run(Observation(note, passed.append)({"type": "lifespan"}, nothing, nothing))
    assert passed == ["lifespan"]


def test_tracebacks_are_in_the_line(lines: io.StringIO) -> None:
    try:
        raise KeyError("x")
    except KeyError:
        logging.getLogger("albertlm.test").exception("it failed")
    (line,) = logged(lines)
    assert line["message"] == "it failed"
    assert "KeyError: 'x'" in line["traceback"]


def test_the_configuration_sends_all_logs_to_stderr() -> None:
    """In a process of its own, since it closes all handlers that there are, those of pytest too."""
    program = (
        "import logging.config; from albertlm.serving.logs import log_config;"
        "logging.config.dictConfig(log_config());"
        "logging.getLogger('uvicorn.error').info('%d workers', 2);"
        "logging.getLogger('uvicorn.access').info('never seen')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["message"] == "2 workers"
