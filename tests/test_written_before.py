"""Folders that earlier versions wrote open, and unfinished ones go on."""

import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from safetensors.numpy import load_file

from albertlm import AlbertForPreTraining, AlbertForSequenceClassification, pipeline, storage
from albertlm.corpus.shards import Corpus
from albertlm.data.token_shards import Tokens
from albertlm.recipes.small import smoke
from albertlm.reporting.history import History
from albertlm.training.pretraining import pretrain
from albertlm.training.run_config import Execution, Phase, PretrainingConfig

FIXTURE = Path(__file__).parent / "fixtures" / "written_by_0.1.tar.xz"
EXECUTION = Execution(
    device="cpu", bf16=False, log_every=1, save_every=3, validate_every=10, keep=1
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def run_config() -> PretrainingConfig:
    config = smoke(40)
    return replace(
        config,
        model=config.model.changed(
            embedding_size=8, hidden_size=16, intermediate_size=32, max_position_embeddings=32
        ),
        phases=(
            Phase(steps=10, batch_size=8, length=24, layers=1),
            Phase(steps=10, batch_size=4, length=32),
        ),
    )


def log(run: Path) -> list[dict[str, Any]]:
    return list(map(json.loads, (run / "metrics.jsonl").read_text("utf-8").splitlines()))


def test_a_corpus_opens(written: Path) -> None:
    corpus = Corpus.open(written / "corpus")
    lines = (written / "documents.jsonl").read_text("utf-8").splitlines()
    texts = {row["id"]: row["text"] for row in map(json.loads, lines)}
    documents = [each for shard in corpus.shards for each in corpus.documents(shard)]
    assert {each.id: each.text.replace("\n", " ") for each in documents} == texts


def test_tokens_open_and_are_finished(written: Path, run: Callable[..., Any]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (written / "tokens").rglob("tokens.npy")}
    options = ("--vocabulary", written / "vocabulary", "-o", written / "tokens", "--workers", 1)
    assert run("tokens", written / "corpus", *options).code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert Tokens.open(written / "tokens").part("training").counts("documents").sum() == 60


def test_a_stopped_run_goes_on_to_the_same_end(written: Path) -> None:
    tokens = Tokens.open(written / "tokens")
    stopped, finished = written / "stopped", written / "finished"
    steps = [
        report.step
        for report in pretrain(
            *(run_config(), tokens.part("training"), stopped, EXECUTION),
            held_out=tokens.part("held-out"),
        )
    ]
    assert steps == list(range(7, 21))
    for ours, theirs in zip(log(stopped), log(finished), strict=True):
        assert ours["step"] == theirs["step"]
        # processors round differently
        for name in {"mlm_loss", "gradient_norm", "learning_rate"} & theirs.keys():
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4)
    assert (stopped / "coverage.json").read_bytes() == (finished / "coverage.json").read_bytes()
    ends = [AlbertForPreTraining.from_pretrained(run / "model") for run in (stopped, finished)]
    for ours, theirs in zip(*(each.parameters() for each in ends), strict=True):
        np.testing.assert_allclose(ours.detach(), theirs.detach(), atol=1e-4)


def test_a_run_with_earlier_rules_goes_on_as_it_began(written: Path, tmp_path: Path) -> None:
    """Two phases of one length, both with epoch 0, and the rate by examples."""
    with tarfile.open(FIXTURE.with_name("stopped_before_phases.tar.xz")) as archive:
        archive.extractall(tmp_path, filter="data")
    tokens, stopped, finished = written / "tokens", tmp_path / "stopped", tmp_path / "finished"
    phases = (
        Phase(steps=12, batch_size=8, length=24, layers=1),
        Phase(steps=12, batch_size=4, length=24),
    )
    parts = Tokens.open(tokens)
    loop = pretrain(
        *(replace(run_config(), phases=phases), parts.part("training"), stopped, EXECUTION),
        held_out=parts.part("held-out"),
    )
    assert [report.step for report in loop] == list(range(7, 25))
    for ours, theirs in zip(log(stopped), log(finished), strict=True):
        shared = {"step", "mlm_loss", "gradient_norm", "learning_rate", "tokens"} & theirs.keys()
        assert [ours[name] for name in shared] == pytest.approx(
            [theirs[name] for name in shared], rel=1e-4
        )
    assert (stopped / "coverage.json").read_bytes() == (finished / "coverage.json").read_bytes()
    ends = [load_file(run / "model" / "model.safetensors") for run in (stopped, finished)]
    for name, weight in ends[1].items():
        np.testing.assert_allclose(ends[0][name], weight, atol=1e-4)


def test_a_finished_run_is_reported(written: Path) -> None:
    history = History.read(written / "finished")
    assert history.finished
    assert history.steps == 20
    assert {each.verdict for each in history.coverage} == {"every example once"}


def test_models_open(written: Path) -> None:
    model = written / "finished" / "model"
    fills = pipeline("fill-mask", model)("The old [MASK] saw a boat.")
    assert isinstance(fills[0], dict)
    assert 0 < fills[0]["score"] < 1
    classifier = AlbertForSequenceClassification.from_pretrained(written / "classifier")
    theirs = transformers.AlbertForSequenceClassification.from_pretrained(written / "classifier")
    assert classifier.config.num_labels == theirs.config.num_labels == 3
    assert storage.read_json(model / "config.json")["model_type"] == "albert"
