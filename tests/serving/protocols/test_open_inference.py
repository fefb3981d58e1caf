import json
from typing import Any

import numpy as np
import pytest
from fake_service import FakeService
from starlette.testclient import TestClient

from albertlm.serving.protocols import open_inference

TEXTS = ["She sold it.", "The old fisherman"]


def tensor(texts: list[Any], *shape: int, **changes: Any) -> dict[str, Any]:
    found = {"name": "text", "shape": shape or [len(texts)], "datatype": "BYTES", "data": texts}
    return {**found, **changes}


def infer(client: TestClient, model: str, texts: list[Any], *shape: int, **fields: Any) -> Any:
    body = {"inputs": [tensor(texts, *shape)], **fields}
    answer = client.post(f"/v2/models/{model}/infer", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_vectors_are_a_matrix(client: TestClient, service: FakeService) -> None:
    found = infer(client, "org/base", TEXTS, id="seven", parameters={"task": "feature-extraction"})
    (output,) = found.pop("outputs")
    assert found == {"model_name": "org/base", "model_version": "1", "id": "seven"}
    assert (output["name"], output["datatype"], output["shape"]) == ("embeddings", "FP32", [2, 32])
    pipeline: Any = service.pipelines["org/base"]["feature-extraction"]
    means = [tokens_TD.mean(0) for tokens_TD in pipeline(TEXTS)]
    np.testing.assert_allclose(np.reshape(output["data"], output["shape"]), means, rtol=1e-5)
    unit = infer(
        client,
        "org/base",
        TEXTS,
        parameters={"task": "feature-extraction", "normalize": True, "dimensions": 4},
    )
    vectors = np.reshape(unit["outputs"][0]["data"], (2, 4))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_labels_and_scores_are_matrices(client: TestClient, service: FakeService) -> None:
    labels, scores = infer(client, "sentiment", [[text] for text in TEXTS], 2, 1)["outputs"]
    pipeline: Any = service.pipelines["sentiment"]["text-classification"]
    expected = [each for of_text in pipeline(TEXTS, top_k=None) for each in of_text]
    assert labels == {
        "name": "labels",
        "datatype": "BYTES",
        "shape": [2, 3],
        "data": [each["label"] for each in expected],
    }
    assert scores["shape"] == [2, 3]
    np.testing.assert_allclose(scores["data"], [each["score"] for each in expected])
    (alone,) = infer(
        client, "sentiment", TEXTS, outputs=[{"name": "scores"}], parameters={"top_k": 1}
    )["outputs"]
    assert (alone["name"], alone["shape"]) == ("scores", [2, 1])


@pytest.mark.parametrize(
    ("model", "task", "name", "texts", "options"),
    [
        ("org/base", "fill-mask", "fills", ["a [MASK].", "a [MASK] [MASK]"], {"clean": True}),
        ("tagger", "token-classification", "entities", TEXTS, {}),
    ],
)
def test_structures_are_json_in_strings(
    client: TestClient,
    service: FakeService,
    model: str,
    task: str,
    name: str,
    texts: list[str],
    options: dict[str, Any],
) -> None:
    pipeline: Any = service.pipelines[model][task]
    (output,) = infer(client, model, texts)["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == (name, "BYTES", [2])
    assert [json.loads(each) for each in output["data"]] == pipeline(texts, **options)


def test_no_text_is_an_empty_tensor(client: TestClient) -> None:
    (output,) = infer(client, "tagger", [], 0)["outputs"]
    assert (output["shape"], output["data"]) == ([0], [])


def test_the_only_version_may_be_named(client: TestClient) -> None:
    body = {"inputs": [tensor(TEXTS)]}
    named = client.post("/v2/models/sentiment/versions/1/infer", json=body).json()
    assert named == client.post("/v2/models/sentiment/infer", json=body).json()
    metadata = client.get("/v2/models/org/base/versions/1")
    assert metadata.json() == client.get("/v2/models/org/base").json()
    assert client.get("/v2/models/org/base/versions/1/ready").json()["ready"]
    for answer in (
        client.post("/v2/models/sentiment/versions/2/infer", json=body),
        client.get("/v2/models/sentiment/versions/2"),
        client.get("/v2/models/sentiment/versions/2/ready"),
    ):
        assert answer.status_code == 404
        assert answer.json() == {"error": "sentiment has no version '2'; it has 1"}


def test_metadata_name_inputs_and_outputs(client: TestClient) -> None:
    assert client.get("/v2").json()["name"] == "albertlm"
    found = client.get("/v2/models/sentiment").json()
    assert found["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert found["outputs"] == [
        {"name": "labels", "datatype": "BYTES", "shape": [-1, -1]},
        {"name": "scores", "datatype": "FP32", "shape": [-1, -1]},
    ]


def test_a_model_is_ready_when_it_answers(client: TestClient, service: FakeService) -> None:
    assert client.get("/v2/models/org/base/ready").json() == {"name": "org/base", "ready": True}
    service.change("org/base", state="loading", tasks=())
    for path in ("/v2/models/org/base/ready", "/v2/models/org/base"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"inputs": []}, 422, "the inputs are none; give one, text of BYTES"),
        ({"inputs": [tensor(TEXTS)] * 2}, 422, "text of BYTES, text of BYTES"),
        ({"inputs": [tensor(TEXTS, name="words")]}, 422, "words of BYTES"),
        ({"inputs": [tensor(TEXTS, datatype="FP32")]}, 422, "text of FP32"),
        ({"inputs": [tensor(TEXTS, 3)]}, 422, r"the shape [3] and 2 texts"),
        ({"inputs": [tensor(TEXTS, 1, 2)]}, 422, "must be [2] or [2, 1]"),
        ({"inputs": [tensor([1, 2])]}, 422, "inputs.0.data.0"),
        ({"outputs": [{"name": "logits"}]}, 422, "no output 'logits'; it has labels, scores"),
        ({"parameters": {"task": "sing"}}, 400, "no task 'sing'"),
        ({"parameters": {"task": "fill-mask"}}, 400, "sentiment has no task 'fill-mask'"),
        ({"parameters": {"topk": 3}}, 422, "parameters.topk: Extra"),
        ({"parameters": {"top_k": "3"}}, 422, "parameters.top_k"),
        ({"id": 3}, 422, "id"),
    ],
)
def test_what_is_wrong_is_told(
    client: TestClient, changes: dict[str, Any], status: int, told: str
) -> None:
    body = {"inputs": [tensor(TEXTS)], **changes}
    answer = client.post("/v2/models/sentiment/infer", json=body)
    assert (answer.status_code, set(answer.json())) == (status, {"error"})
    assert told in answer.json()["error"]


def test_a_model_of_other_tasks_says_which(client: TestClient, service: FakeService) -> None:
    service.change("race", tasks=("multiple-choice",))
    answer = client.get("/v2/models/race")
    assert answer.status_code == 400
    assert "race has multiple-choice; the protocol has fill-mask" in answer.json()["error"]


def test_unknown_models_are_not_found(client: TestClient) -> None:
    for path in ("/v2/models/x", "/v2/models/x/ready"):
        assert client.get(path).status_code == 404
    answer = client.post("/v2/models/x/infer", json={"inputs": [tensor(TEXTS)]})
    assert answer.status_code == 404


def test_the_form_of_errors_is_that_of_the_paths() -> None:
    assert open_inference.FORM.covers("/v2/models/x/infer")
    assert not open_inference.FORM.covers("/v20")
