"""Multiple choice: transformers' model, Google's rules for long texts and for blanks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from albertlm import pipeline
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.pipelines.multiple_choice import MultipleChoice

CONTEXT = "The old fisherman walked to the river."
QUESTION = "Who walked to the river?"
CHOICES = ["the doctor", "a young model", "the fisherman", "Nobody"]
INPUT = {"context": CONTEXT, "question": QUESTION, "choices": CHOICES}


@pytest.fixture(scope="module")
def folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForMultipleChoice")


@pytest.fixture(scope="module")
def choose(folder: Path) -> MultipleChoice:
    return pipeline("multiple-choice", folder)


@pytest.fixture
def read(choose: MultipleChoice, monkeypatch: pytest.MonkeyPatch) -> list[TokenizedText]:
    """The rows that the engine reads."""
    rows: list[TokenizedText] = []
    states = choose.engine.states

    def spy(texts: list[TokenizedText], *options: Any) -> Any:
        rows.extend(texts)
        return states(texts, *options)

    monkeypatch.setattr(choose.engine, "states", spy)
    return rows


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_probabilities_are_those_of_transformers(engine: str, folder: Path) -> None:
    choose = pipeline("multiple-choice", folder, engine=engine, dtype="float32")
    model = transformers.AlbertForMultipleChoice.from_pretrained(folder).eval()
    encoded = choose.tokenizer(
        [CONTEXT] * 4, [f"{QUESTION} {each}" for each in CHOICES], padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        logits = model(**{name: rows[None] for name, rows in encoded.items()}).logits[0]
    expected = logits.softmax(0).tolist()
    found = choose(INPUT)
    assert [each["score"] for each in found] == sorted(
        (each["score"] for each in found), reverse=True
    )
    for each in found:
        assert each["choice"] == CHOICES[each["index"]]
        assert each["score"] == pytest.approx(expected[each["index"]], abs=1e-5)
    assert sorted(each["index"] for each in found) == [0, 1, 2, 3]


def second_texts(choose: MultipleChoice, rows: list[TokenizedText]) -> set[str]:
    """What follows the context in rows."""
    tokenizer = choose.tokenizer
    return {tokenizer.decode(row.input_ids[row.token_type_ids.index(1) : -1]) for row in rows}


def test_every_blank_is_filled(choose: MultipleChoice, read: list[TokenizedText]) -> None:
    choose({"context": CONTEXT, "question": "_ and _ left.", "choices": ["She", "Nobody"]})
    assert second_texts(choose, read) == {"she and she left.", "nobody and nobody left."}


def test_a_choice_may_continue_the_context(
    choose: MultipleChoice, read: list[TokenizedText]
) -> None:
    choose({"context": CONTEXT, "choices": ["She left.", "Nobody left_."]})
    assert len(second_texts(choose, read)) == 2
    assert "she left." in second_texts(choose, read)


def test_long_texts(choose: MultipleChoice, read: list[TokenizedText]) -> None:
    """The beginning of the context, the same for all choices, and the end of a choice."""
    context, long = "The river walked. " * 40, "She painted the island in winter. " * 9
    with pytest.warns(UserWarning, match="1 of 1 contexts are longer than 61 tokens; their end"):
        found = choose({"context": context, "question": "Who?", "choices": ["She", long]})
    assert len(found) == 2
    firsts = [row.input_ids[: row.token_type_ids.index(1)] for row in read]
    assert firsts[0] == firsts[1]
    assert firsts[0][1:-1] == choose.tokenizer.encode(context, add_special_tokens=False)[:31]
    longest = max(read, key=lambda row: len(row.input_ids))
    assert len(longest.input_ids) == 64
    second = choose.tokenizer.encode(f"Who? {long}", add_special_tokens=False)
    assert longest.input_ids[-31:-1] == second[-30:]
    read.clear()
    inputs = {"context": context, "question": "Who?", "choices": ["She", long]}
    with pytest.warns(UserWarning, match="1 of 1 contexts are longer"):
        choose(inputs, equal_contexts=False)
    assert [len(row.input_ids) for row in read] == [64, 64]


def test_many_inputs(choose: MultipleChoice) -> None:
    """As alone, in any order and batch."""
    other = {"context": "She sold 12 pictures.", "choices": ["a", "b"], "id": "7"}
    alone = [choose(INPUT), choose(other)]
    for order in ([0, 1], [1, 0]):
        found = choose(([INPUT, other][at] for at in order), batch_size=3)
        for at, each in zip(order, found, strict=True):
            assert [one["index"] for one in each] == [one["index"] for one in alone[at]]
            np.testing.assert_allclose(
                [one["score"] for one in each], [one["score"] for one in alone[at]], atol=1e-6
            )
    assert choose([]) == []


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"context": "", "choices": CHOICES}, "input 1 has an empty context"),
        ([INPUT, {"choices": CHOICES}], "input 2 has no context"),
        ({**INPUT, "question": " "}, "input 1 has an empty question"),
        ({**INPUT, "choices": "abc"}, "input 1 has the choices 'abc'; give two or more in a list"),
        ({**INPUT, "choices": ["a"], "id": "x"}, "the input 'x' has the choices .*; give two or"),
        ({"context": CONTEXT}, "input 1 has the choices None"),
        ({**INPUT, "choices": ["a", ""]}, "input 1 has the choice ''; give one with words"),
        ({**INPUT, "answers": ["a"]}, "input 1 has an unknown key 'answers'; the keys are context"),
        (["a"], "input 1 is 'a'; give a mapping with 'context'"),
        (5, "give a mapping, such as"),
    ],
)
def test_bad_input(inputs: Any, said: str, choose: MultipleChoice) -> None:
    with pytest.raises(ValueError, match=said):
        choose(inputs)


def test_the_head_of_another_task_is_refused(
    fine_tuned: Callable[..., Path], tiny_folder: Path
) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", ["a", "b"])
    with pytest.raises(ValueError, match="is that of an AlbertForSequenceClassification; use a"):
        pipeline("multiple-choice", folder)
    with pytest.raises(ValueError, match=r"no trained classifier\.weight"):
        pipeline("multiple-choice", tiny_folder)
