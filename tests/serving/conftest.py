"""One service for all tests of the protocols, with a tiny model for each task."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_service import FakeService, serve_folders
from starlette.testclient import TestClient

from albertlm.serving.app import create_app
from albertlm.serving.serving_config import ServingConfig

ENTITIES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


@pytest.fixture(scope="session")
def all_models(tiny_folder: Path, fine_tuned: Callable[..., Path]) -> FakeService:
    """Models by the names of what they do; `org/base` is the first."""
    classifier = "AlbertForSequenceClassification"
    return serve_folders(
        {
            "org/base": tiny_folder,
            "sentiment": fine_tuned(classifier, ["bad", "fair", "good"]),
            "nli": fine_tuned(classifier, ["contradiction", "neutral", "entailment"]),
            "ranker": fine_tuned(classifier, ["relevant"]),
            "tagger": fine_tuned("AlbertForTokenClassification", ENTITIES),
            "squad": fine_tuned("AlbertForQuestionAnswering"),
            "race": fine_tuned("AlbertForMultipleChoice"),
        },
        prompts={"query": "She sold "},
    )


@pytest.fixture
def service(all_models: FakeService) -> FakeService:
    """A service of `all_models`, for one test to change."""
    return FakeService(all_models.pipelines, dict(all_models.infos))


@pytest.fixture
def client(service: FakeService) -> Iterator[TestClient]:
    """Calls the application of `service` in this process."""
    with TestClient(create_app(service, ServingConfig())) as client:
        yield client
