"""`score` prints the scores of anyone's predictions, or one line that says what is wrong."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Run

from albertlm.cli.score import score
from albertlm.tasks.own import OwnData

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return to_file


def squad(*questions: dict[str, Any]) -> str:
    paragraphs = [{"context": "A cat sat.", "qas": list(questions)}]
    return json.dumps({"version": "v2.0", "data": [{"title": "Cats", "paragraphs": paragraphs}]})


ANSWERED = {"id": "q1", "question": "Who?", "answers": [{"text": "cat", "answer_start": 2}]}
UNANSWERED = {"id": "q2", "question": "Why?", "answers": []}


def test_a_submission_of_glue(run: Run, write: Write) -> None:
    data = write("dev.tsv", "sentence\tlabel\ngood\t1\nbad\t0\nso\t0\n")
    made = write("SST-2.tsv", "index\tprediction\n0\t1\n1\t0\n2\t1\n")
    done = run("score", "sst2", "--data", data, "--predictions", made, "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "task": "sst2",
        "split": "dev",
        "n": 3,
        "scores": {"accuracy": pytest.approx(2 / 3)},
    }
    table = run("score", "sst2", "--data", data, "--predictions", made).out
    assert "accuracy" in table
    assert "0.6667" in table


def test_answers_with_null_odds(run: Run, write: Write, tmp_path: Path) -> None:
    data = write("data.json", squad(ANSWERED, UNANSWERED))
    made = write("predictions.json", '{"q1": "the cat", "q2": "cat"}')
    odds = write("null_odds.json", '{"q1": 0.25, "q2": 0.75}')
    command = ("score", "squad2", "--data", data, "--predictions", made, "--null-odds", odds)
    figure = tmp_path / "curves.svg"
    done = run(*command, "-t", 0.5, "-p", figure, "--json")
    assert (done.code, done.err) == (0, "")
    scores = json.loads(done.out)["scores"]
    assert list(scores)[:3] == ["exact", "f1", "total"]
    assert list(scores)[-1] == "pr_oracle_ap"
    assert (scores["exact"], scores["best_f1_thresh"], scores["pr_f1_ap"]) == (100, 0.25, 100)
    assert "pr_oracle (100.0)" in figure.read_text(encoding="utf-8")
    google = json.loads(run(*command, "--as-google", "--json").out)["scores"]
    assert list(google) == ["exact", "f1", "total", "null_score_diff_threshold"]
    table = run(*command).out
    assert "HasAns_total" in table


def test_missing_answers_are_told_and_with_strict_refused(run: Run, write: Write) -> None:
    data = write("data.json", squad(ANSWERED, UNANSWERED))
    made = write("predictions.json", '{"q1": "the cat"}')
    command = ("score", "squad2", "--data", data, "--predictions", made)
    done = run(*command)
    assert (done.code, done.err.count("\n")) == (0, 1)
    assert "warning: 1 of 2 questions have no prediction, the first is 'q2'" in done.err
    code, out, err = run(*command, "--strict")
    assert (code, out) == (2, "")
    assert "1 of 2 questions have no prediction" in err


def test_own_data_with_named_columns(run: Run, write: Write) -> None:
    data = write("own.csv", "body,sort\nx,10\ny,9\n")
    made = write("p.jsonl", '{"id": 0, "prediction": 10}\n{"id": 1, "prediction": "9"}\n')
    command = ["score", "own", "--data", data, "--predictions", made, "--json"]
    done = run(*command, "--label-column", "sort", "--kind", "classification")
    assert json.loads(done.out)["scores"] == {
        "accuracy": 1,
        "macro_f1": 1,
        "f1_9": 1,
        "f1_10": 1,
    }
    code, _, err = run(*command, "--label-column", "kind")
    assert code == 2
    assert "own.csv:1 has no column 'kind'; its columns are body, sort" in err


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("sst", [], "unknown task 'sst'; did you mean 'sst2'"),
        ("sst2", ["--as-google"], "--as-google are for squad2 only"),
        ("sst2", [], "2 of 2 examples have no prediction, the first is '0'"),
    ],
)
def test_bad_input(task: str, options: list[str], message: str, run: Run, write: Write) -> None:
    data = write("dev.tsv", "sentence\tlabel\ngood\t1\nbad\t0\n")
    made = write("p.tsv", "index\tprediction\n7\t1\n")
    code, out, err = run("score", task, "--data", data, "--predictions", made, *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    own = dataclasses.asdict(OwnData())
    with pytest.raises(FileNotFoundError, match="does not exist"):
        score(**own, task="rte", data=tmp_path / "a.tsv", predictions=tmp_path / "b.tsv")
