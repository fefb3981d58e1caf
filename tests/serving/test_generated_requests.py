"""Requests that are generated from the OpenAPI document: none is an error of the server."""

import pytest
from fake_service import FakeService
from generated_requests import send_generated

from albertlm.serving.app import create_app
from albertlm.serving.serving_config import ServingConfig


@pytest.mark.slow
def test_no_generated_request_is_an_error_of_the_server(service: FakeService) -> None:
    names = [model.name for model in service.models()]
    app = create_app(service, ServingConfig())
    statuses = send_generated(app, [*names, "nowhere"], count=300, number=0)
    assert sum(statuses.values()) >= 290
    assert {200, 404, 422} <= set(statuses)
