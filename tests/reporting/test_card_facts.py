"""The facts of a card, against the files that they were drawn from."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from albertlm import storage
from albertlm.data.token_shards import TokenPart
from albertlm.reporting.audit import add_test
from albertlm.reporting.card_facts import CardFacts, gather
from albertlm.reporting.history import History
from albertlm.reporting.summary import summarise
from albertlm.settings import from_json, to_json

PRETRAINING = {
    "mlm_loss": 4.5,
    "mlm_accuracy": 0.25,
    "bits_per_character": 1.5,
    "predictions": 100_000,
    "sop_accuracy": 0.6,
    "pairs": 2000,
    "window": 64,
}


def values(facts: CardFacts, section: str) -> dict[str, str]:
    return {fact.name: fact.value for fact in facts.facts if fact.section == section}


def test_a_pretrained_model(
    tiny_folder: Path,
    tmp_path: Path,
    make_run: Callable[..., Path],
    make_tokens: Callable[..., TokenPart],
) -> None:
    part = make_tokens([["The old fisherman walked to the river.", "She sold the boats."]] * 5)
    run, tokens = make_run(learning_rate=3e-3), part.folder.parent
    scores = tmp_path / "scores.json"
    storage.write_json(scores, PRETRAINING)
    found = gather(tiny_folder, [run, tokens, scores])
    summary = summarise(History.read(run))
    assert found.pipeline == "fill-mask"
    assert found.files == {
        "model.safetensors": storage.sha256(tiny_folder / "model.safetensors"),
        "run/config.json": storage.sha256(run / "config.json"),
        "run/metrics.jsonl": storage.sha256(run / "metrics.jsonl"),
        f"{tokens.name}/manifest.json": storage.sha256(tokens / "manifest.json"),
        "scores.json": storage.sha256(scores),
    }
    trained = values(found, "Training Hyperparameters")
    assert trained["peak learning rate"] == "0.003"
    assert trained["phases"] == (
        "60 steps of 8x32 tokens at 1 applications; 40 steps of 4x64 tokens at 2 applications"
    )
    assert trained["objective"] == (
        "masked n-grams of up to 3 words, 15% of the tokens, 80/10/10 masked, kept and random; "
        "sentence order"
    )
    sizes = values(found, "Speeds, Sizes, Times")
    assert sizes["steps"] == "100"
    assert sizes["tokens"] == f"{summary.tokens:,}"
    assert float(sizes["training: masked-token loss (nats)"]) == pytest.approx(
        summary.training["mlm_loss"].last, abs=1e-3
    )
    assert values(found, "Training Data") == {
        "documents": "5",
        "sentences": "10",
        "tokens": f"{part.counts('tokens').sum():,}",
    }
    measured = {score.metric: (score.value, score.unit, score.n) for score in found.scores}
    assert measured["masked-token accuracy"] == (25.0, "%", 100_000)
    assert measured["sentence-order accuracy"] == (60.0, "%", 2000)
    assert measured["masked-token loss"] == (4.5, "nats", 100_000)
    assert from_json(CardFacts, json.loads(json.dumps(to_json(found)))) == found


def test_the_masks_of_a_phase(tiny_folder: Path, make_run: Callable[..., Path]) -> None:
    phase = {"steps": 60, "batch_size": 8, "length": 32, "layers": 1}
    masking = {"probability": 0.3, "max_ngram": 0, "mask_share": 1.0, "random_share": 0.0}
    found = gather(tiny_folder, [make_run(phases=({**phase, "masking": masking},))])
    assert values(found, "Training Hyperparameters")["phases"] == (
        "60 steps of 8x32 tokens at 1 applications (tokens, 30% of the tokens, 100/0/0 masked, "
        "kept and random)"
    )


def test_a_fine_tuned_model(
    fine_tuned: Callable[..., Path], tmp_path: Path, pairs_found: dict[str, Any]
) -> None:
    model = fine_tuned("AlbertForSequenceClassification", ["negative", "positive"])
    run = tmp_path / "sst2"
    result = {
        "task": "sst2", "model": "/models/base", "split": "dev", "n": 872, "selection": "best",
        "looks": 3,
    }  # fmt: skip
    config = {
        "task": "sst2", "phases": [{"steps": 9, "batch_size": 8, "length": 32}], "seed": 0,
        "optimizer": "adamw", "learning_rate": 1e-4, "warmup_steps": 1, "schedule": "linear",
        "weight_decay": 0.01,
    }  # fmt: skip
    for seed, accuracy in ((0, 0.75), (1, 0.85)):
        storage.write_json(
            run / f"seed-{seed}" / "result.json",
            {**result, "seed": seed, "scores": {"accuracy": accuracy}},
        )
        storage.write_json(run / f"seed-{seed}" / "config.json", config)
    storage.write_json(run / "results.json", {})
    single = tmp_path / "sst2.json"
    storage.write_json(single, {"task": "sst2", "n": 100, "scores": {"accuracy": 0.5}})
    add_test(tmp_path / "audit", "m", model / "model.safetensors", "crows-pairs", pairs_found)
    found = gather(model, [run, single, tmp_path / "audit"])
    assert found.pipeline == "text-classification"
    trained = values(found, "Training Hyperparameters")
    assert (trained["fine-tuned from"], trained["seeds"]) == ("base", "0, 1")
    seeds, one, *bias = found.scores
    assert (seeds.value, seeds.low, seeds.high, seeds.seeds) == (80.0, 75.0, 85.0, 2)
    assert seeds.note == "best, 3 looks at dev"
    assert one.value == 50.0
    assert one.low is not None
    assert one.low < 50 < (one.high or 0)
    assert [(score.metric, score.value, score.note) for score in bias] == [
        (name, 45.0, "too weak to interpret") for name in ("pll", "aul", "aula")
    ]
    assert values(found, "Model Architecture and Objective")["labels"] == "negative, positive"


def test_an_audit_of_other_weights(
    tiny_folder: Path, tmp_path: Path, pairs_found: dict[str, Any]
) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"other")
    add_test(tmp_path / "audit", "m", other, "crows-pairs", pairs_found)
    with pytest.raises(ValueError, match="is the audit of other weights than those of"):
        gather(tiny_folder, [tmp_path / "audit"])


def test_sources_that_are_none(tiny_folder: Path, tmp_path: Path) -> None:
    storage.write_json(tmp_path / "results.json", {})
    for source, told in (
        (tmp_path / "missing", "there is no"),
        (tiny_folder, "is no source of a card"),
        (tiny_folder / "config.json", "is not the result of a task"),
        (tmp_path, "holds no finished run"),
    ):
        with pytest.raises((OSError, ValueError), match=told):
            gather(tiny_folder, [source])
