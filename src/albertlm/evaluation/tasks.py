"""Score a model on the examples of a task, through the pipelines that serve it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from albertlm import storage
from albertlm.inference.engines.base import Engine
from albertlm.inference.pipelines.multiple_choice import MultipleChoice
from albertlm.inference.pipelines.question_answering import QuestionAnswering
from albertlm.inference.pipelines.text_classification import (
    Function,
    LabelScore,
    TextClassification,
)
from albertlm.inference.pipelines.token_classification import TokenClassification
from albertlm.settings import check
from albertlm.tasks.answers import NBestEntry
from albertlm.tasks.glue import MNLI, RTE
from albertlm.tasks.hans import ENTAILMENT, HANS, NOT_ENTAILED
from albertlm.tasks.labels import order_in_checkpoint, plain
from albertlm.tasks.predictions import write_predictions
from albertlm.tasks.squad_v2 import score_squad2
from albertlm.tasks.tagging import OUTSIDE
from albertlm.tasks.task import (
    DEFAULTS,
    Example,
    Prediction,
    Problem,
    Scores,
    ScoringOptions,
    Task,
    check_texts,
)
from albertlm.tokenization.tokenizer import AlbertTokenizer

THRESHOLD = 0.5
"""The probability from which on a text has a label, if it may have several."""

FUNCTIONS: Mapping[Problem, Function] = {
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
    "regression": "none",
}
"""What makes scores of logits, whatever the configuration of the model says or leaves out."""

NULL_THRESHOLD = 0.0
"""The logarithm of the odds of "no answer" above which a question counts as not answered."""


@dataclass(frozen=True)
class TaskEvaluation:
    """What a model predicts for the examples of a task, and its scores.

    Fields:
        scores: by name, as the task computes them; none if no example has a label.
        predictions: in the order of the examples; that of a question is empty where "no answer" is
            more probable than the best answer, if it may have none.
        answers: for each question, the text of the best answer in any case; None for other tasks.
        n_best: for each question, the candidates for its answer; None for other tasks.
        null_odds: for each question that may have no answer, the logarithm of the odds of that.
    """

    scores: Scores
    predictions: list[Prediction]
    answers: Mapping[str, str] | None = None
    n_best: Mapping[str, list[NBestEntry]] | None = None
    null_odds: Mapping[str, float] | None = None

    def write(self, folder: Path) -> None:
        """Write `predictions.jsonl` and, for answers, the files of Google's code.

        These are `predictions.json`, `nbest_predictions.json` and `null_odds.json`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_predictions(folder / "predictions.jsonl", self.predictions)
        if self.answers is not None and self.n_best is not None:
            _write_as_google(folder / "predictions.json", self.answers)
            _write_as_google(folder / "nbest_predictions.json", self.n_best)
        if self.null_odds is not None:
            _write_as_google(folder / "null_odds.json", self.null_odds)


def evaluate_task(
    engine: Engine,
    tokenizer: AlbertTokenizer,
    task: Task[Any],
    examples: Sequence[Example[Any]],
    *,
    classes: Sequence[str] = (),
    given: Sequence[str] | None = None,
    windows: bool = False,
    equal_contexts: bool = True,
    batch_size: int = 16,
) -> TaskEvaluation:
    """Predict the labels of all examples, and score them if they have labels.

    Args:
        engine: the model.
        tokenizer: the tokenizer of the model.
        task: the task.
        examples: examples that have labels, or of which none has one.
        classes: the names of the classes of the task in order; by default those of the model. They
            are found in the model by name, in whatever order it has them.
        given: the names of the model's classes in order, for one that only has LABEL_0 and so on.
        windows: whether texts with classes that are too long are read in windows, of whose scores
            the mean counts, instead of cut with a warning.
        equal_contexts: as in `MultipleChoice`.
        batch_size: the number of texts in a batch; the scores depend on it by rounding only.

    Raises:
        ValueError: a text is empty, the model has another head or other classes, the head was never
            trained, or it has no use for `windows` or `equal_contexts`.
    """
    check_texts(examples)
    classifies = task.head == "sequence-classification"
    check(classifies or not windows, f"false for {task.name}", windows=windows)
    chooses = task.head == "multiple-choice"
    check(chooses or equal_contexts, f"true for {task.name}", equal_contexts=equal_contexts)
    match task.head:
        case "sequence-classification":
            classify = TextClassification(engine, tokenizer, batch_size=batch_size, windows=windows)
            _check_problem(engine, task)
            names = _names(engine, classes or task.labels or (), given, task)
            predictions = _of_texts(classify, examples, task, names)
        case "token-classification":
            names = _names(engine, classes, given, task)
            label = TokenClassification(engine, tokenizer)
            rows = label.label_words(
                [example.texts[0] for example in examples],
                [example.spans for example in examples],
                batch_size=batch_size,
            )
            predictions = [
                Prediction(each.id, [names.get(tag, OUTSIDE) for tag in tags], _as_list(each.label))
                for each, tags in zip(examples, rows, strict=True)
            ]
        case "multiple-choice":
            choose = MultipleChoice(engine, tokenizer, equal_contexts=equal_contexts)
            predictions = _of_choices(choose, examples, batch_size)
        case "question-answering":
            answer = QuestionAnswering(engine, tokenizer, batch_size=batch_size)
            return _of_questions(answer, examples, task)
    return TaskEvaluation(_score(task, examples, predictions), predictions)


def _score(
    task: Task[Any],
    examples: Sequence[Example[Any]],
    predictions: Sequence[Prediction],
    options: ScoringOptions = DEFAULTS,
) -> Scores:
    """The scores; none if no example has a label."""
    if all(example.label is None for example in examples):
        return {}
    return task.score(examples, predictions, options)


def _as_list(
    label: Iterable[Any] | None, value: Callable[[Any], Any] = lambda part: part
) -> list[Any] | None:
    """The parts of a gold label; None if there is none."""
    return None if label is None else [value(part) for part in label]


def _names(
    engine: Engine, classes: Sequence[str], given: Sequence[str] | None, task: Task[Any]
) -> dict[str, str]:
    """The names of the task's classes, by the names of the model's."""
    theirs = engine.config.label_names
    if task.problem == "regression":
        return {}
    if task in (HANS, RTE):  # whose scorers join two of three classes, and know both of two names
        if len(theirs) == len(MNLI.labels or ()):
            classes = MNLI.labels or ()
        elif {*map(plain, given or theirs)} <= {ENTAILMENT, *NOT_ENTAILED}:
            classes = given or theirs
    classes = classes or given or theirs
    order = order_in_checkpoint(classes, dict(enumerate(theirs)), given)
    return {theirs[place]: name for place, name in zip(order, classes, strict=True)}


def _check_problem(engine: Engine, task: Task[Any]) -> None:
    """Check that a model predicts what a task asks for, if its configuration says what it does."""
    config = engine.config
    if config.problem_type not in (None, task.problem):
        raise ValueError(
            f"the model was made for {config.problem_type}, the data is for {task.problem}; name "
            "another model, or the kind of the data with --kind"
        )
    if task.problem == "regression":
        check(config.num_labels == 1, "1 for a regression", num_labels=config.num_labels)


def _of_texts(
    classify: TextClassification,
    examples: Sequence[Example[Any]],
    task: Task[Any],
    names: Mapping[str, str],
) -> list[Prediction]:
    inputs = [dict(zip(("text", "text_pair"), each.texts, strict=False)) for each in examples]
    function = FUNCTIONS[task.problem] if task.problem else None
    found: list[list[LabelScore]] = classify(inputs, top_k=None, function_to_apply=function)
    predictions = []
    for example, ranked in zip(examples, found, strict=True):
        if task.problem == "regression":
            predictions.append(Prediction(example.id, ranked[0]["score"], example.label))
            continue
        scores = {names[each["label"]]: each["score"] for each in ranked}
        probabilities = {name: scores[name] for name in names.values()}
        value: Any = next(iter(scores))
        if task.problem == "multi_label_classification":
            value = [name for name, score in probabilities.items() if score >= THRESHOLD]
        predictions.append(Prediction(example.id, value, example.label, probabilities))
    return predictions


def _of_choices(
    choose: MultipleChoice, examples: Sequence[Example[Any]], batch_size: int
) -> list[Prediction]:
    """The letters of choices, whose questions are already filled in or before them."""
    inputs = [{"context": each.texts[0], "choices": each.texts[1:]} for each in examples]
    predictions = []
    for example, ranked in zip(examples, choose(inputs, batch_size=batch_size), strict=True):
        letters = {ascii_uppercase[each["index"]]: each["score"] for each in ranked}
        probabilities = dict(sorted(letters.items()))
        predictions.append(
            Prediction(example.id, next(iter(letters)), example.label, probabilities)
        )
    return predictions


def _of_questions(
    answer: QuestionAnswering, examples: Sequence[Example[Any]], task: Task[Any]
) -> TaskEvaluation:
    """Answers as texts; those of questions that may have none are emptied by the null odds."""
    questions, contexts = ([each.texts[place] for each in examples] for place in (0, 1))
    found = answer.answers(questions, contexts)
    predictions = [
        Prediction(example.id, each.best, _as_list(example.label, lambda gold: gold.text))
        for example, each in zip(examples, found, strict=True)
    ]
    answers = {each.id: each.value for each in predictions}
    may_be_impossible = task.score is score_squad2
    n_best = {
        example.id: each.n_best(may_be_impossible=may_be_impossible)
        for example, each in zip(examples, found, strict=True)
    }
    if not may_be_impossible:
        return TaskEvaluation(_score(task, examples, predictions), predictions, answers, n_best)
    odds = {example.id: each.null_odds for example, each in zip(examples, found, strict=True)}
    options = ScoringOptions(null_odds=odds, threshold=NULL_THRESHOLD)
    scores = _score(task, examples, predictions, options)
    emptied = [
        replace(each, value="") if odds[each.id] > NULL_THRESHOLD else each for each in predictions
    ]
    return TaskEvaluation(scores, emptied, answers, n_best, odds)


def _write_as_google(path: Path, value: Mapping[str, Any]) -> None:
    with storage.atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=4) + "\n", encoding="utf-8")
