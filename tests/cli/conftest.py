"""Texts, a corpus and what is made of it, for the commands that read them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from commands import exit_code

from albertlm.corpus.documents import Document
from albertlm.corpus.shards import Corpus


@pytest.fixture(scope="session")
def corpus(make_corpus: Callable[..., Corpus], tiny_sentences: list[str]) -> Corpus:
    """300 documents in two shards, of which the rule holds out a few."""
    texts = [
        "\n".join(tiny_sentences[i % 150 : i % 150 + 12]).replace(".", f" in {1900 + i}.")
        for i in range(300)
    ]
    documents = [Document(str(i), "test", text) for i, text in enumerate(texts)]
    return make_corpus([documents[:200], documents[200:]])


@pytest.fixture(scope="session")
def vocabulary(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a vocabulary of 90 pieces, made from `corpus`."""
    folder = tmp_path_factory.mktemp("vocabulary")
    assert exit_code("vocab", corpus.folder, "--output", folder, "--size", 90, "--json") == 0
    return folder


@pytest.fixture(scope="session")
def tokens(corpus: Corpus, vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tokens of `corpus` by `vocabulary`."""
    folder = tmp_path_factory.mktemp("made") / "tokens"
    command = ("tokens", corpus.folder, "--vocabulary", vocabulary, "--output", folder)
    assert exit_code(*command, "--workers", 1) == 0
    return folder
