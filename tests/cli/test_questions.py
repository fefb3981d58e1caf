"""`question-answering` and `multiple-choice` against the pipelines that they stand for."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Run

from albertlm import pipeline
from albertlm.cli.questions import question_answering

CONTEXT = "The old fisherman walked to the river.\nShe sold 12 pictures of the boats at night. " * 3
QUESTIONS = ["Who walked?", "Where?"]


@pytest.fixture(scope="module")
def answering(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForQuestionAnswering")


@pytest.fixture(scope="module")
def choosing(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForMultipleChoice")


def test_one_answer(run: Run, answering: Path) -> None:
    command = ("question-answering", *QUESTIONS, "--context", CONTEXT, "-m", answering)
    answer = pipeline("question-answering", answering)
    expected = answer([{"question": each, "context": CONTEXT} for each in QUESTIONS])
    code, out, err = run(*command, "--json")
    assert (code, err, json.loads(out)) == (0, "", [[each] for each in expected])
    table = run(*command).out
    assert all(question in table for question in QUESTIONS)
    assert all(f"{each['score']:.4f}" in table for each in expected)


def test_several_answers_of_a_file(
    run: Run, answering: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "context").write_text(CONTEXT)
    options = ("--top-k", 3, "--handle-impossible-answer", "--overlap", 5, "-m", answering)
    command = ("question-answering", QUESTIONS[0], *options, "--json")
    expected = pipeline("question-answering", answering)(
        question=QUESTIONS[0],
        context=CONTEXT,
        top_k=3,
        handle_impossible_answer=True,
        overlap=5,
    )
    assert json.loads(run(*command, "--file", tmp_path / "context").out) == [expected]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONTEXT.encode())))
    assert json.loads(run(*command, "--file", "-").out) == [expected]


def test_no_answer(run: Run, answering: Path) -> None:
    table = run("question-answering", "Who?", "--context", "\u200b", "-m", answering).out
    assert "(none)" in table


@pytest.mark.parametrize("options", [(), ("--question", "Who walked?")])
def test_multiple_choice(options: tuple[str, ...], run: Run, choosing: Path) -> None:
    choices = ["She left.", "Nobody left."]
    command = ("multiple-choice", *choices, "--context", "A river.", *options, "-m", choosing)
    inputs = {"context": "A river.", "choices": choices} | dict(
        [("question", options[1])] if options else []
    )
    expected = pipeline("multiple-choice", choosing)(inputs)
    code, out, err = run(*command, "--json")
    assert (code, err, json.loads(out)) == (0, "", expected)
    table = run(*command).out
    assert all(f"{each['score']:.4f}" in table for each in expected)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("question-answering", "Who?", "--context", "a"), "no trained qa_outputs.weight"),
        (("question-answering", "Who?"), "give the context as --context TEXT or --file PATH"),
        (("multiple-choice", "a", "b", "--context", "a", "--file", "x"), "one of the two"),
        (
            ("question-answering", " ", "--context", "a", "-m", "{}"),
            "input 1 has an empty question",
        ),
        (
            ("question-answering", "Who?", "--context", "a", "--shift", "1", "--overlap", "1"),
            "no trained",
        ),
    ],
)
def test_bad_input(arguments: tuple[str, ...], said: str, run: Run, answering: Path) -> None:
    code, out, err = run(*(each.format(answering) for each in arguments))
    assert (code, out) == (2, "")
    assert said in err


def test_a_context_is_needed() -> None:
    with pytest.raises(ValueError, match="give the context as --context TEXT or --file PATH"):
        question_answering(["Who?"])
