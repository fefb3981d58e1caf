"""The commands that classify, against the pipelines that they stand for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Run

from albertlm import pipeline
from albertlm.cli.classification import text_classification

TEXTS = ["The old fisherman walked to the river.", "She sold 12 pictures."]


@pytest.fixture(scope="module")
def texts_folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForSequenceClassification", ["contradiction", "neutral", "entailment"])


@pytest.fixture(scope="module")
def words_folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForTokenClassification", ["O", "B-PER", "I-PER"])


@pytest.mark.parametrize("options", [(), ("--top-k", 2), ("--all", "--function", "sigmoid")])
def test_text_classification(options: tuple[object, ...], run: Run, texts_folder: Path) -> None:
    command = ("text-classification", *TEXTS, "-m", texts_folder, *options)
    top_k = {0: 1, 2: 2, 3: None}[len(options)]
    function: Any = "sigmoid" if "--all" in options else None
    expected = pipeline("text-classification", texts_folder)(
        TEXTS, top_k=top_k, function_to_apply=function
    )
    code, out, err = run(*command, "--json")
    assert (code, err, json.loads(out)) == (0, "", expected)
    table = run(*command).out
    for text, labels in zip(TEXTS, expected, strict=True):
        assert text in table
        assert all(f"{each['score']:.4f}" in table for each in labels)


def test_pairs_of_a_file(run: Run, texts_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs").write_text("\t".join(TEXTS) + "\n")
    command = ("text-classification", "--file", tmp_path / "pairs", "--pairs", "-m", texts_folder)
    classify = pipeline("text-classification", texts_folder)
    expected = classify([{"text": TEXTS[0], "text_pair": TEXTS[1]}])
    assert json.loads(run(*command, "--json").out) == expected
    (tmp_path / "pairs").write_text(TEXTS[0])
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert "is not a pair; write two texts with one tab between them" in err


def test_zero_shot_classification(run: Run, texts_folder: Path) -> None:
    command = ("zero-shot-classification", *TEXTS, "-m", texts_folder, "--labels", "river,island")
    options = ("--template", "It is {}.", "--multi-label")
    expected = pipeline("zero-shot-classification", texts_folder)(
        TEXTS, ["river", "island"], hypothesis_template="It is {}.", multi_label=True
    )
    code, out, err = run(*command, *options, "--json")
    assert (code, err, json.loads(out)) == (0, "", expected)
    assert "island" in run(*command).out


@pytest.mark.parametrize("strategy", ["first", "none"])
def test_token_classification(strategy: str, run: Run, words_folder: Path) -> None:
    command = ("token-classification", *TEXTS, "-m", words_folder, "--strategy", strategy)
    find = pipeline("token-classification", words_folder, aggregation_strategy=strategy)
    expected = find(TEXTS)
    code, out, err = run(*command, "--json")
    assert (code, err, json.loads(out)) == (0, "", expected)
    table = run(*command).out
    assert all(f"{each['score']:.4f}" in table for entities in expected for each in entities)
    assert "PER" in table


@pytest.mark.parametrize(
    "command",
    [("text-classification",), ("zero-shot-classification", "--labels", "a,b")],
    ids=lambda command: str(command[0]),
)
def test_batches_of_one(command: tuple[str, ...], run: Run, texts_folder: Path) -> None:
    """Which are no reason to compute in one thread."""
    alone = run(*command, *TEXTS, "-m", texts_folder, "--batch-size", 1)
    assert alone.code == 0
    assert alone.out == run(*command, *TEXTS, "-m", texts_folder).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("text-classification", "a"), "no trained classifier.weight, classifier.bias; use a"),
        (("text-classification",), "there is no text; give one, such as"),
        (("token-classification", "a", "-m", "{}", "--strategy", "last"), "must be one of none"),
        (("zero-shot-classification", "a", "--labels", "b", "-m", "{}"), "is that of an AlbertFor"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], said: str, run: Run, words_folder: Path) -> None:
    code, out, err = run(*(each.format(words_folder) for each in arguments))
    assert (code, out) == (2, "")
    assert said in err


def test_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no text; give one, such as"):
        text_classification([])
