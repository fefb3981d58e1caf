import hmac
from pathlib import Path

import pytest
from fake_service import FakeService
from starlette.testclient import TestClient

from albertlm.serving.app import create_app
from albertlm.serving.authorization import read_tokens
from albertlm.serving.serving_config import ServingConfig


@pytest.fixture
def guarded(service: FakeService, tmp_path: Path) -> TestClient:
    """Calls an application that accepts two tokens."""
    (tmp_path / "tokens").write_text("first\n\n  second  \n", encoding="utf-8")
    config = ServingConfig(token_file=str(tmp_path / "tokens"), cors=("https://a.example",))
    return TestClient(create_app(service, config))


@pytest.mark.parametrize("header", ["Bearer first", "Bearer second", "bearer  second"])
def test_every_token_of_the_file_is_accepted(guarded: TestClient, header: str) -> None:
    assert guarded.get("/info", headers={"Authorization": header}).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "first", "Bearer", "Bearer ", "Bearer firs", "Bearer first second", "Basic first"],
)
def test_other_tokens_are_refused(guarded: TestClient, header: str) -> None:
    answer = guarded.get("/info", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(answer.json()) == {"error", "error_type"}


def test_bytes_that_are_no_ascii_are_refused(guarded: TestClient) -> None:
    headers = {b"Authorization": "Bearer prénom".encode()}
    assert guarded.get("/info", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/v1/models", {"error"}),
        ("/models/org/base/pipeline/fill-mask", {"error"}),
        ("/openapi.json", {"error"}),
        ("/unknown", {"error"}),
        ("/v2/models/org/base", {"error"}),
        ("/embed", {"error", "error_type"}),
        ("/models/a.js", {"error"}),
        ("/page/../v1/models", {"error"}),
        ("/page/a/b", {"error"}),
    ],
)
def test_everything_else_is_refused_in_the_form_of_its_protocol(
    guarded: TestClient, path: str, form: set[str]
) -> None:
    for answer in (guarded.get(path), guarded.post(path, json={})):
        assert (answer.status_code, set(answer.json())) == (401, form)


@pytest.mark.parametrize(
    "path", ["/health", "/health/live", "/health/ready", "/v2/health/live", "/ping", "/metrics"]
)
def test_health_and_metrics_need_no_token(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/page/style.css", "/page/views.js", "/page/icon.svg"])
def test_the_page_is_read_without_a_token_but_calls_with_one(
    guarded: TestClient, path: str
) -> None:
    assert guarded.get(path).status_code == 200
    assert guarded.post(path, json={"inputs": "a"}).status_code == 401


def test_a_preflight_needs_no_token(guarded: TestClient) -> None:
    answer = guarded.options(
        "/embed",
        headers={
            "Origin": "https://a.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert answer.status_code == 200
    assert "Authorization" in answer.headers["access-control-allow-headers"]


def test_every_token_is_compared(guarded: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for token in ("first", "second", "a much longer one that is wrong"):
        guarded.get("/info", headers={"Authorization": f"Bearer {token}"})
    assert compared == [(32, 32)] * 6


@pytest.mark.parametrize(
    ("text", "told"), [(" \n\n", "holds no token"), ("good\ntwo words\n", "token 2 of .* spaces")]
)
def test_a_file_without_usable_tokens_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=told) as error:
        read_tokens(path)
    assert "two words" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="tokens"):
        read_tokens(tmp_path / "tokens")
