import re
from typing import Any

import numpy as np
import pytest
from fake_service import FakeService
from starlette.testclient import TestClient

from albertlm.serving.app import create_app
from albertlm.serving.errors import Overloaded, Unavailable
from albertlm.serving.protocols import hub
from albertlm.serving.serving_config import ServingConfig

MASKED = "She sold [MASK] pictures."
TEXT = "The old fisherman walked to the river."
QUESTION = {"question": "Who walked?", "context": TEXT}
CHOICES = {"context": "She sold it.", "question": "It was _.", "choices": ["a boat", "the river"]}
PAIR = {"first": "She left.", "second": "He remembered."}


def post(client: TestClient, model: str, task: str, **body: Any) -> Any:
    answer = client.post(f"/models/{model}/pipeline/{task}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("model", "task", "inputs", "parameters", "options"),
    [
        ("org/base", "fill-mask", MASKED, {"top_k": 2}, {"top_k": 2, "clean": True}),
        ("org/base", "fill-mask", [MASKED, "a [MASK] [MASK]"], {}, {"clean": True}),
        ("org/base", "fill-mask", MASKED, {"targets": ["a", "s"]}, {"targets": ["a", "s"]}),
        ("sentiment", "text-classification", [TEXT, "She"], {}, {"top_k": None}),
        ("sentiment", "text-classification", [TEXT], {"top_k": 1}, {"top_k": 1}),
        (
            "sentiment",
            "sentiment-analysis",
            [{"text": TEXT, "text_pair": "She"}],
            {"function_to_apply": "none", "top_k": 3},
            {"function_to_apply": "none", "top_k": 3},
        ),
        ("tagger", "token-classification", TEXT, {}, {}),
        (
            "tagger",
            "ner",
            [TEXT, "She"],
            {"aggregation_strategy": "none", "stride": 4, "ignore_labels": []},
            {"aggregation_strategy": "none", "ignore_labels": []},
        ),
        ("squad", "question-answering", QUESTION, {}, {}),
        ("squad", "question-answering", [QUESTION, QUESTION], {"top_k": 2}, {"top_k": 2}),
        (
            "squad",
            "question-answering",
            QUESTION,
            {"max_seq_len": 32, "doc_stride": 3, "align_to_words": False},
            {"max_seq_len": 32, "overlap": 3, "align_to_words": False},
        ),
        ("race", "multiple-choice", CHOICES, {}, {}),
        ("race", "multiple-choice", [CHOICES], {"equal_contexts": False}, {}),
        (
            "nli",
            "zero-shot-classification",
            [TEXT, "She"],
            {"candidate_labels": ["sea", "law"], "multi_label": True},
            {"candidate_labels": ["sea", "law"], "multi_label": True},
        ),
    ],
)
def test_answers_are_those_of_the_pipeline(
    client: TestClient,
    service: FakeService,
    model: str,
    task: str,
    inputs: Any,
    parameters: dict[str, Any],
    options: dict[str, Any],
) -> None:
    pipeline: Any = service.pipelines[model][task]
    expected = pipeline(inputs, **options)
    if task == "fill-mask" and "clean" not in options:
        expected = pipeline(inputs, clean=True, **options)
    assert post(client, model, task, inputs=inputs, parameters=parameters) == expected


def test_a_single_text_has_a_list_of_its_own(client: TestClient, service: FakeService) -> None:
    pipeline: Any = service.pipelines["sentiment"]["text-classification"]
    found = post(client, "sentiment", "text-classification", inputs=TEXT)
    assert found == [pipeline(TEXT, top_k=None)]
    pair = {"text": TEXT, "text_pair": "She"}
    found = post(client, "sentiment", "text-classification", inputs=pair, parameters={"top_k": 1})
    assert found == [pipeline(pair)]


def test_labels_may_be_a_string(client: TestClient, service: FakeService) -> None:
    pipeline: Any = service.pipelines["nli"]["zero-shot-classification"]
    parameters = {"candidate_labels": "sea, law"}
    found = post(client, "nli", "zero-shot-classification", inputs=TEXT, parameters=parameters)
    assert found == pipeline(TEXT, ["sea", "law"])


def test_vectors_are_means_of_the_tokens(client: TestClient, service: FakeService) -> None:
    pipeline: Any = service.pipelines["org/base"]["feature-extraction"]
    tokens_TD = pipeline(TEXT)
    (mean,) = post(client, "org/base", "feature-extraction", inputs=TEXT)
    np.testing.assert_allclose(mean, tokens_TD.mean(0), rtol=1e-5)
    (cut,) = post(
        client, "org/base", "feature-extraction", inputs=[TEXT], normalize=True, dimensions=4
    )
    expected = tokens_TD.astype(np.float64).mean(0)[:4]
    np.testing.assert_allclose(cut, expected / np.linalg.norm(expected), rtol=1e-5)


def test_similarities_are_cosines(client: TestClient, service: FakeService) -> None:
    others = ["She sold it.", TEXT]
    inputs = {"source_sentence": TEXT, "sentences": others}
    found = post(client, "org/base", "sentence-similarity", inputs=inputs, parameters={})
    pipeline: Any = service.pipelines["org/base"]["feature-extraction"]
    a, b, c = (each.astype(np.float64).mean(0) for each in pipeline([TEXT, *others]))
    cosines = [a @ x / np.linalg.norm(a) / np.linalg.norm(x) for x in (b, c)]
    np.testing.assert_allclose(found, cosines, atol=1e-5)


def test_order_is_a_probability(client: TestClient, service: FakeService) -> None:
    pipeline: Any = service.pipelines["org/base"]["sentence-order"]
    expected = pipeline(**PAIR)
    assert post(client, "org/base", "sentence-order", inputs=PAIR) == expected
    several = post(client, "org/base", "sentence-order", inputs=[PAIR, PAIR])
    assert several == pytest.approx([expected, expected])


@pytest.mark.parametrize(
    ("model", "task", "body"),
    [
        ("org/base", "fill-mask", {"inputs": MASKED}),
        ("sentiment", "text-classification", {"inputs": TEXT}),
        ("sentiment", "text-classification", {"inputs": [{"text": TEXT}]}),
        ("squad", "question-answering", {"inputs": [QUESTION]}),
        ("race", "multiple-choice", {"inputs": CHOICES}),
        (
            "nli",
            "zero-shot-classification",
            {"inputs": TEXT, "parameters": {"candidate_labels": ["sea", "law"]}},
        ),
        (
            "org/base",
            "sentence-similarity",
            {"inputs": {"source_sentence": TEXT, "sentences": ["She"]}},
        ),
        ("org/base", "sentence-order", {"inputs": PAIR}),
    ],
)
def test_the_task_is_found_by_the_form_of_the_inputs(
    client: TestClient, model: str, task: str, body: dict[str, Any]
) -> None:
    named = client.post(f"/models/{model}/pipeline/{task}", json=body)
    short = client.post(f"/pipeline/{task}?model={model}", json=body)
    inferred = client.post(f"/?model={model}", json=body)
    assert named.status_code == 200
    assert named.json() == short.json() == inferred.json()


def test_a_default_task_may_be_set(service: FakeService) -> None:
    client = TestClient(create_app(service, ServingConfig(default_task="feature-extraction")))
    assert len(client.post("/", json={"inputs": TEXT}).json()[0]) == 32
    assert client.post("/?model=squad", json={"inputs": QUESTION}).status_code == 200
    named = client.post("/?model=tagger", json={"inputs": TEXT}).json()
    assert len(named[0]) == 32


def test_a_model_that_was_never_loaded_has_no_default_task(
    client: TestClient, service: FakeService
) -> None:
    service.change("org/base", tasks=(), state="loading")
    answer = client.post("/", json={"inputs": TEXT})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/models/nowhere/pipeline/fill-mask", {"inputs": MASKED}, 404, "org/base, sentiment"),
        ("/models/%2e%2e/org/pipeline/fill-mask", {"inputs": MASKED}, 404, r"'\.\./org' is served"),
        ("/models/org%2fother/pipeline/fill-mask", {"inputs": MASKED}, 404, "'org/other'"),
        ("/pipeline/fill-mask?model=nowhere", {"inputs": MASKED}, 404, "'nowhere'"),
        ("/models/squad/pipeline/fill-mask", {"inputs": MASKED}, 400, "it has question-answering"),
        ("/models/squad/pipeline/sing", {"inputs": MASKED}, 400, "squad has question-answering"),
        ("/pipeline/fill-mask", {"inputs": TEXT}, 422, r"has no \[MASK\]"),
        ("/pipeline/fill-mask", {"inputs": ""}, 422, "is empty"),
        (
            "/pipeline/fill-mask",
            {"inputs": 3},
            422,
            "string or Input should be a valid list, which 3 is not",
        ),
        (
            "/pipeline/fill-mask",
            {"inputs": [3, 4]},
            422,
            "inputs.0: Input should be a valid string, which 3 is not",
        ),
        ("/pipeline/fill-mask", {}, 422, "inputs: Field required$"),
        ("/pipeline/fill-mask", {"inputs": MASKED, "input": 1}, 422, "input: Extra"),
        ("/pipeline/fill-mask", {"inputs": MASKED, "parameters": {"topk": 3}}, 422, "topk"),
        ("/pipeline/fill-mask", {"inputs": MASKED, "parameters": {"top_k": "3"}}, 422, "integer"),
        ("/pipeline/fill-mask", {"inputs": MASKED, "parameters": {"top_k": 0}}, 422, "greater"),
        (
            "/pipeline/fill-mask",
            {"inputs": MASKED, "parameters": {"top_k": 20_000}},
            422,
            "results",
        ),
        ("/pipeline/feature-extraction", {"inputs": "a", "dimensions": 33}, 422, "have 32"),
        ("/pipeline/feature-extraction", {"inputs": "a", "prompt_name": "x"}, 422, "query"),
        ("/pipeline/feature-extraction", {"inputs": "a " * 99}, 422, "64"),
        (
            "/pipeline/feature-extraction",
            {"inputs": "a", "truncation_direction": "Left"},
            422,
            "'Right' or 'right'.*'Left'",
        ),
        ("/pipeline/zero-shot-classification", {"inputs": "a"}, 422, "parameters: Field required"),
        (
            "/models/squad/pipeline/question-answering",
            {"inputs": QUESTION, "parameters": {"doc_stride": 33}},
            422,
            "windows of 64 tokens, it must be at most 32",
        ),
        (
            "/models/squad/pipeline/question-answering",
            {"inputs": QUESTION, "parameters": {"doc_stride": 9, "max_seq_len": 17}},
            422,
            "at most 8",
        ),
        ("/", {"inputs": {"first": 3}}, 422, "inputs"),
        ("/", [], 422, "JSON object"),
    ],
)
def test_what_is_wrong_is_told(
    client: TestClient, path: str, body: Any, status: int, told: str
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, set(answer.json())) == (status, {"error"})

    assert re.search(told, answer.json()["error"]), answer.text
    assert "\n" not in answer.json()["error"]


def test_truncation_is_an_option(client: TestClient) -> None:
    long = "She sold it. " * 50
    vectors = post(client, "org/base", "feature-extraction", inputs=long, truncate=True)
    assert len(vectors[0]) == 32


def test_prompts_come_before_texts(client: TestClient) -> None:
    whole = post(client, "org/base", "feature-extraction", inputs="She sold it.")
    found = post(client, "org/base", "feature-extraction", inputs="it.", prompt_name="query")
    assert found == whole


@pytest.mark.parametrize(
    "error", [Overloaded("full", retry_after=2), Unavailable("x", retry_after=2)]
)
def test_an_overloaded_server_says_when_to_come_back(
    client: TestClient, service: FakeService, error: Overloaded | Unavailable
) -> None:
    service.failure = error
    answer = client.post("/pipeline/fill-mask", json={"inputs": MASKED})
    assert answer.status_code == error.status
    assert answer.headers["retry-after"] == "2"


def test_all_tasks_of_the_hub_have_paths() -> None:
    paths = {route.path for route in hub.router.routes}  # type: ignore[attr-defined]
    for task in ("fill-mask", "ner", "sentiment-analysis", "multiple-choice"):
        assert {f"/pipeline/{task}", f"/models/{{model:path}}/pipeline/{task}"} <= paths
