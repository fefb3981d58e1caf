import pytest
from fake_service import FakeService
from starlette.testclient import TestClient

from albertlm.serving import health
from albertlm.serving.service import State


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/v2/health/ready", "/ping"])
@pytest.mark.parametrize(
    ("state", "status"), [("ready", 200), ("unloaded", 200), ("loading", 503), ("failed", 503)]
)
def test_the_server_is_ready_when_all_models_are(
    client: TestClient, service: FakeService, path: str, state: State, status: int
) -> None:
    service.change("squad", state=state)
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.json()["models"]["squad"] == state
    assert answer.headers.get("retry-after") == (None if status == 200 else "1")


@pytest.mark.parametrize("path", ["/health/live", "/v2/health/live"])
def test_the_server_lives_while_models_load(
    client: TestClient, service: FakeService, path: str
) -> None:
    for model in service.models():
        service.change(model.name, state="loading")
    answer = client.get(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "live")


def test_all_paths_are_documented() -> None:
    paths = {route.path for route in health.router.routes}  # type: ignore[attr-defined]
    assert {"/health", "/health/live", "/health/ready", "/ping", "/metrics"} <= paths
