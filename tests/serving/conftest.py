"""A service for the tests of the protocols, and a browser for those of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fake_service import FakeService, serve_folders
from starlette.testclient import TestClient

from albertlm.serving.app import create_app
from albertlm.serving.serving_config import ServingConfig

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ENTITIES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
CHROMIUM = Path("/usr/bin/chromium")
NODE_MODULES = Path(__file__).parents[1] / "javascript" / "node_modules"


@pytest.fixture(scope="session")
def model_folders(tiny_folder: Path, fine_tuned: Callable[..., Path]) -> dict[str, Path]:
    """Folders of models by the names of what they do; `org/base` is the first."""
    classifier = "AlbertForSequenceClassification"
    return {
        "org/base": tiny_folder,
        "sentiment": fine_tuned(classifier, ["bad", "fair", "good"]),
        "nli": fine_tuned(classifier, ["contradiction", "neutral", "entailment"]),
        "ranker": fine_tuned(classifier, ["relevant"]),
        "tagger": fine_tuned("AlbertForTokenClassification", ENTITIES),
        "squad": fine_tuned("AlbertForQuestionAnswering"),
        "race": fine_tuned("AlbertForMultipleChoice"),
    }


@pytest.fixture(scope="session")
def all_models(model_folders: dict[str, Path]) -> FakeService:
    """A service of `model_folders`, in this process."""
    return serve_folders(model_folders, prompts={"query": "She sold "})


@pytest.fixture
def service(all_models: FakeService) -> FakeService:
    """A service of `all_models`, for one test to change."""
    return FakeService(all_models.pipelines, dict(all_models.infos))


@pytest.fixture
def client(service: FakeService) -> Iterator[TestClient]:
    """Calls the application of `service` in this process."""
    with TestClient(create_app(service, ServingConfig())) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The Chromium of the machine, one for each file of tests.

    As long as it is there, an event loop counts as running, and asyncio runs no other one.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is missing; install Debian's package chromium")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """What `make runtimes` installed."""
    if not (NODE_MODULES / "onnxruntime-web").is_dir():
        pytest.skip("the packages of node are missing; install them with `make runtimes`")
    return NODE_MODULES


@pytest.fixture(scope="session")
def tagger(fine_tuned: Callable[..., Path]) -> Path:
    """A model that labels tokens."""
    return fine_tuned("AlbertForTokenClassification", ENTITIES)


@pytest.fixture(scope="session")
def reader(fine_tuned: Callable[..., Path]) -> Path:
    """A model that answers questions."""
    return fine_tuned("AlbertForQuestionAnswering")


@pytest.fixture(scope="session")
def classifier(fine_tuned: Callable[..., Path]) -> Path:
    """A model of natural language inference."""
    labels = ("entailment", "neutral", "contradiction")
    return fine_tuned("AlbertForSequenceClassification", labels)
