"""Requests that schemathesis generates from the OpenAPI document of the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def send_generated(
    target: FastAPI | str, names: Sequence[str], count: int, number: int
) -> dict[int, int]:
    """Send generated requests, and check that none is an error of the server.

    Args:
        target: the application, or the address of a server.
        names: the names of models, which are what requests name.
        count: the number of requests; half of them are not in the form of the document.
        number: the seed.

    Returns:
        The number of answers of each status.
    """
    address = None
    if isinstance(target, str):
        address = target
        document = httpx.get(f"{target}/openapi.json").raise_for_status().json()
    else:
        document = target.openapi()
    schema: Any = schemathesis.openapi.from_dict(_with_names(document, names))
    schema.app = None if isinstance(target, str) else target
    statuses: dict[int, int] = {}
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @seed(number)
        @settings(
            max_examples=count // 2,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=schema.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            answer = case.call_and_validate(base_url=address, checks=CHECKS)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1

        send()
    return statuses


def _with_names(value: Any, names: Sequence[str]) -> Any:
    """A document in which fields and parameters called `model` have one of some names."""
    if isinstance(value, list):
        return [_with_names(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    named = {"type": "string", "enum": list(names)}
    if value.get("name") == "model" and "in" in value:
        return {**value, "schema": named}
    return {
        key: named if key == "model" and isinstance(each, dict) else _with_names(each, names)
        for key, each in value.items()
    }
