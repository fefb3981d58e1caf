"""A user's files say by the names of their columns what the task is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from albertlm.tasks.own import OwnData, own_task
from albertlm.tasks.task import Example, Prediction, Task

Write = Callable[[str, str], Path]


def read(path: Path, **options: Any) -> tuple[Task[Any], list[Example[Any]]]:
    task = own_task(path, OwnData(**options))
    return task, task.read(path)


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", 'label\tsentence\nPos\t" good\n'),
        ("a.tsv", 'content\tLabel\n" good\tPos\n'),
        ("a.csv", 'id,category,review\n7,Pos,""" good"\n'),
        ("a.csv", 'anything,label\n""" good",Pos\n'),
        ("a.jsonl", lines({"text": '" good', "label": "Pos"})),
    ],
)
def test_single_texts(write: Write, name: str, text: str) -> None:
    path = write(name, text)
    task, (example,) = read(path)
    assert (example.texts, example.label, example.where.split(":")[1]) == (
        ('" good',),
        "Pos",
        "1" if name.endswith("jsonl") else "2",
    )
    assert (task.head, task.problem) == ("sequence-classification", "single_label_classification")
    assert task.labels is None
    assert task.main_metric == "accuracy"


def test_pairs_ids_and_named_columns(write: Write) -> None:
    text = "uid,premise,hypothesis,gold_label\nx9,one,two,neutral\n"
    _, (example,) = read(write("a.csv", text))
    assert (example.id, example.texts, example.label) == ("x9", ("one", "two"), "neutral")
    text = "name,body,title,sort\nx9,one,two,neutral\n"
    options = {"id": "name", "text": "title", "second": "body", "label": "sort"}
    _, (example,) = read(write("a.csv", text), **options)
    assert (example.id, example.texts, example.label) == ("x9", ("two", "one"), "neutral")


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = [{"text": "a", "label": 10}, {"text": "NA", "label": 9}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    _, examples = read(path)
    assert [(e.id, e.texts, e.label) for e in examples] == [
        ("0", ("a",), "10"),
        ("1", ("NA",), "9"),
    ]


@pytest.mark.parametrize(
    ("labels", "kind", "expected"),
    [
        (["3.8", "4"], "regression", [3.8, 4.0]),
        ([3.5, 4], "regression", [3.5, 4.0]),
        (["3", "4"], "classification", ["3", "4"]),
        ([3, 4], "classification", ["3", "4"]),
        ([True, False], "classification", ["true", "false"]),
        ([["b", "a", "b"], []], "multi-label", [("b", "a"), ()]),
        (["good", None], "classification", ["good", None]),
    ],
)
def test_kinds_are_guessed_from_labels(
    write: Write, labels: list[object], kind: str, expected: list[object]
) -> None:
    path = write("a.jsonl", "".join(lines({"text": "x", "label": label}) for label in labels))
    task, examples = read(path)
    assert [example.label for example in examples] == expected
    problems = {
        "regression": "regression",
        "classification": "single_label_classification",
        "multi-label": "multi_label_classification",
    }
    assert task.problem == problems[kind]


def test_kinds_that_are_given(write: Write) -> None:
    numbers = write("a.csv", "text,label\nx,3\ny,\n")
    task, examples = read(numbers, kind="regression")
    assert [example.label for example in examples] == [3.0, None]
    assert task.metrics == ("pearson", "spearman", "mean_squared_error")
    several = write("b.csv", "text,labels\nx,a;b ; a\ny,\n")
    task, examples = read(several, kind="multi-label")
    assert [example.label for example in examples] == [("a", "b"), ()]
    assert task.main_metric == "micro_f1"
    floats = write("c.jsonl", lines({"text": "x", "label": 1.0}))
    assert read(floats, kind="classification")[1][0].label == "1"


def test_words_and_tags(write: Write) -> None:
    rows: list[dict[str, Any]] = [
        {"tokens": ["EU", "won"], "ner_tags": ["I-ORG", "O"]},
        {"tokens": ["x"], "ner_tags": None},
    ]
    task, (first, second) = read(write("a.jsonl", lines(*rows)))
    assert (first.texts, first.spans) == (("EU won",), ((0, 2), (3, 6)))
    assert (first.label, second.label) == (("B-ORG", "O"), None)
    assert (task.head, task.main_metric) == ("token-classification", "f1")
    scores = task.score([first], [Prediction("0", ["B-ORG", "O"])])
    assert scores["f1"] == 1


def test_conll_files(write: Write) -> None:
    text = "EU NNP B-ORG\nwon VBD O\n"
    assert read(write("a.conll", text))[1][0].label == ("B-ORG", "O")
    task, (example,) = read(write("a.txt", text), kind="token-classification", tag="1")
    assert (example.label, task.metrics) == (("NNP", "VBD"), ("accuracy",))
    universal = "1\tYes\tyes\tINTJ\tUH\t_\t_\t_\t_\t_\n"
    assert read(write("a.conllu", universal), tag="xpos")[1][0].label == ("UH",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "question,choice0,choice1,answer\nWhich?,red,blue,1\n"),
        ("a.csv", "question,option_a,option_b,answer\nWhich?,red,blue,b\n"),
        ("a.jsonl", lines({"question": "Which?", "choices": ["red", "blue"], "answer": "blue"})),
        ("a.jsonl", lines({"question": "Which?", "endings": ["red", "blue"], "label": 1})),
    ],
)
def test_multiple_choice(write: Write, name: str, text: str) -> None:
    task, (example,) = read(write(name, text))
    assert (example.texts, example.label) == (("Which?", "red", "blue"), "B")
    assert task.head == "multiple-choice"
    assert task.score([example], [Prediction("0", "B")]) == {"accuracy": 1}


def test_choices_with_a_passage(write: Write) -> None:
    text = "passage,question,one,two,answer\nA story.,It is _.,red,blue,A\nA story.,Which?,x,y,\n"
    _, examples = read(write("a.csv", text), kind="multiple-choice", choices="one, two")
    assert [(e.texts, e.label) for e in examples] == [
        (("A story.", "It is red.", "It is blue."), "A"),
        (("A story.", "Which? x", "Which? y"), None),
    ]
    lists = write("a.jsonl", lines({"question": "q", "answers": ["x", "y"], "label": 0}))
    assert read(lists, choices="answers")[1][0].texts == ("q", "x", "y")


def test_questions(write: Write) -> None:
    def squad(*answers: dict[str, Any]) -> str:
        question = {"id": "q", "question": "Who?", "answers": list(answers)}
        return json.dumps({"data": [{"paragraphs": [{"context": "A cat.", "qas": [question]}]}]})

    task, (example,) = read(write("a.json", squad({"text": "cat", "answer_start": 2})))
    assert (task.name, task.head, task.metrics) == (
        "own",
        "question-answering",
        ("f1", "exact_match"),
    )
    assert example.texts == ("Who?", "A cat.")
    assert read(write("a.json", squad()))[0].metrics == ("f1", "exact")


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        (
            "a.csv",
            "text,kind\nx,y\n",
            {},
            r"a\.csv:1 has no column of labels among text, kind; .*--label",
        ),
        (
            "a.csv",
            "a,b,label\nx,y,z\n",
            {},
            r"a\.csv:1 has no column 'text' or .* columns are a, b, label",
        ),
        ("a.csv", "text,label\nx,z\n", {"label": "sort"}, r"has no column 'sort'"),
        ("a.csv", "text,label\n", {}, "holds no examples"),
        ("a.tsv", "text\tlabel\nx\ty\tz\n", {}, r"a\.tsv:2 does not have 2 cells"),
        ("a.csv", "text,label\nx,good\n", {"kind": "regression"}, r"a\.csv:2 has the value 'good'"),
        ("a.jsonl", lines({"text": None, "label": 1}), {}, r"a\.jsonl:1 has no 'text'; fill it in"),
        ("a.jsonl", lines({"text": "x", "label": {}}), {}, r"a\.jsonl:1 has the label \{\}"),
        (
            "a.jsonl",
            lines({"text": "x", "label": 0.5}),
            {"kind": "classification"},
            "the label 0.5",
        ),
        (
            "a.jsonl",
            lines({"text": "x", "label": 3}),
            {"kind": "multi-label"},
            "they must be a list",
        ),
        (
            "a.jsonl",
            lines({"words": "x", "tags": []}),
            {},
            "has the words 'x'; they must be a list",
        ),
        ("a.jsonl", lines({"words": ["x"], "tags": []}), {}, "has 1 words and the tags"),
        ("a.jsonl", lines({"question": "q", "choices": ["x"]}), {}, "it needs two or more"),
        (
            "a.csv",
            "question,choice0,choice1,answer\nq,x,y,C\n",
            {},
            "has the answer 'C'; it must be A to B, 0",
        ),
        ("a.csv", "id,text,label\n1,x,y\n1,z,y\n", {}, r"a\.csv:3 has the id '1' of .*a\.csv:2"),
    ],
)
def test_bad_files(
    write: Write, name: str, text: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read(write(name, text), **options)


def test_a_column_of_tags_that_is_no_number(write: Write) -> None:
    with pytest.raises(ValueError, match=r"the tag's column is 'upos'; .* must be a number"):
        read(write("a.conll", "EU B-ORG\n"), tag="upos")


def test_an_unknown_kind() -> None:
    with pytest.raises(ValueError, match=r"kind='regress' is not allowed.* mean 'regression'"):
        OwnData(kind="regress")
