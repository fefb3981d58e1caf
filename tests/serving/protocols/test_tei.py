from typing import Any

import numpy as np
import pytest
from fake_service import FakeService
from starlette.testclient import TestClient

import albertlm
from albertlm.serving.errors import Overloaded, Unavailable
from albertlm.serving.protocols import tei

TEXTS = ["She sold it.", "The old fisherman walked to the river."]
LONG = "She sold it. " * 50


def post(client: TestClient, path: str, **body: Any) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_vectors_have_length_1_unless_told(client: TestClient, service: FakeService) -> None:
    pipeline: Any = service.pipelines["org/base"]["feature-extraction"]
    means = np.stack([tokens_TD.astype(np.float64).mean(0) for tokens_TD in pipeline(TEXTS)])
    raw = post(client, "/embed", inputs=TEXTS, normalize=False)
    np.testing.assert_allclose(raw, means, rtol=1e-4, atol=1e-6)
    unit = post(client, "/embed", inputs=TEXTS)
    np.testing.assert_allclose(
        unit, means / np.linalg.norm(means, axis=1, keepdims=True), rtol=1e-4, atol=1e-6
    )
    cut = post(client, "/embed", inputs=TEXTS[0], dimensions=4, normalize=False)
    np.testing.assert_allclose(cut, means[:1, :4], rtol=1e-4, atol=1e-6)


def test_tokens_have_vectors_of_their_own(client: TestClient, service: FakeService) -> None:
    pipeline: Any = service.pipelines["org/base"]["feature-extraction"]
    found = post(client, "/embed_all", inputs=TEXTS)
    for rows, tokens_TD in zip(found, pipeline(TEXTS), strict=True):
        np.testing.assert_array_equal(np.array(rows, np.float32), tokens_TD)
    assert len(post(client, "/embed_all", inputs=TEXTS[0])) == 1
    assert post(client, "/embed_all", inputs=[]) == []


def test_predictions_of_one_text_and_of_a_batch(client: TestClient, service: FakeService) -> None:
    pipeline: Any = service.pipelines["sentiment"]["text-classification"]
    one, pair = TEXTS[0], {"text": TEXTS[0], "text_pair": TEXTS[1]}
    of_one, of_pair = pipeline(one, top_k=None), pipeline(pair, top_k=None)
    for inputs, expected in (
        (one, of_one),
        ([one], of_one),
        (TEXTS, of_pair),
        ([[one]], [of_one]),
        ([[one], TEXTS], [of_one, of_pair]),
    ):
        found = post(client, "/predict", model="sentiment", inputs=inputs)
        flat = [[found], [expected]] if inputs in (one, [one], TEXTS) else [found, expected]
        for answers, wanted in zip(*flat, strict=True):
            assert [each["label"] for each in answers] == [each["label"] for each in wanted]
            np.testing.assert_allclose(
                [each["score"] for each in answers], [each["score"] for each in wanted], rtol=1e-5
            )


def test_raw_scores_are_logits(client: TestClient) -> None:
    raw = post(client, "/predict", model="sentiment", inputs=TEXTS[0], raw_scores=True)
    scores = post(client, "/predict?model=sentiment", inputs=TEXTS[0])
    logits = np.array([each["score"] for each in raw])
    softmax = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose([each["score"] for each in scores], softmax, rtol=1e-6)
    (one,) = post(client, "/predict", model="ranker", inputs=TEXTS[0])
    (logit,) = post(client, "/predict", model="ranker", inputs=TEXTS[0], raw_scores=True)
    assert one["score"] == pytest.approx(1 / (1 + np.exp(-logit["score"])))


def test_ranks_are_best_first(client: TestClient) -> None:
    texts = [*TEXTS, "a boat", "nobody"]
    found = post(client, "/rerank", model="ranker", query="Who?", texts=texts, return_text=True)
    assert [each["text"] for each in found] == [texts[each["index"]] for each in found]
    assert sorted(each["index"] for each in found) == [0, 1, 2, 3]
    assert [each["score"] for each in found] == sorted((e["score"] for e in found), reverse=True)
    raw = post(client, "/rerank", model="ranker", query="Who?", texts=texts, raw_scores=True)
    assert [set(each) for each in raw] == [{"index", "score"}] * 4
    np.testing.assert_allclose(
        [each["score"] for each in found],
        [1 / (1 + np.exp(-each["score"])) for each in raw],
        rtol=1e-6,
    )


def test_similarities_are_products_of_vectors(client: TestClient) -> None:
    vectors = np.array(post(client, "/embed", inputs=["He left.", *TEXTS]))
    inputs = {"source_sentence": "He left.", "sentences": TEXTS}
    found = post(client, "/similarity", inputs=inputs)
    np.testing.assert_allclose(found, vectors[1:] @ vectors[0], atol=1e-5)


def test_tokens_and_back(client: TestClient) -> None:
    (tokens,) = post(client, "/tokenize", inputs=TEXTS[0])
    assert [each["special"] for each in tokens] == [True, *[False] * (len(tokens) - 2), True]
    assert set(tokens[0]) == {"id", "text", "special", "start", "stop"}
    (inner,) = post(client, "/tokenize", inputs=[TEXTS[0]], add_special_tokens=False)
    assert inner == tokens[1:-1]
    ids = [each["id"] for each in tokens]
    assert post(client, "/decode", ids=ids) == ["she sold it."]
    assert post(client, "/decode", ids=[ids, ids[:1]], skip_special_tokens=False) == [
        "[CLS] she sold it.[SEP]",
        "[CLS]",
    ]
    assert post(client, "/decode", ids=[]) == [""]


def test_prompts_come_before_texts(client: TestClient) -> None:
    whole = post(client, "/embed", inputs="She sold it.")
    assert post(client, "/embed", inputs="it.", prompt_name="query") == whole
    whole = post(client, "/tokenize", inputs="She sold it.")
    assert post(client, "/tokenize", inputs="it.", prompt_name="query") == whole


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/embed", {"inputs": LONG}),
        ("/embed_all", {"inputs": LONG}),
        ("/predict", {"model": "sentiment", "inputs": LONG}),
        ("/rerank", {"model": "ranker", "query": "a", "texts": [LONG]}),
    ],
)
def test_long_texts_are_refused_or_truncated(
    client: TestClient, path: str, body: dict[str, Any]
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["error_type"]) == (422, "Validation")
    assert "64" in answer.json()["error"]
    assert client.post(path, json={**body, "truncate": True}).status_code == 200


def test_long_sentences_are_truncated_if_told(client: TestClient) -> None:
    inputs = {"source_sentence": LONG, "sentences": TEXTS}
    assert client.post("/similarity", json={"inputs": inputs}).status_code == 422
    found = post(client, "/similarity", inputs=inputs, parameters={"truncate": True})
    assert len(found) == 2


def test_all_limits_are_stated(client: TestClient) -> None:
    found = client.get("/info").json()
    models = found.pop("models")
    assert found == {
        "model_id": "org/base",
        "model_sha": None,
        "model_dtype": "float32",
        "model_type": {"embedding": {"pooling": "mean"}},
        "pooling": "mean",
        "max_input_length": 64,
        "max_concurrent_requests": 512,
        "max_batch_tokens": 4096,
        "max_client_batch_size": 256,
        "max_characters": 1_000_000,
        "max_body": 4_000_000,
        "auto_truncate": False,
        "version": albertlm.__version__,
    }
    assert [each["name"] for each in models][:2] == ["org/base", "sentiment"]
    assert models[1]["tasks"][0] == "text-classification"
    assert {"state": "ready", "problem": "", "max_length": 64}.items() <= models[1].items()


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/embed", {"inputs": [1, 2]}, 422, "inputs.0"),
        ("/embed", {"inputs": "a", "model": "nowhere"}, 404, "org/base"),
        ("/embed", {"inputs": [""]}, 422, "empty"),
        ("/embed", {"inputs": "a", "truncation_direction": "Left"}, 422, "Right"),
        ("/embed_all", {"inputs": ["a"] * 33}, 413, "33 texts; send at most 32"),
        ("/predict", {"inputs": "a"}, 400, "it has fill-mask"),
        ("/predict", {"inputs": ["a", "b", "c"]}, 422, "3 texts in a list"),
        ("/predict", {"inputs": [["a"], []]}, 422, "0 texts in a list"),
        ("/rerank", {"model": "sentiment", "query": "a", "texts": ["b"]}, 400, "text-classif"),
        ("/rerank", {"query": "a"}, 422, "texts: Field required"),
        ("/similarity", {"inputs": {"sentences": []}}, 422, "inputs.source_sentence: Field"),
        ("/decode", {"ids": [-1]}, 422, "ids.0"),
        ("/decode", {"ids": 3}, 422, "ids: Input should be a valid list, which 3 is not"),
    ],
)
def test_errors_have_a_type(
    client: TestClient, path: str, body: dict[str, Any], status: int, told: str
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert told in answer.json()["error"]
    assert answer.json()["error_type"] == "Validation"


@pytest.mark.parametrize(
    ("error", "type_"),
    [
        (Overloaded("full", retry_after=1), "Overloaded"),
        (Unavailable("loading", retry_after=1), "Unhealthy"),
        (RuntimeError("oh"), "Backend"),
    ],
)
def test_errors_of_the_server_have_other_types(
    client: TestClient, service: FakeService, error: Exception, type_: str
) -> None:
    service.failure = error
    assert client.post("/embed", json={"inputs": "a"}).json()["error_type"] == type_


def test_other_fields_are_ignored(client: TestClient) -> None:
    assert len(post(client, "/embed", inputs="a", some_new_option=3)) == 1


def test_the_form_of_errors_is_that_of_the_paths() -> None:
    assert tei.FORM.covers("/embed_all")
    assert not tei.FORM.covers("/embeddings")
