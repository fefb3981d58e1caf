"""The clients that people have, against a server that listens."""

import asyncio
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import huggingface_hub
import langchain_openai
import numpy as np
import openai
import pytest
from fake_service import FakeService
from huggingface_hub import InferenceClient
from serving_thread import serve_in_thread

from albertlm.serving import app as application
from albertlm.serving.app import create_app
from albertlm.serving.model_service import ModelService
from albertlm.serving.serving_config import ServingConfig

TEXTS = ["She sold it.", "The old fisherman walked to the river."]
SCRIPTS = Path(__file__).parents[1] / "javascript"
TOKEN = "a-token-of-mine"

NAMES = ("org/base", "sentiment", "nli", "tagger", "squad")

LIMIT = 120
"""Seconds to wait for what happens at once on a machine that is not busy."""


def connect(address: str) -> socket.socket:
    url = urlsplit(address)
    return socket.create_connection((url.hostname, url.port), timeout=LIMIT)


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def address(
    model_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a server with a token, whose models are computed by their workers."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text(TOKEN, encoding="utf-8")
    config = ServingConfig(
        models=tuple(f"{name}={model_folders[name]}" for name in NAMES),
        engine="numpy",
        token_file=str(tokens),
    )
    with serve_in_thread(create_app(ModelService(config), config)) as address:
        wait_until(lambda: httpx.get(f"{address}/health/ready", timeout=LIMIT).is_success)
        yield address


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the hub's client call this machine."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def hub(address: str, online: None) -> Any:
    """Makes a client of the hub for a model and a task."""

    def client(model: str, task: str) -> InferenceClient:
        return InferenceClient(f"{address}/models/{model}/pipeline/{task}", token=TOKEN)

    return client


@pytest.fixture
def of_openai(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=TOKEN, max_retries=0)


def computed(service: FakeService, model: str, task: str, *args: Any, **options: Any) -> Any:
    pipeline: Any = service.pipelines[model][task]
    return pipeline(*args, **options)


def plain(value: Any) -> Any:
    """What a client of the hub returns, without the fields that are None."""
    values = value if isinstance(value, list) else [value]
    found = [{key: each for key, each in dict(one).items() if each is not None} for one in values]
    return found if isinstance(value, list) else found[0]


def assert_close(found: Any, expected: Any) -> None:
    """Compare values of JSON, whose numbers may depend on the batches that they came from."""
    match expected:
        case dict():
            assert found.keys() == expected.keys()
            for key, each in expected.items():
                assert_close(found[key], each)
        case list():
            for one, other in zip(found, expected, strict=True):
                assert_close(one, other)
        case _:
            assert found == (
                pytest.approx(expected, abs=1e-5) if type(expected) is float else expected
            )


def test_the_hub_client_fills_masks(hub: Any, service: FakeService) -> None:
    found = hub("org/base", "fill-mask").fill_mask("a [MASK].", top_k=2, targets=["a", "s"])
    expected = computed(
        service, "org/base", "fill-mask", "a [MASK].", top_k=2, targets=["a", "s"], clean=True
    )
    assert_close(plain(found), expected)


def test_the_hub_client_extracts_features(hub: Any, service: FakeService) -> None:
    client = hub("org/base", "feature-extraction")
    (tokens_TD,) = computed(service, "org/base", "feature-extraction", TEXTS[:1])
    found = client.feature_extraction(TEXTS[0])
    np.testing.assert_allclose(found, [tokens_TD.mean(0)], rtol=1e-4, atol=1e-6)
    assert client.feature_extraction(TEXTS, normalize=True, dimensions=3).shape == (2, 3)
    coded = client.feature_extraction(TEXTS[0], encoding_format="base64")
    np.testing.assert_allclose(coded, found, rtol=1e-4, atol=1e-6)


def test_the_hub_client_classifies_texts(hub: Any, service: FakeService) -> None:
    client = hub("sentiment", "text-classification")
    expected = computed(service, "sentiment", "text-classification", TEXTS[0], top_k=None)
    assert_close(plain(client.text_classification(TEXTS[0])), expected)
    one = client.text_classification(TEXTS[0], top_k=1, function_to_apply="sigmoid")
    assert_close(
        plain(one),
        computed(
            service, "sentiment", "text-classification", TEXTS[0], function_to_apply="sigmoid"
        ),
    )


def test_the_hub_client_finds_entities(hub: Any, service: FakeService) -> None:
    client = hub("tagger", "token-classification")
    expected = computed(service, "tagger", "token-classification", TEXTS[1])
    assert_close(plain(client.token_classification(TEXTS[1])), expected)
    found = client.token_classification(TEXTS[1], aggregation_strategy="none", stride=2)
    raw = computed(service, "tagger", "token-classification", TEXTS[1], aggregation_strategy="none")
    assert [each.entity for each in found] == [each["entity"] for each in raw]


def test_the_hub_client_answers_questions(hub: Any, service: FakeService) -> None:
    client = hub("squad", "question-answering")
    given = {"question": "Who walked?", "context": TEXTS[1]}
    expected = computed(service, "squad", "question-answering", given)
    assert_close(plain(client.question_answering(**given)), expected)
    several = client.question_answering(**given, top_k=3, doc_stride=2, max_seq_len=32)
    assert_close(
        plain(several),
        computed(service, "squad", "question-answering", given, top_k=3, overlap=2, max_seq_len=32),
    )


def test_the_hub_client_classifies_by_labels_of_its_own(hub: Any, service: FakeService) -> None:
    found = hub("nli", "zero-shot-classification").zero_shot_classification(
        TEXTS[0], ["sea", "law"], hypothesis_template="It is {}.", multi_label=True
    )
    assert_close(
        plain(found),
        computed(
            service,
            "nli",
            "zero-shot-classification",
            TEXTS[0],
            ["sea", "law"],
            hypothesis_template="It is {}.",
            multi_label=True,
        ),
    )


def test_the_hub_client_compares_sentences(hub: Any, service: FakeService) -> None:
    found = hub("org/base", "sentence-similarity").sentence_similarity(TEXTS[0], TEXTS)
    assert found == pytest.approx(
        computed(service, "org/base", "sentence-similarity", TEXTS[0], TEXTS), abs=1e-6
    )


def test_the_hub_client_needs_no_task_in_its_address(address: str, online: None) -> None:
    client = InferenceClient(f"{address}/?model=squad", token=TOKEN)
    found = client.question_answering(question="Who walked?", context=TEXTS[1])
    assert TEXTS[1][found.start : found.end] == found.answer  # type: ignore[union-attr]


def test_the_hub_client_shows_what_is_wrong(hub: Any, address: str, online: None) -> None:
    with pytest.raises(huggingface_hub.errors.HfHubHTTPError, match=r"has no \[MASK\]"):
        hub("org/base", "fill-mask").fill_mask("no mask")
    with pytest.raises(huggingface_hub.errors.HfHubHTTPError, match="401"):
        InferenceClient(f"{address}/pipeline/fill-mask", token="another").fill_mask("[MASK]")


def test_the_client_of_openai_embeds(of_openai: openai.OpenAI, service: FakeService) -> None:
    coded = of_openai.embeddings.create(model="org/base", input=TEXTS, dimensions=4)
    floats = of_openai.embeddings.create(
        model="org/base", input=TEXTS, dimensions=4, encoding_format="float"
    )
    for a, b in zip(coded.data, floats.data, strict=True):
        np.testing.assert_allclose(a.embedding, b.embedding, atol=1e-6)
        assert np.linalg.norm(a.embedding) == pytest.approx(1, abs=1e-5)
    tokenizer = service.pipelines["org/base"]["fill-mask"].tokenizer
    assert coded.usage.prompt_tokens == sum(len(tokenizer.encode(text)) for text in TEXTS)


def test_the_client_of_openai_lists_models(of_openai: openai.OpenAI) -> None:
    assert "org/base" in [model.id for model in of_openai.models.list()]
    assert of_openai.models.retrieve("squad").id == "squad"
    with pytest.raises(openai.NotFoundError, match="org/base, sentiment"):
        of_openai.models.retrieve("gpt")


def test_the_client_of_openai_shows_what_is_wrong(of_openai: openai.OpenAI, address: str) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="check_embedding_ctx_length=False"):
        of_openai.embeddings.create(model="org/base", input=[[1, 2, 3]])
    with pytest.raises(openai.AuthenticationError, match="not accepted"):
        openai.OpenAI(base_url=f"{address}/v1", api_key="another").models.list()


def test_langchain_embeds(address: str, of_openai: openai.OpenAI) -> None:
    embeddings = langchain_openai.OpenAIEmbeddings(
        model="org/base",
        base_url=f"{address}/v1",
        api_key=TOKEN,  # type: ignore[arg-type]
        check_embedding_ctx_length=False,
    )
    expected = of_openai.embeddings.create(model="org/base", input=TEXTS)
    found = embeddings.embed_documents(TEXTS)
    np.testing.assert_allclose(found, [each.embedding for each in expected.data], atol=1e-6)
    np.testing.assert_allclose(embeddings.embed_query(TEXTS[0]), found[0], atol=1e-6)


def test_openai_in_javascript_embeds(service: FakeService, of_openai: openai.OpenAI) -> None:
    program = shutil.which("node")
    if program is None or not (SCRIPTS / "node_modules" / "openai").is_dir():
        pytest.skip("node or its packages are missing; install them with `make runtimes`")
    expected = of_openai.embeddings.create(model="org/base", input=TEXTS)
    with serve_in_thread(create_app(service, ServingConfig())) as address:
        done = subprocess.run(
            [program, str(SCRIPTS / "embed.mjs"), f"{address}/v1"],
            input=json.dumps({"model": "org/base", "input": TEXTS}),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["models"] == [model.name for model in service.models()]
    np.testing.assert_allclose(
        found["vectors"], [each.embedding for each in expected.data], atol=1e-6
    )


def test_other_protocols_are_served(address: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=address, headers=headers) as client:
        assert client.get("/health").status_code == 200
        assert np.shape(client.post("/embed", json={"inputs": TEXTS}).json()) == (2, 32)
        tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": TEXTS}
        found = client.post("/v2/models/sentiment/infer", json={"inputs": [tensor]}).json()
        assert [each["name"] for each in found["outputs"]] == ["labels", "scores"]
        for path in ("/models/..%2f..%2fetc/pipeline/fill-mask", "/v2/models/%2e%2e%2fx/infer"):
            assert client.post(path, json={"inputs": [tensor]}).status_code in (404, 422)


HEAD = b"POST /embed HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


def test_a_slow_sender_is_refused(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "READ_SECONDS", 0.05)
    app = create_app(service, ServingConfig())
    with serve_in_thread(app) as address, connect(address) as connection:
        connection.sendall(HEAD + b'Content-Length: 100\r\n\r\n{"inputs":')
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_client_that_hangs_up_is_forgotten(service: FakeService) -> None:
    gated = FakeService(service.pipelines, service.infos, gate=asyncio.Event())
    with serve_in_thread(create_app(gated, ServingConfig())) as address:
        with connect(address) as connection:
            connection.sendall(HEAD + b'Content-Length: 15\r\n\r\n{"inputs": "a"}')
            wait_until(lambda: gated.calls)
        wait_until(lambda: gated.cancelled)
    assert gated.cancelled == 1
