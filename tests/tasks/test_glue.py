"""The files of GLUE are read in their official formats, and scored by its metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from albertlm.tasks.glue import AX, COLA, MNLI, TASKS, glue_score
from albertlm.tasks.task import Prediction, ScoringOptions

Write = Callable[[str, str], Path]
BY_NAME = {task.name: task for task in TASKS}

OFFICIAL = {
    "cola": ('gj04\t1\t\tShe "left\n', ('She "left',), "acceptable"),
    "sst2": ("sentence\tlabel\na fine film \t0\n", ("a fine film ",), "negative"),
    "mrpc": (
        "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tone\ttwo\n",
        ("one", "two"),
        "equivalent",
    ),
    "qqp": (
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n5\t1\t2\tWhy?\tHow?\t0\n",
        ("Why?", "How?"),
        "not_duplicate",
    ),
    "qnli": (
        "index\tquestion\tsentence\tlabel\n0\tWhy?\tSo.\tnot_entailment\n",
        ("Why?", "So."),
        "not_entailment",
    ),
    "rte": (
        "index\tsentence1\tsentence2\tlabel\n0\tone\ttwo\tentailment\n",
        ("one", "two"),
        "entailment",
    ),
    "wnli": ("index\tsentence1\tsentence2\tlabel\n0\tone\ttwo\t1\n", ("one", "two"), "entailment"),
    "stsb": (
        (
            "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
            "0\tnews\tx\t2012\t1\tnone\tnone\tone\ttwo\t3.800\n"
        ),
        ("one", "two"),
        3.8,
    ),
    "mnli": (
        (
            "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\t"
            "sentence1_parse\tsentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n"
            "0\t1\t1n\tfiction\t( 1 )\t( 2 )\t(1)\t(2)\tone\ttwo\tneutral\tneutral\n"
        ),
        ("one", "two"),
        "neutral",
    ),
}


@pytest.mark.parametrize("name", BY_NAME)
def test_official_files(name: str, write: Write) -> None:
    text, texts, label = OFFICIAL[name]
    (example,) = BY_NAME[name].read(write("dev.tsv", text))
    assert (example.id, example.texts, example.label) == ("0", texts, label)


def test_the_test_file_of_cola_has_a_header(write: Write) -> None:
    (example,) = COLA.read(write("test.tsv", "index\tsentence\n4\tShe left.\n"))
    assert (example.id, example.texts, example.label) == ("4", ("She left.",), None)


def test_the_other_files_of_mnli(write: Write) -> None:
    (example,) = MNLI.read(write("mnli_matched.tsv", "entailment\tone\ttwo\n"))
    assert (example.texts, example.label) == (("one", "two"), "entailment")
    found = MNLI.read(
        write(
            "train-kaggle.csv",
            "id,premise,hypothesis,lang_abv,language,label\n"
            'x1,"one, ""1""",two,en,English,0\nx2,un,deux,fr,French,1\nx3,one,two,en,English,2\n',
        )
    )
    assert [(e.id, e.texts[0], e.label) for e in found] == [
        ("x1", 'one, "1"', "entailment"),
        ("x3", "one", "contradiction"),
    ]


@pytest.mark.parametrize(
    ("name", "gold", "predicted", "expected"),
    [
        ("cola", "0\t0\t1\t1", "0\t1\t1\t1", {"matthews": 1 / 3**0.5}),
        ("mrpc", "0\t0\t1\t1", "0\t1\t1\t1", {"accuracy": 0.75, "f1": 0.8}),
        ("sst2", "0\t0\t1\t1", "negative\t1\tPositive\t1", {"accuracy": 0.75}),
        ("stsb", "0\t2\t5\t3", "0\t2\t5\t3", {"pearson": 1, "spearman": 1}),
    ],
)
def test_metrics(
    name: str, gold: str, predicted: str, expected: dict[str, float], write: Write
) -> None:
    header, row = {
        "cola": ("", "x\t{}\t\ttext\n"),
        "mrpc": ("#1 String\t#2 String\tQuality\n", "a\tb\t{}\n"),
        "sst2": ("sentence\tlabel\n", "a\t{}\n"),
        "stsb": ("sentence1\tsentence2\tscore\n", "a\tb\t{}\n"),
    }[name]
    task = BY_NAME[name]
    path = write("dev.tsv", header + "".join(map(row.format, gold.split("\t"))))
    answers = [Prediction(str(i), value) for i, value in enumerate(predicted.split("\t"))]
    scores = task.score(task.read(path), answers)
    assert {metric: scores[metric] for metric in task.metrics} == pytest.approx(expected)
    assert task.main_metric == task.metrics[0]


def test_the_order_of_classes_is_that_of_sorted_labels_in_the_files() -> None:
    assert MNLI.labels == tuple(sorted(MNLI.labels or ()))
    assert {task.name: task.labels for task in TASKS}["rte"] == ("entailment", "not_entailment")
    assert COLA.labels == ("unacceptable", "acceptable")  # 0 and 1


def test_the_three_classes_of_mnli_are_two_of_rte(write: Write) -> None:
    rte = BY_NAME["rte"]
    rows = "0\ta\tb\tentailment\n1\tc\td\tnot_entailment\n"
    examples = rte.read(write("dev.tsv", f"index\tsentence1\tsentence2\tlabel\n{rows}"))
    probabilities = {"entailment": 0.4, "neutral": 0.35, "contradiction": 0.25}
    made = [
        Prediction("0", "entailment", None, probabilities),
        Prediction("1", "neutral", None, {**probabilities, "neutral": 0.6}),
    ]
    assert rte.score(examples, made) == {"accuracy": 1}
    assert rte.score(examples, made, ScoringOptions(sum_probabilities=True)) == {"accuracy": 0.5}


def test_the_diagnostics(write: Write) -> None:
    (unlabelled,) = AX.read(
        write("AX.tsv", "index\tsentence1\tsentence2\n7\tShe left.\tShe did not leave.\n")
    )
    assert (unlabelled.id, unlabelled.label) == ("7", None)
    header = "Lexical Semantics\tDomain\tPremise\tHypothesis\tLabel\n"
    rows = ["entailment"] * 3 + ["neutral"] * 2 + ["contradiction"]
    examples = AX.read(
        write("diagnostic-full.tsv", header + "".join(f"x\t\ta\tb\t{row}\n" for row in rows))
    )
    predicted = ["entailment"] * 2 + ["neutral"] * 3 + ["contradiction"]
    answers = [Prediction(str(at), value) for at, value in enumerate(predicted)]
    # (right * all - sum of products) / roots, with counts of 3, 2, 1 and of 2, 3, 1
    expected = (5 * 6 - 13) / ((36 - 14) ** 0.5 * (36 - 14) ** 0.5)
    assert AX.score(examples, answers) == pytest.approx({"matthews": expected})


def test_the_score_of_glue() -> None:
    results: dict[str, Any] = {
        "mnli": {"accuracy": 0.8},
        "mnli-mm": {"accuracy": 0.9},
        "mrpc": {"accuracy": 0.7, "f1": 0.9},
        "wnli": {"accuracy": 0.5},
    }
    assert glue_score({"rte": {"accuracy": 0.5}})["glue"] == 0.5
    found = glue_score(results)
    assert found == pytest.approx(
        {"glue": (0.85 + 0.8 + 0.5) / 3, "glue_without_wnli": (0.85 + 0.8) / 2}
    )


def test_real_files(shared_data: Path) -> None:
    folder = shared_data / "glue"
    sst2 = BY_NAME["sst2"]
    dev = sst2.read(sst2.find(folder / "SST-2", "dev"))
    assert (len(dev), dev[0].label) == (872, "negative")
    train = MNLI.read(MNLI.find(folder / "MNLI-subset", "train"))
    assert len(train) == 6870
