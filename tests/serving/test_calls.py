import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from fake_service import FakeService
from opentelemetry import trace
from starlette.testclient import TestClient
from starlette.types import Message

from albertlm.serving.app import create_app
from albertlm.serving.calls import prompted
from albertlm.serving.errors import InvalidRequest
from albertlm.serving.serving_config import ServingConfig


def test_a_client_that_goes_away_cancels_its_call(service: FakeService) -> None:
    sent: list[Message] = []

    async def run() -> None:
        service.gate = asyncio.Event()
        arrived = [body_of({"inputs": "a"})]

        async def receive() -> Message:
            if arrived:
                return arrived.pop()
            while not service.calls:
                await asyncio.sleep(0)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await create_app(service, ServingConfig())(scope_of("/embed"), receive, send)
        while not service.cancelled:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert (service.cancelled, sent) == (1, [])


def test_a_request_that_is_cancelled_cancels_its_call(service: FakeService) -> None:
    async def run() -> None:
        service.gate = asyncio.Event()
        arrived = [body_of({"inputs": "a"})]

        async def receive() -> Message:
            if not arrived:
                await asyncio.Event().wait()
            return arrived.pop()

        async def send(message: Message) -> None:
            raise AssertionError(message)

        app = create_app(service, ServingConfig())
        answering = asyncio.ensure_future(run_app(app, receive, send))
        while not service.calls:
            await asyncio.sleep(0)
        answering.cancel()
        while not service.cancelled:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert service.cancelled == 1


def run_app(
    app: Any, receive: Callable[..., Any], send: Callable[..., Any]
) -> Coroutine[Any, Any, None]:
    coroutine: Coroutine[Any, Any, None] = app(scope_of("/embed"), receive, send)
    return coroutine


def body_of(value: Any) -> Message:
    return {"type": "http.request", "body": json.dumps(value).encode(), "more_body": False}


def scope_of(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }


def test_limits_are_those_of_the_configuration(service: FakeService) -> None:
    client = TestClient(create_app(service, ServingConfig(max_inputs=2, max_characters=5)))
    assert client.post("/embed", json={"inputs": ["a", "b"]}).status_code == 200
    assert client.post("/embed", json={"inputs": ["a", "b", "c"]}).status_code == 413
    assert client.post("/embed", json={"inputs": "abcdef"}).status_code == 413
    labels = {"candidate_labels": ["a", "b", "c"]}
    answer = client.post("/?model=nli", json={"inputs": "a", "parameters": labels})
    assert answer.status_code == 413
    assert len(service.calls) == 1


def test_thousands_of_empty_strings_are_refused(client: TestClient, service: FakeService) -> None:
    answer = client.post("/embed", json={"inputs": [""] * 500_000})
    assert answer.status_code == 413
    assert "500,000 texts" in answer.json()["error"]
    assert service.calls == []


def test_the_task_is_checked_only_if_the_tasks_are_known(
    client: TestClient, service: FakeService
) -> None:
    body = {"inputs": "a [MASK]"}
    service.change("squad", tasks=())
    client.post("/models/squad/pipeline/fill-mask", json=body)
    assert [task for task, *_ in service.calls] == ["fill-mask"]
    service.change("squad", tasks=("question-answering",))
    assert client.post("/models/squad/pipeline/fill-mask", json=body).status_code == 400
    assert len(service.calls) == 1


def test_spans_say_what_was_called(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    attributes: dict[str, Any] = {}

    class Span(trace.NonRecordingSpan):
        def set_attributes(self, given: Any) -> None:
            attributes.update(given)

    span = Span(trace.INVALID_SPAN_CONTEXT)
    monkeypatch.setattr(trace, "get_current_span", lambda: span)
    client.post("/embed", json={"inputs": "a"})
    assert attributes == {"model": "org/base", "task": "feature-extraction", "tokens": 11}


def test_prompts_are_those_of_the_model(service: FakeService) -> None:
    model = service.find(None)
    assert prompted(model, None, ["a"]) == ["a"]
    assert prompted(model, "query", ["a", "b"]) == ["She sold a", "She sold b"]
    with pytest.raises(InvalidRequest, match="no prompt 'passage'; it has query"):
        prompted(model, "passage", ["a"])
    service.change(model.name, facts={})
    with pytest.raises(InvalidRequest, match="it has none"):
        prompted(service.find(None), "query", ["a"])
