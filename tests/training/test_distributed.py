"""Several processes give the losses of a single one, and read the same examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pretraining_calls import steps_in_a_time, values_of_steps
from processes import Processes
from safetensors.numpy import load_file

from albertlm import AlbertTokenizer, storage
from albertlm.corpus.documents import Document
from albertlm.corpus.shards import Corpus
from albertlm.data.build_tokens import build_tokens
from albertlm.data.token_shards import Tokens
from albertlm.executors import LocalProcesses
from albertlm.recipes.small import smoke
from albertlm.training.budget import Budget
from albertlm.training.pretraining import PretrainingJob
from albertlm.training.run_config import Execution, Phase, PretrainingConfig

EXACT = Execution(device="cpu", bf16=False, log_every=1, validate_every=10, validation_examples=8)
SHOWN = (
    *("total", "mlm_loss", "sop_loss", "mlm_accuracy", "mask_accuracy", "sop_accuracy"),
    "gradient_norm",
)
COUNTED = ("tokens", "replaced", "pairs", "learning_rate")


@pytest.fixture(scope="module")
def tokens(
    make_corpus: Callable[..., Corpus],
    make_documents: Callable[..., list[Document]],
    tiny_tokenizer: AlbertTokenizer,
    many_documents: list[list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    training = make_documents(many_documents)
    held_out = make_documents(many_documents[:9], held_out=True)
    corpus = make_corpus([training[:30], training[30:], held_out])
    folder = tmp_path_factory.mktemp("made") / "tokens"
    build_tokens(corpus, tiny_tokenizer, folder, LocalProcesses(1))
    return folder


@pytest.fixture(scope="module")
def config() -> PretrainingConfig:
    """Two phases over a few epochs, where the shares of a step have different numbers of masks."""
    config = smoke(70)
    phases = (
        Phase(steps=8, batch_size=12, length=40, layers=1),
        Phase(steps=16, batch_size=6, length=64),
    )
    return replace(config, phases=phases, short_probability=0.5)


@pytest.fixture(scope="module")
def one(
    config: PretrainingConfig,
    tokens: Path,
    processes: Processes,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[dict[str, float]]]:
    """The run of a single process, and its values."""
    run = tmp_path_factory.mktemp("one")
    (values,) = processes.run(values_of_steps, 1, config, tokens, run, EXACT)
    return run, values


@pytest.mark.parametrize(
    ("size", "changes"),
    [
        (2, {}),
        (2, {"micro_batch": 2}),
        (2, {"sharded": True}),
        (3, {"sharded": True, "micro_batch": 1, "checkpointing": True, "workers": 1}),
    ],
    ids=["two", "accumulated", "sharded", "three, sharded, accumulated, made ahead"],
)
def test_losses_are_those_of_one_process(
    config: PretrainingConfig,
    tokens: Path,
    one: tuple[Path, list[dict[str, float]]],
    processes: Processes,
    tmp_path: Path,
    size: int,
    changes: dict[str, Any],
) -> None:
    alone, expected = one
    execution = replace(EXACT, **changes)
    told = processes.run(values_of_steps, size, config, tokens, tmp_path, execution)
    assert sum("sop_loss" in values for values in expected) > 8  # other steps have no pairs
    for each in told:
        assert len(each) == len(expected) == 24
        for name in SHOWN:
            rate = 1e-4 if name == "gradient_norm" else 1e-5
            np.testing.assert_allclose(
                [values.get(name, 0) for values in each],
                [values.get(name, 0) for values in expected],
                rate,
            )
        for name in COUNTED:
            assert [values[name] for values in each] == [values[name] for values in expected]
    assert validations(tmp_path) == pytest.approx(validations(alone), rel=1e-5)
    coverage = [(run / "coverage.json").read_bytes() for run in (alone, tmp_path)]
    assert coverage[0] == coverage[1]
    weights = [load_file(run / "model" / "model.safetensors") for run in (alone, tmp_path)]
    for name, array in weights[0].items():
        np.testing.assert_allclose(weights[1][name], array, atol=1e-4)


def validations(run: Path) -> list[float]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text("utf-8").splitlines())
    return [line["validation"]["mlm_loss"] for line in lines if "validation" in line]


def test_gradients_in_bfloat16_stay_close(
    config: PretrainingConfig,
    tokens: Path,
    one: tuple[Path, list[dict[str, float]]],
    processes: Processes,
    tmp_path: Path,
) -> None:
    """Each number that is sent is off by 2 ** -9 at most, and the losses by less than 2 ** -8."""
    execution = replace(EXACT, bf16_gradients=True)
    told = processes.run(values_of_steps, 2, config, tokens, tmp_path, execution)[0]
    np.testing.assert_allclose(
        [values["total"] for values in told], [values["total"] for values in one[1]], 2**-8
    )


@pytest.mark.parametrize("size", [1, 3])
def test_another_number_of_processes_goes_on(
    config: PretrainingConfig,
    tokens: Path,
    one: tuple[Path, list[dict[str, float]]],
    processes: Processes,
    tmp_path: Path,
    size: int,
) -> None:
    """From the checkpoint at the end of the first phase; two processes stop in the second."""
    sharded = replace(EXACT, sharded=True)
    processes.run(values_of_steps, 2, config, tokens, tmp_path, sharded, 10)
    told = processes.run(values_of_steps, size, config, tokens, tmp_path, sharded)[0]
    assert len(told) == 16
    expected = [values["total"] for values in one[1][8:]]
    np.testing.assert_allclose([values["total"] for values in told], expected, 1e-5)


def test_the_first_process_keeps_the_time_for_all(
    config: PretrainingConfig, tokens: Path, tmp_path: Path, processes: Processes
) -> None:
    """Plan and revision are those of its clock; that of the other one is ten times as fast."""
    execution = replace(EXACT, validate_every=100, save_every=100)
    job = PretrainingJob(
        *(config, execution, Tokens.open(tokens), tmp_path / "run", Budget(seconds=60.0))
    )
    ours, theirs = processes.run(steps_in_a_time, 2, job, (0.1, 1.0))
    assert ours == theirs
    done, steps = ours
    planned = storage.read_json(tmp_path / "run" / "plan.json")["steps"]
    assert done <= sum(steps)
    lines = map(json.loads, (tmp_path / "run" / "clock.jsonl").read_text("utf-8").splitlines())
    assert [line["steps"] for line in lines if "steps" in line] == [list(steps)]
    assert list(steps) != planned
