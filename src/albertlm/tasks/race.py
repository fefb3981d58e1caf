"""RACE: multiple-choice questions on passages, of middle and of high schools."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from albertlm.tasks import scores
from albertlm.tasks.classification import named
from albertlm.tasks.rows import read_text
from albertlm.tasks.task import (
    DEFAULTS,
    Example,
    Prediction,
    Scores,
    ScoringOptions,
    Task,
    check_examples,
)

LETTERS = ("A", "B", "C", "D")
LEVELS = ("middle", "high")
BLANK = "_"


def clean(text: str) -> str:
    """A text with single spaces and in compatibility form, in which every kind of `_` is one."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def fill_in(question: str, option: str) -> str:
    """What follows the passage: the question with the option in every blank, or after it.

    Both are cleaned texts.

    Source: race_utils.py of google-research/albert.
    """
    return question.replace(BLANK, option) if BLANK in question else f"{question} {option}"


def read_race(path: str | Path) -> list[Example[str]]:
    """The questions of a split, a level or a file.

    Args:
        path: a folder in which, at any depth, each `.txt` file holds one passage as JSON, or an
            `all.txt` one on each line; such a file; or one that ends in `.jsonl`, which may have
            one question on each line, as the rows of the hub's data set.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file has another format, or there are no questions.
    """
    path = Path(path)
    files = _files(path) if path.is_dir() else [path]
    return check_examples([example for file in files for example in _questions(file)], path)


def _files(folder: Path) -> list[Path]:
    """The files below a folder, `middle` before `high`; an `all.txt` replaces its neighbours."""
    found = sorted(folder.rglob("*.txt"))
    joined = {file.parent for file in found if file.name == "all.txt"}
    kept = [file for file in found if file.parent not in joined or file.name == "all.txt"]
    return sorted(kept, key=lambda file: (file.parent.name != LEVELS[0], file))


def _questions(file: Path) -> Iterator[Example[str]]:
    text = read_text(file)
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            yield from _of_passage(json.loads(line), file, where)
        except json.JSONDecodeError as error:
            raise ValueError(f"{where} is not a passage as JSON ({error.msg})") from None
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            raise ValueError(
                f"{where} does not have the format of RACE ({type(error).__name__}: {error})"
            ) from None


def _of_passage(passage: Mapping[str, Any], file: Path, where: str) -> Iterator[Example[str]]:
    line = where.rpartition(":")[2]
    if "question" in passage:  # a row of the hub's data set
        singular = {f"{key}s": [passage[key]] for key in ("question", "answer")}
        of_row = {"id": f"{passage['example_id']}-{line}", "options": [passage["options"]]}
        passage = {"article": passage["article"], **singular, **of_row}
    name = str(passage.get("id") or f"{file.stem}-{line}")
    level = next((each for each in LEVELS if each == file.parent.name or each in name), "")
    article = clean(passage["article"])
    answers = passage.get("answers") or [None] * len(passage["questions"])
    lengths = {len(each) for each in (passage["questions"], passage["options"], answers)}
    if len(lengths) > 1:
        raise ValueError(f"{where} has different numbers of questions, options and answers")
    rows = zip(passage["questions"], passage["options"], answers, strict=True)
    for place, (question, options, answer) in enumerate(rows):
        if len(options) != len(LETTERS):
            raise ValueError(f"{where}: question {place} has {len(options)} options, not 4")
        if answer not in (*LETTERS, None):
            raise ValueError(f"{where}: question {place} has the answer {answer!r}, not A to D")
        choices = (fill_in(clean(question), clean(option)) for option in options)
        yield Example(f"{name}-{place}", (article, *choices), answer, where, level)


def score_choices(
    examples: Sequence[Example[str]],
    predictions: Sequence[Prediction],
    _: ScoringOptions = DEFAULTS,
) -> Scores:
    """The accuracy of all questions, and of those of middle and of high schools, if they are such.

    Raises:
        ValueError: an id is missing or unknown, or a prediction is not the letter of a choice.
    """
    letters = ascii_uppercase[: max(len(example.texts) - 1 for example in examples)]
    codes = {str(index): letter for index, letter in enumerate(letters)}
    gold, predicted = named(examples, predictions, letters, codes)
    found = {"accuracy": scores.accuracy(gold, predicted)}
    for level in LEVELS:
        at = [place for place, example in enumerate(examples) if example.group == level]
        if at:
            found[level] = scores.accuracy([gold[i] for i in at], [predicted[i] for i in at])
    return found


RACE = Task(
    name="race",
    head="multiple-choice",
    labels=LETTERS,
    read=read_race,
    score=score_choices,
    metrics=("accuracy", "middle", "high"),
    main_metric="accuracy",
    splits={"train": ("train",), "dev": ("dev",), "test": ("test",)},
)
