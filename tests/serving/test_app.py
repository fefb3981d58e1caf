import asyncio
from pathlib import Path
from typing import Any

import pytest
from fake_service import FakeService
from starlette.testclient import TestClient

from albertlm.serving import app as application
from albertlm.serving.app import Refusals, create_app
from albertlm.serving.serving_config import ServingConfig


def test_the_service_runs_as_long_as_the_application(service: FakeService) -> None:
    with TestClient(create_app(service, ServingConfig())):
        assert service.running
    assert not service.running


def test_a_missing_token_file_is_an_error_at_the_start(
    service: FakeService, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="tokens"):
        create_app(service, ServingConfig(token_file=str(tmp_path / "tokens")))


def test_named_origins_may_call_with_a_token(service: FakeService) -> None:
    client = TestClient(create_app(service, ServingConfig(cors=("https://a.example",))))
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "Authorization",
    }
    allowed = client.options("/embed", headers={"Origin": "https://a.example", **asked})
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    assert {"Authorization", "Content-Type"} <= set(
        allowed.headers["access-control-allow-headers"].split(", ")
    )
    other = client.options("/embed", headers={"Origin": "https://b.example", **asked})
    assert other.status_code == 400
    assert "access-control-allow-origin" not in other.headers


def test_errors_have_the_headers_of_their_origin(service: FakeService) -> None:
    client = TestClient(create_app(service, ServingConfig(cors=("https://a.example",))))
    answer = client.post("/embed", json={}, headers={"Origin": "https://a.example"})
    assert answer.status_code == 422
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert "x-compute-tokens" in answer.headers["access-control-expose-headers"]


def test_no_origin_may_call_by_default(client: TestClient) -> None:
    answer = client.post("/embed", json={"inputs": "a"}, headers={"Origin": "https://a.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/embed/", "/v1"])
def test_other_paths_are_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert path in answer.json()["error"]


@pytest.mark.parametrize("path", ["/v1/models/%0Atiny", "/v1/models/tiny%0A"])
def test_a_name_with_a_line_break_is_refused_in_the_form_of_its_protocol(
    client: TestClient, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_other_methods_are_not_allowed(client: TestClient) -> None:
    answer = client.get("/v1/embeddings")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert "GET /v1/embeddings: Method Not Allowed" in answer.json()["error"]["message"]


def test_a_large_body_is_refused_in_the_form_of_its_protocol(service: FakeService) -> None:
    client = TestClient(create_app(service, ServingConfig(max_body=100)))
    answer = client.post("/v1/embeddings", json={"model": "org/base", "input": "a" * 100})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")

    def chunks() -> Any:
        for _ in range(20):
            yield b" " * 10

    answer = client.post("/embed", content=chunks())
    assert (answer.status_code, answer.json()["error_type"]) == (413, "Validation")


def test_a_failure_tells_the_client_nothing_of_it(client: TestClient, service: FakeService) -> None:
    service.failure = RuntimeError("a secret")
    answer = client.post("/pipeline/fill-mask", json={"inputs": "a"})
    assert answer.status_code == 500
    assert answer.json() == {"error": "the server has an error; its log says more"}


def test_an_answer_that_has_begun_is_cut_off() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("in the middle")

    async def nothing(*_: Any) -> Any:
        return None

    with pytest.raises(RuntimeError, match="in the middle"):
        asyncio.run(Refusals(app)({"type": "http"}, nothing, nothing))


def test_the_openapi_document_names_every_schema(client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    refs = {each.split("/")[-1] for each in references(found)}
    assert refs <= set(found["components"]["schemas"])
    assert "HTTPValidationError" not in found["components"]["schemas"]
    for path, methods in found["paths"].items():
        named = {part.strip("{}") for part in path.split("/") if part.startswith("{")}
        for operation in methods.values():
            given = [each for each in operation.get("parameters", []) if each["in"] == "path"]
            assert {each["name"] for each in given} == named, path


def references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(references, value.values()))


def test_no_message_quotes_a_long_text(client: TestClient) -> None:
    answer = client.post("/embed", json={"inputs": {"text": "a" * 10_000}})
    assert answer.status_code == 422
    assert len(answer.json()["error"]) < 200


def test_forms_end_with_the_one_that_serves_all_paths() -> None:
    assert [form.covers("/") for form in application.FORMS] == [False, False, False, True]
