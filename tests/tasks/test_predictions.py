"""Predictions are read in each form that they are handed in, and matched to examples by id."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from albertlm.tasks.predictions import (
    in_order,
    read_null_odds,
    read_predictions,
    write_predictions,
)
from albertlm.tasks.task import Example, Prediction

Write = Callable[[str, str], Path]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    made = [
        Prediction("0", "positive", "negative", {"negative": 0.25, "positive": 0.75}),
        Prediction("1", ["B-PER", "O"], ["O", "O"]),
        Prediction("2", 4.2, 4.0),
    ]
    write_predictions(path, made)
    first = json.loads(path.read_text(encoding="utf-8").split("\n")[0])
    assert list(first) == ["id", "gold", "prediction", "probabilities"]
    read = read_predictions(path)
    assert [(p.id, p.value, p.gold, p.probabilities) for p in read] == [
        (p.id, p.value, p.gold, p.probabilities) for p in made
    ]
    assert read[1].where == f"{path}:2"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RTE.tsv", "index\tprediction\n0\tentailment\n1\tnot_entailment\n"),
        ("hans.txt", "pairID\tgold_label\n0\tentailment\n1\tnot_entailment\n"),
        ("heuristics.txt", "pairID,gold_label\n0,entailment\n1,not_entailment\n"),
        ("own.csv", "prediction,id\nentailment,0\nnot_entailment,1\n"),
        ("answers.json", '{"0": "entailment", "1": "not_entailment"}'),
    ],
)
def test_the_forms_of_others(write: Write, name: str, text: str) -> None:
    found = read_predictions(write(name, text))
    assert {p.id: p.value for p in found} == {"0": "entailment", "1": "not_entailment"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.tsv", "index\tprediction\n0\ta\n0\tb\n", r"p\.tsv:3 predicts '0' again, after .*:2"),
        ("p.tsv", "index\tvalue\n0\ta\n", "has no column 'prediction' or"),
        ("p.tsv", "index\tprediction\n", "holds no predictions"),
        ("p.jsonl", '{"id": 1}\n', r"p\.jsonl:1 has no 'prediction'; it has id"),
        ("p.ndjson", '{"prediction": "a"}\n', r"p\.ndjson:1 has no 'id'; it has prediction"),
        ("p.json", "[]", "is not a JSON object"),
    ],
)
def test_bad_predictions(write: Write, name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_predictions(write(name, text))


def test_null_odds(write: Write) -> None:
    assert read_null_odds(write("odds.json", '{"b": -3.5, "a": 1}')) == {"b": -3.5, "a": 1}
    with pytest.raises(ValueError, match=r"odds\.json: a has the null odds '1'; they must be"):
        read_null_odds(write("odds.json", '{"a": "1"}'))
    with pytest.raises(ValueError, match=r"odds\.json: a has the null odds nan; they must be"):
        read_null_odds(write("odds.json", '{"a": NaN}'))


def test_ids_are_texts(tmp_path: Path) -> None:
    table = pyarrow.table({"id": [0, 1], "prediction": ["a", "b"]})
    pyarrow.parquet.write_table(table, tmp_path / "p.parquet")
    assert [each.id for each in read_predictions(tmp_path / "p.parquet")] == ["0", "1"]


def test_ids_that_do_not_match_are_named() -> None:
    examples = [Example("0", ("a",), "x", "d:2"), Example("1", ("b",), "y", "d:3")]
    assert [p.id for p in in_order(examples, [Prediction("1", "x"), Prediction("0", "x")])] == [
        "0",
        "1",
    ]
    with pytest.raises(ValueError, match=r"1 of 2 examples have no prediction, .* '1' \(d:3\)"):
        in_order(examples, [Prediction("0", "x")])
    others = [Prediction("0", "x"), Prediction("1", "x"), Prediction("2", "x", where="p:4")]
    with pytest.raises(ValueError, match="p:4 predicts '2', which is no id of the data"):
        in_order(examples, others)
    with pytest.raises(ValueError, match="d:2 has no gold label"):
        in_order([Example("0", ("a",), None, "d:2")], [Prediction("0", "x")])
