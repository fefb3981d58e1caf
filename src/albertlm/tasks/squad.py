"""SQuAD: reading of its JSON, the comparison of answers, and the official scores of version 1.1."""

from __future__ import annotations

import re
import string
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albertlm.tasks.rows import read_json
from albertlm.tasks.task import (
    DEFAULTS,
    Example,
    Prediction,
    Scores,
    ScoringOptions,
    Task,
    check_examples,
)

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class GoldAnswer:
    """An answer of a question: its text, and where it starts in the context, in characters."""

    text: str
    start: int


Question = Example[tuple[GoldAnswer, ...]]
"""`texts` are the question and the context, `group` is the title of the article."""


def read_squad(path: str | Path) -> list[Question]:
    """The questions of a file in SQuAD's format, version 1.1 or 2.0, compressed or not.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file has another format, a question or context is empty, or an answer is
            not where the file says; the message names the question.
    """
    return _parsed(path, read_json(path))


def _parsed(path: str | Path, content: Any) -> list[Question]:
    try:
        return check_examples(list(_questions(path, content)), path)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} does not have the format of SQuAD ({type(error).__name__}: {error}); rows of "
            "other tasks belong into a .jsonl file, one object on each line"
        ) from None


def _questions(path: str | Path, content: Mapping[str, Any]) -> Iterator[Question]:
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            for each in paragraph["qas"]:
                where = f"{path}: question {each['id']}"
                question = each["question"]
                if not question.strip() or not context.strip():
                    empty = "context" if question.strip() else "question"
                    raise ValueError(f"{where} has an empty {empty}; fill or remove it")
                answers = each.get("answers")
                label = None if answers is None else tuple(_answers(answers, context, where))
                yield Example(
                    str(each["id"]), (question, context), label, where, article.get("title", "")
                )


def _answers(
    answers: Sequence[Mapping[str, Any]], context: str, where: str
) -> Iterator[GoldAnswer]:
    for answer in answers:
        text, start = answer["text"], answer["answer_start"]
        if start < 0 or not context.startswith(text, start):
            at = context.find(text)
            told = "does not contain" if at < 0 else f"contains at character {at}, not {start},"
            raise ValueError(f"{where}: its context {told} the answer {text!r}")
        yield GoldAnswer(text, start)


def read_squad1(path: str | Path) -> list[Question]:
    """`read_squad`, for questions that all have an answer; another version than 1.1 is warned of.

    Raises:
        ValueError: a question has no answer.
    """
    content = read_json(path)
    questions = _parsed(path, content)
    version = content.get("version")
    if version != "1.1":
        warnings.warn(f"{path} has the version {version!r}; 1.1 was expected", stacklevel=2)
    for question in questions:
        if question.label == ():
            raise ValueError(f"{question.where} has no answer; such data belongs to squad2")
    return questions


def normalized(answer: str) -> str:
    """An answer as the official scripts compare it.

    Lower case, then without ASCII punctuation, then without English articles, then with single
    spaces.
    """
    text = answer.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def exact(prediction: str, gold: str) -> int:
    """Whether two answers are equal once normalised, as 1 or 0."""
    return int(normalized(prediction) == normalized(gold))


def f1_of_words(prediction: str, gold: str) -> float:
    """F1 of the words of two normalised answers, 0 if they share none, as version 1.1 has it."""
    predicted, right = normalized(prediction).split(), normalized(gold).split()
    same = sum((Counter(predicted) & Counter(right)).values())
    if not same:
        return 0.0
    precision, recall = same / len(predicted), same / len(right)
    return (2 * precision * recall) / (precision + recall)


def answers_by_id(predictions: Sequence[Prediction]) -> dict[str, str]:
    """The answers of predictions by the ids of their questions.

    Raises:
        ValueError: a prediction is not a text.
    """
    for each in predictions:
        if not isinstance(each.value, str):
            raise ValueError(f"{each.where} has the answer {each.value!r}; it must be a text")
    return {each.id: each.value for each in predictions}


def tell_missing(missing: Sequence[str], total: int, what: str, *, strict: bool) -> None:
    """Warn of ids without a prediction.

    Raises:
        ValueError: there are some, and either `strict` is set or there is nothing else.
    """
    if not missing:
        return
    told = f"{len(missing):,} of {total:,} questions have no {what}, the first is {missing[0]!r}"
    if strict or len(missing) == total:
        raise ValueError(f"{told}; the ids must be those of the data")
    warnings.warn(told, stacklevel=3)


def gold_texts(question: Question) -> list[str]:
    """The texts of all gold answers.

    Raises:
        ValueError: the file does not say what the answers are.
    """
    if question.label is None:
        raise ValueError(f"{question.where} has no gold answers; name a file that has them")
    return [answer.text for answer in question.label]


def score_squad1(
    questions: Sequence[Question],
    predictions: Sequence[Prediction],
    options: ScoringOptions = DEFAULTS,
) -> Scores:
    """The scores of the official script of version 1.1, in percent.

    A question without a prediction counts as wrong, and ids that the data does not have are
    ignored. Where two answers are both empty once normalised ("a" and "the"), the exact match is
    1 and F1 is 0.

    Raises:
        ValueError: an id is missing and `options.strict` is set, or all are.

    Source: evaluate-v1.1.py of SQuAD.
    """
    answers = answers_by_id(predictions)
    missing = [question.id for question in questions if question.id not in answers]
    tell_missing(missing, len(questions), "prediction", strict=options.strict)
    matches = f1 = 0.0
    for question in questions:
        if question.id in answers:
            golds = gold_texts(question)
            matches += max(exact(answers[question.id], gold) for gold in golds)
            f1 += max(f1_of_words(answers[question.id], gold) for gold in golds)
    total = len(questions)
    return {"exact_match": 100.0 * matches / total, "f1": 100.0 * f1 / total}


SQUAD1 = Task(
    name="squad1",
    head="question-answering",
    read=read_squad1,
    score=score_squad1,
    metrics=("f1", "exact_match"),
    main_metric="f1",
    splits={"train": ("train-v1.1.json",), "dev": ("dev-v1.1.json",)},
)
