"""The fine-tuning run: it learns, stops early, resumes, and keeps its best weights."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from labelled_texts import texts_with_labels

from albertlm import AlbertConfig, AlbertForSequenceClassification, AlbertTokenizer
from albertlm.models.torch.layer import AlbertLayer
from albertlm.models.torch.pretrained import PreTrainedModel
from albertlm.tasks.task import Example
from albertlm.training.features import Reading
from albertlm.training.finetuning import Look, finetune, looks_since_best
from albertlm.training.finetuning_config import FinetuningConfig
from albertlm.training.labelled import LabelledBatch, LabelledData
from albertlm.training.loop import Loop
from albertlm.training.run_config import Execution, Phase

CPU = Execution(device="cpu", bf16=False, log_every=1)
LABELS = ("land", "water")
Make = Callable[..., Loop[LabelledBatch]]


@pytest.fixture
def make(
    tiny_config: Callable[..., AlbertConfig], tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> Make:
    examples = [
        Example(str(number), (text,), label, f"x:{number}")
        for number, (text, label) in enumerate(texts_with_labels(24))
    ]

    def loop(
        look: Look | None = None, execution: Execution = CPU, name: str = "run", **changes: Any
    ) -> Loop[LabelledBatch]:
        config = FinetuningConfig(
            task="own",
            head="sequence-classification",
            problem="single_label_classification",
            labels=LABELS,
            metric="accuracy",
            model=tiny_config(
                initializer_range=0.1,
                num_labels=2,
                id2label=dict(enumerate(LABELS)),
                problem_type="single_label_classification",
            ),
            phases=(Phase(steps=12, batch_size=8, length=48),),
            optimizer="adamw",
            learning_rate=3e-3,
            learning_rate_batch=8,
            warmup_steps=1,
            schedule="linear",
            spikes=None,
            look_every=3,
        )
        config = replace(config, **changes)
        features = config.reading().features(tiny_tokenizer, examples)
        data = LabelledData(features, 8, seed=config.seed, pad_id=0)
        return finetune(config, data, tiny_tokenizer, tmp_path / name, execution, look=look)

    return loop


def looks(*scores: float) -> Look:
    """A look that gives these scores one after the other."""
    left: Iterator[float] = iter(scores)

    def look(model: PreTrainedModel) -> Mapping[str, float]:
        assert model.config.label_names == LABELS
        return {"accuracy": next(left)}

    return look


def losses(loop: Loop[LabelledBatch]) -> list[float]:
    return [report.values["total"] for report in loop]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(AlbertForSequenceClassification.from_pretrained(folder).state_dict())


def test_it_learns(make: Make, tmp_path: Path) -> None:
    phase = Phase(steps=60, batch_size=8, length=48)
    found = losses(make(phases=(phase,), look_every=60))
    assert len(found) == 60
    assert sum(found[-3:]) < 0.5 * sum(found[:3])
    (epoch, *_) = json.loads((tmp_path / "run" / "coverage.json").read_text("utf-8"))["epochs"]
    assert epoch == {"epoch": 0, "seen": 24, "expected": 24, "verdict": "every example once"}
    model = transformers.AlbertForSequenceClassification.from_pretrained(tmp_path / "run/model")
    assert model.config.id2label == {0: "land", 1: "water"}
    assert model.config.problem_type == "single_label_classification"
    assert model.config.architectures == ["AlbertForSequenceClassification"]


def test_the_weights_of_the_best_look_are_kept(make: Make, tmp_path: Path) -> None:
    loop = make(looks(0.5, 0.7, 0.7, 0.6))
    at_best: dict[str, torch.Tensor] = {}
    for report in loop:
        if report.step == 6:
            at_best = {name: each.clone() for name, each in loop.run.model.state_dict().items()}
    kept = weights(tmp_path / "run" / "model")
    assert all(torch.equal(kept[name], each) for name, each in at_best.items())


def test_early_stopping_survives_a_stop(make: Make) -> None:
    scores = 0.5, 0.7, float("nan"), 0.7
    whole = losses(make(looks(*scores), name="whole", patience=1))
    assert len(whole) == 9
    cut = make(looks(*scores[:2]), name="cut", patience=1)
    first = []
    for report in cut:
        first.append(report.values["total"])
        if report.step == 7:
            break
    rest = losses(make(looks(*scores[2:]), name="cut", patience=1))
    assert first[:6] + rest == whole


def test_the_lowest_error_is_the_best(make: Make) -> None:
    loop = make(
        lambda _: {"mean_squared_error": 2.0},
        metric="mean_squared_error",
    )
    list(loop)
    assert loop.progress.scores == [-2.0] * 4


def test_micro_batches_change_nothing_but_rounding(make: Make) -> None:
    whole = losses(make(name="whole"))
    parts = losses(make(execution=replace(CPU, micro_batch=3), name="parts"))
    assert parts == pytest.approx(whole, rel=2e-3)


def test_a_source_gives_the_body_and_heads_are_new(
    make: Make, tiny_folder: Path, tmp_path: Path
) -> None:
    loop = make(source=str(tiny_folder))
    assert loop.notes == [f"weights of {tiny_folder}, and a fresh head"]
    list(loop)
    again = make(source=str(tmp_path / "run" / "model"), name="again")
    assert again.notes == [f"weights of {tmp_path / 'run' / 'model'}, with its head"]
    state = again.run.model.state_dict()
    for name, each in weights(tmp_path / "run" / "model").items():
        assert torch.equal(state[name], each), name


def test_more_processes_than_examples_and_too_little_memory(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = make()
    with pytest.raises(ValueError, match="processes=9 is not allowed; it must be at most the 8"):
        loop.run.check(loop.execution, 9)
    monkeypatch.setattr("albertlm.training.finetuning.available_memory", lambda _: 1000.0)
    with pytest.raises(ValueError, match="GB are free; use a smaller --micro-batch"):
        loop.run.check(loop.execution, 1)


def test_the_shared_layer_is_compiled(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    monkeypatch.setattr(AlbertLayer, "compile", lambda self, **_: compiled.append(self))
    make(execution=replace(CPU, compiled=True))
    assert len(compiled) == 1


def test_another_configuration_is_another_run(make: Make) -> None:
    list(make())
    with pytest.raises(ValueError, match="begun with a different 'patience'"):
        make(patience=3)


@pytest.mark.parametrize(
    ("scores", "looks"),
    [([], 0), ([0.5], 0), ([0.5, 0.5], 1), ([0.5, math.nan, 0.6, 0.1], 1), ([math.nan] * 2, 1)],
)
def test_looks_since_the_best(scores: list[float], looks: int) -> None:
    assert looks_since_best(scores) == looks


def test_lengths_beyond_the_model(make: Make) -> None:
    with pytest.raises(ValueError, match="length=65 is not allowed; it must be 64 or less"):
        make(phases=(Phase(steps=12, batch_size=8, length=65),))
    with pytest.raises(ValueError, match="look_every=0 is not allowed"):
        make(look_every=0)
    with pytest.raises(ValueError, match="need classes that exclude"):
        make(problem="regression", smoothing=0.1)
    assert Reading(head="multiple-choice").length == 512
