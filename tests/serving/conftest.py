"""A browser, and what the tests of the page serve to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
NODE_MODULES = Path(__file__).parents[1] / "javascript" / "node_modules"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of the machine, one for all tests."""
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
    labels = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    return fine_tuned("AlbertForTokenClassification", labels)


@pytest.fixture(scope="session")
def reader(fine_tuned: Callable[..., Path]) -> Path:
    """A model that answers questions."""
    return fine_tuned("AlbertForQuestionAnswering")


@pytest.fixture(scope="session")
def classifier(fine_tuned: Callable[..., Path]) -> Path:
    """A model of natural language inference."""
    labels = ("entailment", "neutral", "contradiction")
    return fine_tuned("AlbertForSequenceClassification", labels)
