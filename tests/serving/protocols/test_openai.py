import base64
import struct
from typing import Any

import numpy as np
import pytest
from fake_service import TIMINGS, FakeService
from starlette.testclient import TestClient

from albertlm.serving.errors import Overloaded
from albertlm.serving.protocols import openai

TEXTS = ["She sold it.", "The old fisherman"]


def embeddings(client: TestClient, **body: Any) -> Any:
    answer = client.post("/v1/embeddings", json={"model": "org/base", "input": TEXTS, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_vectors_are_normalized_means(client: TestClient, service: FakeService) -> None:
    found = embeddings(client)
    assert {key: found[key] for key in ("object", "model", "usage")} == {
        "object": "list",
        "model": "org/base",
        "usage": {"prompt_tokens": TIMINGS.tokens, "total_tokens": TIMINGS.tokens},
    }
    assert [(each["object"], each["index"]) for each in found["data"]] == [
        ("embedding", 0),
        ("embedding", 1),
    ]
    pipeline: Any = service.pipelines["org/base"]["feature-extraction"]
    for each, tokens_TD in zip(found["data"], pipeline(TEXTS), strict=True):
        mean_D = tokens_TD.astype(np.float64).mean(0)
        np.testing.assert_allclose(
            each["embedding"], mean_D / np.linalg.norm(mean_D), rtol=1e-4, atol=1e-6
        )


def test_base64_is_little_endian_float32(client: TestClient) -> None:
    numbers = embeddings(client, encoding_format="float", dimensions=5)["data"]
    coded = embeddings(client, encoding_format="base64", dimensions=5)["data"]
    for given, of_numbers in zip(coded, numbers, strict=True):
        decoded = struct.unpack("<5f", base64.b64decode(given["embedding"]))
        assert list(decoded) == of_numbers["embedding"]


def test_fewer_dimensions_have_length_1_again(client: TestClient) -> None:
    whole = np.array(embeddings(client)["data"][0]["embedding"])
    cut = np.array(embeddings(client, dimensions=3)["data"][0]["embedding"])
    np.testing.assert_allclose(cut, whole[:3] / np.linalg.norm(whole[:3]), rtol=1e-5)


def test_a_single_text_is_a_list_of_one(client: TestClient) -> None:
    one = embeddings(client, input=TEXTS[0], user="me")["data"]
    np.testing.assert_allclose(
        one[0]["embedding"], embeddings(client)["data"][0]["embedding"], atol=1e-6
    )
    assert len(one) == 1


def test_both_prefixes_are_served(client: TestClient) -> None:
    body = {"model": "org/base", "input": "a"}
    for path in ("/embeddings", "/v1/embeddings"):
        assert client.post(path, json=body).status_code == 200
    for path in ("/models", "/v1/models"):
        assert [each["id"] for each in client.get(path).json()["data"]][:2] == [
            "org/base",
            "sentiment",
        ]
    for path in ("/models/org/base", "/v1/models/org/base", "/v1/models/org%2Fbase"):
        assert client.get(path).json() == {
            "id": "org/base",
            "object": "model",
            "created": 0,
            "owned_by": "albertlm",
        }


@pytest.mark.parametrize(
    ("changes", "status", "code", "told"),
    [
        ({"model": "gpt"}, 404, "model_not_found", "org/base, sentiment"),
        ({"input": [1, 2]}, 422, "validation", "check_embedding_ctx_length=False"),
        ({"input": [[1, 2], [3]]}, 422, "validation", "check_embedding_ctx_length=False"),
        ({"encoding_format": "md5"}, 422, "validation", "'float' or 'base64', which 'md5' is not"),
        ({"dimensions": 0}, 422, "validation", "dimensions"),
        ({"dimensions": 33}, 422, "validation", "have 32"),
        ({"dimension": 3}, 422, "validation", "dimension: Extra inputs"),
        ({"input": ["a", None]}, 422, "validation", "input.1"),
        ({"input": "a " * 99}, 422, "validation", "64"),
        ({"input": ["a"] * 257}, 413, "too_large", "257 texts; send at most 256"),
    ],
)
def test_errors_have_the_form_of_openai(
    client: TestClient, changes: dict[str, Any], status: int, code: str, told: str
) -> None:
    answer = client.post("/v1/embeddings", json={"model": "org/base", "input": "a", **changes})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert told in error.pop("message")
    assert error == {"type": "invalid_request_error", "param": None, "code": code}


def test_unknown_models_are_not_found(client: TestClient) -> None:
    for path in ("/v1/models/gpt", "/models/gpt", "/v1/models/%2e%2e/base", "/v1/models/org"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("error", "type_"),
    [(Overloaded("full", retry_after=1), "rate_limit_error"), (KeyError("a"), "server_error")],
)
def test_types_of_errors_are_those_of_openai(
    client: TestClient, service: FakeService, error: Exception, type_: str
) -> None:
    service.failure = error
    answer = client.post("/v1/embeddings", json={"model": "org/base", "input": "a"})
    assert answer.json()["error"]["type"] == type_


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/v1/embeddings", True),
        ("/v1/nowhere", True),
        ("/models/org/base", True),
        ("/models/org/base/pipeline/fill-mask", False),
        ("/embed", False),
    ],
)
def test_the_form_of_errors_is_that_of_the_paths(path: str, is_ours: bool) -> None:
    assert openai.FORM.covers(path) == is_ours
