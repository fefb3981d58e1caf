"""Files have the names, the header and the values of the sample submission of GLUE."""

from __future__ import annotations

from pathlib import Path

import pytest

from albertlm.tasks.catalogue import TASKS
from albertlm.tasks.glue import AX
from albertlm.tasks.glue import TASKS as GLUE
from albertlm.tasks.predictions import read_predictions
from albertlm.tasks.submission import submission_name, write_submission
from albertlm.tasks.task import Example, Prediction


def test_names() -> None:
    names = {submission_name(task, "test") for task in (*GLUE, AX)}
    assert names == {
        *("AX.tsv", "CoLA.tsv", "MNLI-m.tsv", "MRPC.tsv", "QNLI.tsv", "QQP.tsv", "RTE.tsv"),
        *("SST-2.tsv", "STS-B.tsv", "WNLI.tsv"),
    }
    assert submission_name(TASKS["mnli"], "test_mismatched") == "MNLI-mm.tsv"
    assert submission_name(TASKS["mnli"], None) == "MNLI-m.tsv"
    assert submission_name(TASKS["squad1"], "dev") is None


@pytest.mark.parametrize(
    ("name", "values", "written"),
    [
        ("sst2", ["positive", "negative"], ["1", "0"]),
        ("cola", ["acceptable", "unacceptable"], ["1", "0"]),
        ("wnli", ["not_entailment", "entailment"], ["0", "1"]),
        ("qnli", ["not_entailment", "entailment"], ["not_entailment", "entailment"]),
        ("rte", ["neutral", "entailment"], ["not_entailment", "entailment"]),
        ("ax", ["neutral", "contradiction"], ["neutral", "contradiction"]),
        ("stsb", [5.25, -0.125, 4.2], ["5.000", "0.000", "4.200"]),
    ],
)
def test_values(name: str, values: list[object], written: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    task = TASKS[name]
    write_submission(path, task, [Prediction(str(at), each) for at, each in enumerate(values)])
    lines = [f"{at}\t{each}" for at, each in enumerate(written)]
    assert path.read_text("utf-8").splitlines() == ["index\tprediction", *lines]
    labels = [each if name != "rte" else written[at] for at, each in enumerate(values)]
    golds = [Example(str(at), ("a", "b"), each, f"a:{at}") for at, each in enumerate(labels)]
    if name not in ("stsb", "ax"):
        assert task.score(golds, read_predictions(path))[task.main_metric] == 1


def test_what_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no_such"):
        write_submission(tmp_path / "a.tsv", TASKS["rte"], [Prediction("0", "no_such")])
