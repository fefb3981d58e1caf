"""`finetune` trains, resumes, previews, and says what is wrong before it trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from labelled_texts import write_csv

from albertlm.cli.finetune import finetune
from albertlm.training.stopping import StoppedEarlyError

SMALL = ("epochs=4", "learning_rate=3e-3", "batch_size=16", "length=48", "look_every=3")


@pytest.fixture
def command(tiny_folder: Path, tmp_path: Path) -> Callable[..., list[Any]]:
    """Makes the arguments of a command for a table of 40 texts."""

    def make(*more: Any, changes: Sequence[str] = SMALL) -> list[Any]:
        data = write_csv(tmp_path / "a.csv", 40)
        settings = [part for change in changes for part in ("--set", change)]
        fixed = ("finetune", "own", "--data", data, "--model", tiny_folder, "--device", "cpu")
        return [*fixed, "--no-bf16", "--output", tmp_path / "run", *settings, *more]

    return make


def test_from_a_table_to_scores(
    run: Run, command: Callable[..., list[Any]], tmp_path: Path
) -> None:
    done = run(*command("--json"))
    assert done.code == 0, done.err
    told = json.loads(done.out)
    model = tmp_path / "run" / "model"
    assert told["model"] == str(model)
    assert (told["metric"], len(told["runs"])) == ("accuracy", 1)
    assert told["mean"] == told["best"] == told["runs"][0]["scores"]["accuracy"]
    again = run(*command())
    assert f"{told['best']:.4f}" in again.out
    assert str(model) in again.out

    table = write_csv(tmp_path / "b.csv", 12)
    output = tmp_path / "predictions"
    evaluate = ("evaluate", "own", "--data", table, "--model", model)
    scores = json.loads(run(*evaluate, "--output", output, "--json").out)
    assert (scores["task"], scores["n"]) == ("own", 12)
    assert "accuracy" in run(*evaluate).out
    predictions = ("--predictions", output / "predictions.jsonl")
    scored = run("score", "own", "--data", table, *predictions, "--json")
    assert json.loads(scored.out)["scores"] == scores["scores"]


def test_evaluation_on_a_folder_of_official_names(
    run: Run, fine_tuned: Callable[..., Path], tmp_path: Path
) -> None:
    model = fine_tuned("AlbertForSequenceClassification", ["NEGATIVE", "positive"])
    (tmp_path / "dev.tsv").write_text("sentence\tlabel\nThe boats\t0\nA town\t1\n", "utf-8")
    done = run("evaluate", "sst2", "--data", tmp_path, "--model", model, "--json")
    told = json.loads(done.out)
    assert (told["task"], told["split"], told["n"]) == ("sst2", "dev", 2)
    assert told["model"] == str(model)
    named = run(
        *("evaluate", "sst2", "--data", tmp_path / "dev.tsv", "--model", model),
        *("--labels", "positive,negative", "--json"),
    )
    assert json.loads(named.out)["scores"]["accuracy"] == 1 - told["scores"]["accuracy"]


@pytest.mark.slow
def test_hashes_of_strings_change_nothing(
    run: Run, fine_tuned: Callable[..., Path], tmp_path: Path
) -> None:
    """Nor do a fresh process, the order of rows and the size of batches."""
    model = fine_tuned("AlbertForSequenceClassification", ["b", "a", "C", "10"])
    rows = [f"The boats {at} left.,{'abC'[at % 3]}" for at in range(12)]
    for name, lines in (("a.csv", rows), ("b.csv", rows[::-1])):
        (tmp_path / name).write_text("\n".join(["text,label", *lines]) + "\n", "utf-8")
    command = ["evaluate", "own", "--model", str(model), "--engine", "numpy", "--json", "--data"]
    told = {
        subprocess.run(
            [sys.executable, "-m", "albertlm", *command, str(tmp_path / "a.csv")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }
    (scores,) = (json.loads(each)["scores"] for each in told)
    for more in ([tmp_path / "b.csv"], [tmp_path / "a.csv", "--batch-size", 1]):
        assert json.loads(run(*command, *more).out)["scores"] == scores


def test_a_test_set_of_glue_has_predictions_only(
    run: Run, fine_tuned: Callable[..., Path], tmp_path: Path
) -> None:
    model = fine_tuned("AlbertForSequenceClassification", ["negative", "positive"])
    data = tmp_path / "test.tsv"
    data.write_text("index\tsentence\n4\tThe boats\n9\tA town\n", "utf-8")
    command = ("evaluate", "sst2", "--data", data, "--model", model)
    refused = run(*command)
    assert (refused.code, refused.out) == (2, "")
    assert f"{data} has no gold labels; add --output" in refused.err
    output = tmp_path / "predictions"
    told = json.loads(run(*command, "--output", output, "--json").out)
    assert (told["split"], told["n"], told["scores"]) == ("test", 2, {})
    lines = (output / "SST-2.tsv").read_text("utf-8").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["index", "4", "9"]
    assert (
        json.loads((output / "predictions.jsonl").read_text("utf-8").splitlines()[0])["id"] == "4"
    )
    assert str(output) in run(*command, "--output", output).out


def test_several_seeds(run: Run, command: Callable[..., list[Any]]) -> None:
    done = run(*command("--seeds", "0,1", "--from-scratch"))
    assert done.code == 0, done.err
    assert "mean" in done.out
    assert "spread" in done.out


def test_a_grid(run: Run, command: Callable[..., list[Any]], tmp_path: Path) -> None:
    grid = ("--grid", "learning_rate=3e-3,1e-9", "--set", "epochs=1")
    told = json.loads(run(*command(*grid, "--json")).out)
    assert told["model"] == str(tmp_path / "run" / "model")
    assert [*told["settings"]] == ["learning_rate=3e-3", "learning_rate=1e-9"]
    again = run(*command(*grid))
    assert again.code == 0, again.err
    assert f"accuracy, best median with {told['best']}" in again.out
    preview = run(*command(*grid, "--seeds", "0,1", "--dry-run", "--json"))
    assert json.loads(preview.out)["runs"] == 4


def test_a_dry_run_trains_nothing(
    run: Run, command: Callable[..., list[Any]], tmp_path: Path
) -> None:
    done = run(*command("--dry-run"))
    assert done.code == 0, done.err
    for shown in ("36 and 4", "label water", "18 and 2", "12 (4.00 epochs)", "recipe: smoothing"):
        assert shown in done.out
    assert not (tmp_path / "run").exists()
    told = json.loads(run(*command("--dry-run", "--json")).out)
    assert told["recipe"]["learning_rate"] == 3e-3
    assert told["notes"] == []


def test_leaks_are_told(run: Run, command: Callable[..., list[Any]], tmp_path: Path) -> None:
    dev = write_csv(tmp_path / "dev.csv", 6)
    done = run(*command("--dev", dev, "--dry-run"))
    assert "6 dev rows are in the training data exactly" in done.out
    told = json.loads(run(*command("--dev", dev, "--drop-leaks", "--dry-run", "--json")).out)
    assert (told["leaks"], told["dropped"]) == (6, 6)


def test_a_stop_is_no_error(
    run: Run, command: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise StoppedEarlyError

    monkeypatch.setattr("albertlm.finetuning.seeds.finetune_seeds", stop)
    done = run(*command("--json"))
    assert (done.code, json.loads(done.out)) == (0, {"model": None})
    assert "the same command goes on" in done.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--seeds", "a"), "--seeds a is not allowed"),
        (("--set", "rate=1"), "has no 'rate'"),
        (("--set", "length=4"), "length=4 is not allowed"),
        (("--grid", "length=48,4"), "length=4 is not allowed"),
        (("--grid", "length"), "'length' is no part of a grid"),
        (("--dev", "nowhere.csv"), "nowhere.csv is neither a file nor a share"),
        (("--label-column", "class"), "has no column 'class'"),
        (("--recipe", "best"), "recipe='best' is not allowed"),
        (("--ranks", "2"), "need --runner ray"),
        (("--runner", "ray"), "add --ranks"),
        (("--set", "metric=f2"), "metric='f2' is not allowed"),
    ],
)
def test_mistakes_are_one_line(
    more: Sequence[str], message: str, run: Run, command: Callable[..., list[Any]], tmp_path: Path
) -> None:
    code, out, err = run(*command(*more))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


QUESTION = {"id": "q1", "question": "Who?", "answers": [{"text": "dog", "answer_start": 2}]}
PARAGRAPH = {"context": "A cat sat.", "qas": [QUESTION]}
SQUAD = json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": [PARAGRAPH]}]})
GOOD = "sentence\tlabel\ngood\t1\nbad\t0\n"


@pytest.mark.parametrize(
    ("task", "train", "dev", "message"),
    [
        (
            "sst2",
            f"{GOOD}so\t2\n",
            GOOD,
            "train.tsv:4 has the label '2'; allowed are negative, positive",
        ),
        ("own", GOOD, f"{GOOD}so\t3\n", "dev.tsv:4 has the label '3', which the training data"),
        ("sst2", "phrase\tlabel\ngood\t1\n", GOOD, "train.tsv:1 is not a header; its columns must"),
        ("own", "sentence\tkind\ngood\t1\n", GOOD, "train.tsv:1 has no column of labels among"),
        ("sst2", "sentence\tkind\ngood\t1\n", GOOD, "train.tsv:2 has no label; fill it in"),
        ("squad1", SQUAD, SQUAD, "question q1: its context does not contain the answer 'dog'"),
        ("sst2", GOOD, "sentence\tlabel\n", "dev.tsv holds no examples; name a file that does"),
        ("sst2", "", GOOD, "train.tsv is empty; name a file that holds a table"),
        ("sst2", "sentence\tlabel\na\tb\t1\n", GOOD, "train.tsv:2 does not have 2 cells"),
    ],
)
def test_bad_data_is_one_line_before_any_training(
    task: str, train: str, dev: str, message: str, run: Run, tiny_folder: Path, tmp_path: Path
) -> None:
    for name, text in (("train.tsv", train), ("dev.tsv", dev)):
        (tmp_path / name).write_text(text, "utf-8")
    files = ("--data", tmp_path / "train.tsv", "--dev", tmp_path / "dev.tsv")
    output = tmp_path / "run"
    code, out, err = run("finetune", task, *files, "--model", tiny_folder, "--output", output)
    assert (code, out) == (2, "")
    assert message in err
    assert str(tmp_path) in err
    assert err.count("\n") == 1
    assert not output.exists()


def test_a_class_that_never_occurs_and_a_header_in_another_order(
    run: Run, tiny_folder: Path, tmp_path: Path
) -> None:
    train, dev = tmp_path / "train.tsv", tmp_path / "dev.tsv"
    train.write_text('label\tsentence\n1\t" unbalanced\n0\tnull\n', "utf-8")
    dev.write_text('sentence\tlabel\n"so" it is\t1\n', "utf-8")
    files = ("--data", train, "--dev", dev, "--output", tmp_path / "run")
    done = run("finetune", "sst2", *files, "--model", tiny_folder, "--dry-run", "--json")
    assert done.code == 0
    assert f"the class 'negative' never occurs in {dev}" in done.err
    assert json.loads(done.out)["labels"] == {"negative": [1, 0], "positive": [1, 1]}


def test_the_function_is_the_command() -> None:
    assert finetune.__name__ == "finetune"


@pytest.mark.slow
def test_one_run_on_a_cluster_of_two_processes(
    run: Run, command: Callable[..., list[Any]], cluster: str, tmp_path: Path
) -> None:
    ray = ("--runner", "ray", "--address", cluster, "--ranks", 2, "--json")
    done = run(*command(*ray))
    assert done.code == 0, done.err
    told = json.loads(done.out)
    alone = json.loads(run(*command("--json", "--output", tmp_path / "alone")).out)
    assert told["runs"][0]["steps"] == alone["runs"][0]["steps"]
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()
