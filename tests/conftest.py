"""What all tests share. PyTorch is imported by the fixtures that need it, since it takes long."""

import importlib.util
import os

# for Keras, before it is imported; without TensorFlow, its default, the models run on PyTorch
if importlib.util.find_spec("tensorflow") is None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# for NumPy and PyTorch, before they are imported: with small arrays, threads hinder each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Ray begins to ask for a token where one was made meanwhile, and then refuses its older clusters
os.environ["RAY_AUTH_MODE"] = "disabled"

import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Done, Run, exit_code
from hypothesis import settings
from ray_nodes import two_nodes

from albertlm import AlbertConfig, AlbertTokenizer, storage
from albertlm.corpus.documents import Document
from albertlm.corpus.sentences import join_sentences
from albertlm.corpus.shards import DOCUMENT_COLUMNS, FORMAT, Corpus, RowWriter
from albertlm.data.build_tokens import build_tokens
from albertlm.data.token_shards import TokenPart
from albertlm.executors import LocalProcesses
from albertlm.tokenization.vocabulary import train_vocabulary

# what is measured on this machine must not decide what tests compute, nor tests write to it
CACHE = tempfile.TemporaryDirectory(prefix="albertlm-cache-", ignore_cleanup_errors=True)
os.environ["ALBERTLM_CACHE"] = CACHE.name

settings.register_profile("patient", deadline=None)  # no test times anything
settings.load_profile("patient")

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
    """What `tiny_vocabulary` was trained on."""
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
def tiny_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer of 70 pieces."""
    folder = tmp_path_factory.mktemp("vocabulary")
    train_vocabulary(SENTENCES, folder, vocab_size=70)
    AlbertTokenizer(folder / "spiece.model").save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_vocabulary: Path,
    tiny_config: Callable[..., AlbertConfig],
) -> Path:
    """A model folder with the tokenizer of `tiny_vocabulary` and random weights for all heads."""
    import torch

    from albertlm import AlbertForPreTraining

    folder = tmp_path_factory.mktemp("tiny")
    shutil.copytree(tiny_vocabulary, folder, dirs_exist_ok=True)
    torch.manual_seed(0)
    AlbertForPreTraining(tiny_config()).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def fine_tuned(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_vocabulary: Path,
    tiny_config: Callable[..., AlbertConfig],
) -> Callable[..., Path]:
    """Makes model folders by a class of transformers, such as `AlbertForTokenClassification`.

    They have the tokenizer of `tiny_vocabulary`, random weights, and the given labels, if any.
    """
    import torch
    import transformers

    def make(architecture: str, labels: Sequence[str] = (), **changes: Any) -> Path:
        folder = tmp_path_factory.mktemp(architecture)
        shutil.copytree(tiny_vocabulary, folder, dirs_exist_ok=True)
        fields = tiny_config().to_dict()
        if labels:
            fields["id2label"] = dict(enumerate(labels))
            fields["label2id"] = {label: number for number, label in enumerate(labels)}
            del fields["num_labels"]
        torch.manual_seed(0)
        config = transformers.AlbertConfig(**fields | changes)
        getattr(transformers, architecture)(config).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_tokenizer(tiny_vocabulary: Path) -> AlbertTokenizer:
    """The tokenizer of `tiny_folder`."""
    return AlbertTokenizer.from_pretrained(tiny_vocabulary)


@pytest.fixture(scope="session")
def make_corpus(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Corpus]:
    """Writes documents, a list for each shard, as a corpus."""

    def make(shards: Sequence[Sequence[Document]]) -> Corpus:
        folder = tmp_path_factory.mktemp("corpus")
        entries = {}
        for number, documents in enumerate(shards):
            path = folder / f"corpus-{number:05}.parquet"
            with RowWriter(path, DOCUMENT_COLUMNS) as rows:
                for document in documents:
                    rows.add(document)
            entries[path.name] = {"documents": len(documents), "sha256": storage.sha256(path)}
        storage.write_json(folder / "manifest.json", {"format": FORMAT, "shards": entries})
        return Corpus.open(folder)

    return make


def document_id(number: int, *, held_out: bool) -> str:
    """The first id of a document with this number that the rule holds out, or does not."""
    ids = (f"{number}-{attempt}" for attempt in range(10_000))
    return next(each for each in ids if Document(each, "", "").held_out == held_out)


@pytest.fixture(scope="session")
def make_documents() -> Callable[..., list[Document]]:
    """Makes documents of one paragraph each from lists of sentences."""

    def make(texts: Sequence[Sequence[str]], *, held_out: bool = False) -> list[Document]:
        return [
            Document(document_id(number, held_out=held_out), "test", join_sentences([sentences]))
            for number, sentences in enumerate(texts)
        ]

    return make


@pytest.fixture(scope="session")
def make_tokens(
    make_corpus: Callable[..., Corpus],
    make_documents: Callable[..., list[Document]],
    tiny_tokenizer: AlbertTokenizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., TokenPart]:
    """Makes the tokens of documents, lists of sentences, dealt out to some shards in turn."""

    def make(
        texts: Sequence[Sequence[str]], *, held_out: bool = False, shards: int = 1
    ) -> TokenPart:
        documents = make_documents(texts, held_out=held_out)
        if held_out:
            documents += make_documents([["Nobody trains on this."]])
        corpus = make_corpus([documents[number::shards] for number in range(shards)])
        folder = tmp_path_factory.mktemp("made") / "tokens"
        tokens = build_tokens(corpus, tiny_tokenizer, folder, LocalProcesses(1))
        return tokens.part("held-out" if held_out else "training")

    return make


@pytest.fixture(scope="session")
def written_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tests/fixtures/tensorflow.tar.xz`; see the README beside it."""
    folder = tmp_path_factory.mktemp("tensorflow")
    with tarfile.open(Path(__file__).parent / "fixtures" / "tensorflow.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="session")
def many_documents(tiny_sentences: list[str]) -> list[list[str]]:
    """60 documents of 1 to 20 sentences."""
    rng = np.random.default_rng(0)
    return [
        list(map(str, rng.choice(tiny_sentences, size=int(size))))
        for size in rng.integers(1, 21, size=60)
    ]


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a Ray cluster of two nodes on this machine, with a core each."""
    pytest.importorskip("ray", reason="Ray is not installed")
    with two_nodes(cores=1) as address:
        yield address


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command of `albertlm` in this process."""

    def command(*arguments: object) -> Done:
        return Done(exit_code(*arguments), *capfd.readouterr())

    return command


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Seed the libraries that draw weights, before fixtures draw any.

    Some random weights amplify rounding hundreds of times, so a comparison must not meet others in
    every run.
    """
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)
        # processes that import PyTorch or Ray take seconds to start
        if {"cluster", "processes"}.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
