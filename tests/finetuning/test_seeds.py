"""Runs with several seeds: every one is kept, and failed ones are started again."""

from __future__ import annotations

import json
import signal
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from albertlm import AlbertTokenizer, storage
from albertlm.evaluation.tasks import evaluate_task
from albertlm.finetuning import seeds
from albertlm.finetuning.job import FinetuningJob
from albertlm.finetuning.seeds import FinetuningResult, RunResult, finetune_seeds, logged_losses
from albertlm.inference.engines import open_engine
from albertlm.tasks.predictions import read_predictions
from albertlm.training.loop import Loop, StepReport

MakeJob = Callable[..., FinetuningJob]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_kept_model_has_the_logged_score(make_job: MakeJob, tmp_path: Path) -> None:
    result = finetune_seeds(make_job(dev="50%"))
    assert result is not None
    (run,) = result.runs
    folder = tmp_path / "run"
    looks = [
        row["validation"] for row in rows(folder / "seed-0/metrics.jsonl") if "validation" in row
    ]
    best = max(looks, key=lambda row: row["score"])
    assert {name: best[name] for name in run.scores} == run.scores

    prepared = make_job(dev="50%").prepare()
    tokenizer = AlbertTokenizer.from_pretrained(folder / "model")
    engine = open_engine("torch", folder / "model", dtype="float32")
    again = evaluate_task(engine, tokenizer, prepared.data.task, prepared.data.dev)
    assert again.scores == run.scores
    written = read_predictions(folder / "seed-0/predictions.jsonl")
    assert [each.value for each in written] == [each.value for each in again.predictions]
    assert storage.read_json(folder / "seed-0/result.json")["scores"] == run.scores

    theirs = transformers.AlbertForSequenceClassification.from_pretrained(folder / "model").eval()
    assert theirs.config.id2label == {0: "land", 1: "water"}
    for example, each in zip(prepared.data.dev, again.predictions, strict=True):
        inputs = tokenizer(example.texts[0], return_tensors="pt")
        with torch.no_grad():
            shares = theirs(**inputs).logits[0].softmax(-1)
        assert shares.tolist() == pytest.approx([*(each.probabilities or {}).values()], abs=1e-5)


def conll(path: Path) -> Path:
    lines = "She B-PER\nwalked O\nto O\nthe O\nriver B-LOC\n\nNobody B-PER\nleft O\n\n"
    path.write_text(lines * 6, encoding="utf-8")
    return path


def squad(path: Path, *, impossible: bool) -> Path:
    context = "She walked to the river. Nobody painted the boats. A young model left."
    questions = [
        {
            "id": str(at),
            "question": f"Who painted the boats {at}?",
            "answers": [{"text": "Nobody", "answer_start": context.index("Nobody")}] * (at % 2),
        }
        for at in range(8)
        if at % 2 or impossible
    ]
    articles = [
        {"title": str(n), "paragraphs": [{"context": f"{context} {n}", "qas": each}]}
        for n, each in enumerate((questions[::2], questions[1::2]))
    ]
    path.write_text(json.dumps({"version": "1.1", "data": articles}), encoding="utf-8")
    return path


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def other_data(kind: str, folder: Path) -> Path:
    match kind:
        case "numbers":
            rows = [{"text": f"She left {n}.", "label": n / 4} for n in range(12)]
            return lines(folder / "a.jsonl", rows)
        case "several labels":
            rows = [{"text": f"She left {n}.", "label": ["a", "b"][: n % 3]} for n in range(12)]
            return lines(folder / "a.jsonl", rows)
        case "words":
            return conll(folder / "a.conll")
        case "choices":
            rows = [
                {
                    "article": f"It {n}.",
                    "question": "She _.",
                    "choices": ["left", "sold"],
                    "label": n % 2,
                }
                for n in range(8)
            ]
            return lines(folder / "a.jsonl", rows)
    return squad(folder / "a.json", impossible="none" in kind)


@pytest.mark.parametrize(
    ("kind", "task", "metric"),
    [
        ("numbers", "own", "pearson"),
        ("several labels", "own", "micro_f1"),
        ("words", "own", "f1"),
        ("choices", "own", "accuracy"),
        ("answers", "squad1", "f1"),
        ("answers or none", "squad2", "f1"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*never")
def test_every_kind_of_task(
    kind: str, task: str, metric: str, make_job: MakeJob, tmp_path: Path
) -> None:
    changes = ("steps=2", "length=48", "batch_size=4", "look_every=1")
    data = other_data(kind, tmp_path)
    job = make_job(task=task, data=data, dev="50%", changes=changes)
    result = finetune_seeds(job)
    assert result is not None
    assert (result.metric, result.best.looks) == (metric, 2)
    model = open_engine("torch", tmp_path / "run" / "model", dtype="float32")
    prepared = job.prepare()
    kept = prepared.data
    again = evaluate_task(model, prepared.tokenizer, kept.task, kept.dev, classes=kept.labels)
    assert again.scores == result.best.scores
    assert model.config.architectures is not None
    assert ("SquadV2" in model.config.architectures[0]) == (task == "squad2")
    folder = tmp_path / "run" / f"seed-{result.best.seed}"
    written = {path.name for path in folder.glob("*.json*")}
    if task.startswith("squad"):
        assert {"predictions.json", "nbest_predictions.json"} <= written
        answers = storage.read_json(folder / "predictions.json")
        assert answers == again.answers
    assert ("null_odds.json" in written) == (task == "squad2")


def fails(*failed: int) -> Callable[..., str | None]:
    """Calls the runs with these numbers failed."""
    calls = iter(range(100))
    return lambda *_: "it is a test" if next(calls) in failed else None


def test_failed_runs_are_started_again_and_kept(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeds, "find_failure", fails(0, 2, 3, 4))
    said: list[str] = []
    changes = ("epochs=1", "batch_size=16", "length=48", "look_every=3")
    job = make_job(seeds=(0, 1), changes=changes)
    result = finetune_seeds(job, say=said.append)
    assert result is not None
    assert [run.seed for run in result.runs] == [0, 1000, 1, 1001, 2001]
    assert [run.failure is None for run in result.runs] == [False, True, False, False, False]
    assert said == [
        "the run with seed 0 failed: it is a test; trying another seed",
        "the run with seed 1 failed: it is a test; trying another seed",
        "the run with seed 1001 failed: it is a test; trying another seed",
        "the run with seed 2001 failed: it is a test; it is kept and counted",
    ]
    told = storage.read_json(tmp_path / "run" / "results.json")
    scores = [run.scores["accuracy"] for run in result.runs]
    assert told["mean"] == statistics.fmean(scores)
    assert told["spread"] == max(scores) - min(scores)
    assert told["failed"] == 4
    assert len(told["runs"]) == 5
    kept = tmp_path / "run" / f"seed-{result.best.seed}" / "model" / "model.safetensors"
    assert (tmp_path / "run/model/model.safetensors").read_bytes() == kept.read_bytes()


def test_failed_runs_are_started_again_as_often_as_asked(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeds, "find_failure", lambda *_: "it is a test")
    said: list[str] = []
    changes = ("epochs=1", "batch_size=16", "length=48", "look_every=3")
    result = finetune_seeds(make_job(restarts=0, changes=changes), say=said.append)
    assert result is not None
    assert [run.seed for run in result.runs] == [0]
    assert said == ["the run with seed 0 failed: it is a test; it is kept and counted"]
    with pytest.raises(ValueError, match="restarts=-1"):
        make_job(restarts=-1).prepare()


def test_a_stopped_run_goes_on(make_job: MakeJob, tmp_path: Path) -> None:
    def some(loop: Loop[Any]) -> StepReport | None:
        for report in loop:
            if report.step == 8:
                return report
        return None

    assert finetune_seeds(make_job(), some) is None
    assert not (tmp_path / "run" / "results.json").exists()
    resumed = finetune_seeds(make_job())
    whole = finetune_seeds(make_job(output=tmp_path / "whole"))
    assert resumed is not None
    assert resumed == whole


def test_a_stop_in_the_last_step_is_kept_for_the_next_seed(
    make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job(seeds=(0, 1))

    def stopped(loop: Loop[Any]) -> StepReport | None:
        for report in loop:
            if report.step == loop.config.total_steps:
                signal.raise_signal(signal.SIGINT)
        return report

    assert finetune_seeds(job, stopped) is None
    assert (tmp_path / "run/seed-0/result.json").exists()
    assert not (tmp_path / "run/seed-1").exists()
    assert finetune_seeds(job) == finetune_seeds(make_job(seeds=(0, 1), output=tmp_path / "whole"))


def test_windows_are_read_in_training_and_at_looks(make_job: MakeJob, tmp_path: Path) -> None:
    changes = ("epochs=1", "batch_size=32", "length=8", "windows=true")
    job = make_job(changes=changes, dev="50%")
    prepared = job.prepare()
    assert len(prepared.features) > len(prepared.data.train)
    result = finetune_seeds(job)
    assert result is not None
    engine = open_engine("torch", tmp_path / "run" / "model", dtype="float32")
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path / "run" / "model")
    parts = (engine, tokenizer, prepared.data.task, prepared.data.dev)
    assert evaluate_task(*parts, windows=True).scores == result.best.scores


def test_the_best_is_the_lowest_error() -> None:
    runs = tuple(
        RunResult("own", "m", "dev", 3, seed, {"mean_squared_error": error}, "", 1, 1)
        for seed, error in enumerate([2.0, 0.5, 0.7])
    )
    assert FinetuningResult(runs, "mean_squared_error").best.seed == 1
    assert FinetuningResult(runs[:1], "mean_squared_error").to_json()["standard_deviation"] is None


def test_losses_in_a_log(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    log.write_text(
        '{"step": 1, "total": 0.5}\n{"step": 1, "event": "x"}\n{"total": NaN}\n', "utf-8"
    )
    assert logged_losses(log) == [0.5]
