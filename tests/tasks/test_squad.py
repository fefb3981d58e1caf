"""SQuAD's files are read, and version 1.1 is scored as by its official script."""

import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from albertlm.tasks.squad import (
    SQUAD1,
    GoldAnswer,
    exact,
    f1_of_words,
    normalized,
    read_squad,
    read_squad1,
    score_squad1,
)
from albertlm.tasks.task import Example, Prediction, ScoringOptions

Write = Callable[[str, str], Path]
CONTEXT = "The cat sat on a mat."


def content(*questions: dict[str, Any], context: str = CONTEXT, version: str = "1.1") -> str:
    """A file in SQuAD's format."""
    paragraphs = [{"context": context, "qas": list(questions)}]
    return json.dumps({"version": version, "data": [{"title": "Cats", "paragraphs": paragraphs}]})


def asked(id_: str, *answers: tuple[str, int], question: str = "Who?") -> dict[str, Any]:
    return {
        "id": id_,
        "question": question,
        "answers": [{"text": text, "answer_start": start} for text, start in answers],
    }


def example(id_: str, *answers: str) -> Example[tuple[GoldAnswer, ...]]:
    return Example(id_, ("Who?", CONTEXT), tuple(GoldAnswer(text, 0) for text in answers), id_)


def predicted(**answers: Any) -> list[Prediction]:
    return [Prediction(id_, text, where=f"p.json: {id_}") for id_, text in answers.items()]


def test_questions_are_read(write: Write, tmp_path: Path) -> None:
    text = content(asked("q1", ("cat", 4), ("The cat", 0)))
    path = write("dev-v1.1.json", text)
    (question,) = SQUAD1.read(path)
    assert question.texts == ("Who?", CONTEXT)
    assert question.label == (GoldAnswer("cat", 4), GoldAnswer("The cat", 0))
    assert (question.id, question.group) == ("q1", "Cats")
    compressed = tmp_path / "dev.json.xz"
    compressed.write_bytes(lzma.compress(text.encode()))
    assert read_squad(compressed)[0].texts == question.texts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            content(asked("q1", ("dog", 4))),
            "question q1: its context does not contain the .* 'dog'",
        ),
        (
            content(asked("q1", ("cat", 5))),
            "question q1: its context contains at character 4, not 5",
        ),
        (content(asked("q1", ("cat", -17))), "at character 4, not -17"),
        (content(asked("q1", ("cat", 4), question=" ")), "question q1 has an empty question"),
        (content(asked("q1"), context=""), "question q1 has an empty context"),
        (content(asked("q1", ("cat", 4)), asked("q1", ("cat", 4))), "has the id 'q1' of"),
        (content(asked("q1")), "question q1 has no answer; such data belongs to squad2"),
        (content(), "holds no examples"),
        ('{"version": "1.1"}', "does not have the format of SQuAD .KeyError: 'data'"),
        ("[]", "does not have the format of SQuAD"),
    ],
)
def test_bad_files(write: Write, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_squad1(write("a.json", text))


def test_another_version_is_only_told(write: Write) -> None:
    path = write("a.json", content(asked("q1", ("cat", 4)), version="2"))
    with pytest.warns(UserWarning, match="has the version '2'; 1.1 was expected"):
        assert len(read_squad1(path)) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("O'Brien-Smith the 2nd", "obriensmith 2nd"),
        ("The  Theatre, an a!", "theatre"),
        ("“quoted” – dash", "“quoted” – dash"),
        ("a", ""),
        ("A.B. and the-end", "ab and theend"),
    ],
)
def test_answers_are_normalised(answer: str, expected: str) -> None:
    assert normalized(answer) == expected


def test_answers_that_are_empty_once_normalised_match_but_have_no_f1() -> None:
    assert (exact("a", "the"), f1_of_words("a", "the")) == (1, 0.0)
    assert score_squad1([example("q", "the")], predicted(q="a")) == {"exact_match": 100, "f1": 0}


def test_the_best_gold_answer_counts() -> None:
    golds = example("q", "black cat", "big black cat here")
    scores = score_squad1([golds], predicted(q="a big black cat"))
    # 3 words, of which 3 are among 4: precision 1, recall 3 / 4
    assert scores == pytest.approx({"exact_match": 0, "f1": 100 * 6 / 7})
    assert list(scores) == ["exact_match", "f1"]


def test_missing_answers_count_as_wrong_and_others_are_ignored() -> None:
    questions = [example(id_, "cat") for id_ in ("q1", "q2", "q3")]
    answers = predicted(q1="cat", q2="dog", other="cat")
    with pytest.warns(UserWarning, match="1 of 3 questions have no prediction, the first is 'q3'"):
        scores = score_squad1(questions, answers)
    assert scores == pytest.approx({"exact_match": 100 / 3, "f1": 100 / 3})
    with pytest.raises(ValueError, match="1 of 3 questions have no prediction"):
        score_squad1(questions, answers, ScoringOptions(strict=True))
    with pytest.raises(ValueError, match="3 of 3 questions have no prediction"):
        score_squad1(questions, predicted(other="cat"))


def test_bad_predictions_and_missing_golds() -> None:
    with pytest.raises(ValueError, match=r"p\.json: q has the answer 3; it must be a text"):
        score_squad1([example("q", "cat")], predicted(q=3))
    with pytest.raises(ValueError, match="q has no gold answers"):
        score_squad1([Example("q", ("Who?", "x"), None, "q")], predicted(q="cat"))


def test_the_real_dev_set(shared_data: Path) -> None:
    questions = SQUAD1.read(SQUAD1.find(shared_data / "squad", "dev"))
    assert len(questions) == 10_570
    empty = [q for q in questions if any(not normalized(each.text) for each in q.label or ())]
    assert len(empty) == 3
    scores = score_squad1(
        questions, [Prediction(q.id, q.label[0].text) for q in questions if q.label]
    )
    assert scores["exact_match"] == 100
