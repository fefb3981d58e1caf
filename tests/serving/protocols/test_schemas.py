import json
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from starlette.testclient import TestClient

from albertlm.serving.protocols import hub, open_inference, openai, schemas, tei
from albertlm.serving.protocols.schemas import Many, Refused, as_list

FORMS = [each.FORM for each in (hub, open_inference, openai, tei)]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "the body is no JSON object"),
        ("{", "EOF"),
        ('{"inputs": NaN}', "line 1 column 12"),
        ('{"inputs": -Infinity}', "line 1"),
        ('{"inputs": "a"} b', "trailing"),
        ("\udcff", "no JSON that can be read"),
        ('{"inputs": "\\ud800"}', "surrogate|escape"),
        ("[" * 100_000, "recursion limit"),
        ('{"inputs":' * 5_000 + "1" + "}" * 5_000, "recursion limit"),
        ("1" * 5_000, "out of range"),
        (json.dumps(dict.fromkeys(map(str, range(2_000)), 0)), "2,000 fields"),
        ("3", "no JSON object"),
        ("null", "no JSON object"),
    ],
)
def test_what_is_no_json_is_refused(client: TestClient, body: str, told: str) -> None:
    answer = client.post(
        "/embed",
        content=body.encode(errors="surrogateescape"),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert any(part in answer.json()["error"] for part in told.split("|")), answer.text


def test_numbers_beyond_all_floats_are_no_error_of_the_server(client: TestClient) -> None:
    body = b'{"inputs": "a [MASK]", "parameters": {"exit_at": 1e999}}'
    headers = {"Content-Type": "application/json"}
    answer = client.post("/pipeline/fill-mask", content=body, headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_of_another_type_is_refused(client: TestClient, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = client.post("/embed", content=b'{"inputs": "a"}', headers=headers)
    assert answer.status_code == 422
    assert "Content-Type: application/json" in answer.json()["error"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/vnd.api+json"]
)
def test_json_has_several_types(client: TestClient, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = client.post("/embed", content=b'{"inputs": "a"}', headers=headers)
    assert answer.status_code == 200


def test_only_the_first_wrong_item_of_a_list_is_reported() -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(Many[str]).validate_python(["a", *range(1_000)])
    assert [each["loc"] for each in error.value.errors()] == [(1,)]


@pytest.mark.parametrize("form", FORMS)
def test_the_schema_of_errors_is_that_of_their_bodies(form: schemas.ErrorForm) -> None:
    for kind in ("validation", "overloaded", "internal"):
        body = form.body(Refused(429, kind, "it is wrong"))
        assert form.schema.model_validate(body).model_dump() == body
        assert "it is wrong" in json.dumps(body)
    assert {413, 422, 429, 503} <= set(form.responses())


def test_vectors_of_no_length_stay_zero() -> None:
    zero: Any = schemas._cut(np.zeros(3, np.float32), 2, normalize=True)
    assert zero.tolist() == [0, 0]


def test_one_text_is_a_list() -> None:
    assert as_list("a") == ["a"]
    assert as_list(["a", "b"]) == ["a", "b"]
