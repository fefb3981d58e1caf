"""What all tests share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertTokenizer
from albertlm.tokenization.vocabulary import train_vocabulary

SUBJECTS = ("The old fisherman", "A young model", "My neighbour (the doctor)", "Nobody", "She")
VERBS = ("walked to", "painted", "is modeling", "remembered", "sold 12 pictures of")
OBJECTS = ("the river", "a small town", "the harbour at night", "an island in winter", "the boats")
SENTENCES = [
    f"{subject} {verb} {thing}{end}"
    for subject in SUBJECTS
    for verb in VERBS
    for thing in OBJECTS
    for end in (".", ", then got up - and left.")
]

DATA = Path(os.environ.get("ALBERTLM_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party data; a test that needs it is skipped where it is missing."""
    if not DATA.is_dir():
        pytest.skip(f"no data at {DATA}; set ALBERTLM_DATA to the folder that holds it")
    return DATA


@pytest.fixture(scope="session")
def tiny_sentences() -> list[str]:
    """What the vocabulary of `tiny_folder` was trained on."""
    return SENTENCES


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., AlbertConfig]:
    """Makes tiny configurations; weights are drawn large, so that texts differ in their outputs."""

    def make(**changes: Any) -> AlbertConfig:
        sizes = {
            "vocab_size": 70,
            "embedding_size": 16,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "max_position_embeddings": 64,
            "initializer_range": 0.3,
        }
        return AlbertConfig.from_dict(sizes | changes)

    return make


@pytest.fixture(scope="session")
def tiny_folder(
    tmp_path_factory: pytest.TempPathFactory, tiny_config: Callable[..., AlbertConfig]
) -> Path:
    """A model folder with a vocabulary of 70 pieces and random weights for all heads."""
    folder = tmp_path_factory.mktemp("tiny")
    train_vocabulary(SENTENCES, folder, vocab_size=70)
    AlbertTokenizer(folder / "spiece.model").save_pretrained(folder)
    torch.manual_seed(0)
    AlbertForPreTraining(tiny_config()).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_tokenizer(tiny_folder: Path) -> AlbertTokenizer:
    """The tokenizer of `tiny_folder`."""
    return AlbertTokenizer.from_pretrained(tiny_folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)
