"""What a task is: its head, labels, metrics and files, how they are read, and how it is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

Label = TypeVar("Label")
"""The name of a class, a number, or a tuple: of the labels of a text, of the tags of its words, or
of the gold answers of a question.
"""

TaskHead = Literal[
    "sequence-classification", "token-classification", "multiple-choice", "question-answering"
]

Problem = Literal["single_label_classification", "multi_label_classification", "regression"]
"""The values of `problem_type` in a `config.json`."""

COMPRESSED = ("", ".xz", ".gz", ".bz2")


@dataclass(frozen=True)
class Example(Generic[Label]):
    """A row of a data set.

    Fields:
        id: the id of the file or, where it has none, the number of the row from 0.
        texts: what the model reads: a text or a pair; the question and the context; the passage
            and, for each choice, what follows it.
        label: the gold label; None if the file has none.
        where: the place in the file, for messages, such as `dev.tsv:12`.
        group: the part of the data that scores are broken down by, or the article of a question.
        spans: the start and end in the text of each word that has a tag.
    """

    id: str
    texts: tuple[str, ...]
    label: Label | None
    where: str
    group: str = ""
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What a model, or anyone, says about an example.

    Fields:
        id: the id of the example.
        value: the name of a class, a number, a list of labels or tags, or the text of an answer.
        gold: the gold label, where the file repeats it; for a question the list of its answers.
        probabilities: of each class, by its name.
        where: the place in the file, for messages.
    """

    id: str
    value: Any
    gold: Any = None
    probabilities: Mapping[str, float] | None = None
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class ScoringOptions:
    """How predictions are scored where official code leaves a choice.

    Fields:
        strict: predictions that are missing are errors, and entities must be tagged as IOB2.
        as_google: SQuAD 2.0 is scored as Google's code for ALBERT scores its own predictions.
        null_odds: for each question of SQuAD 2.0, a score that grows as an answer becomes less
            likely; None if there are none.
        threshold: the null odds above which a question counts as not answered.
        curves: whether areas under curves of precision and recall are computed.
        sum_probabilities: whether the probabilities of neutral and contradiction are added before
            the larger one of two classes is chosen (the default takes the largest of three first).
    """

    strict: bool = False
    as_google: bool = False
    null_odds: Mapping[str, float] | None = None
    threshold: float = 1.0
    curves: bool = False
    sum_probabilities: bool = False


DEFAULTS = ScoringOptions()

Scores = dict[str, float]


class Scorer(Protocol):
    """Computes scores from examples and their predictions, which may be in any order."""

    def __call__(
        self,
        examples: Sequence[Example[Any]],
        predictions: Sequence[Prediction],
        options: ScoringOptions = DEFAULTS,
        /,
    ) -> Scores: ...


@dataclass(frozen=True, kw_only=True)
class Task(Generic[Label]):
    """A task, as data and functions.

    Fields:
        name: the name on the command line.
        head: the kind of head that a model needs.
        read: from a file to its examples.
        score: from examples and predictions to scores; fractions, but percentages for SQuAD.
        metrics: the names of the scores that stand for the task, in the order of its papers.
        main_metric: the one that the best checkpoint is selected by.
        problem: the `problem_type` of a configuration; None for other heads.
        labels: the names of the classes in the order of their indices; None if they are those that
            the training data has.
        splits: the official names of the files of each split.
    """

    name: str
    head: TaskHead
    read: Callable[[Path], list[Example[Label]]]
    score: Scorer
    metrics: tuple[str, ...]
    main_metric: str
    problem: Problem | None = None
    labels: tuple[str, ...] | None = None
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, folder: str | Path, split: str) -> Path:
        """The file or folder of a split by its official names, compressed or not.

        Raises:
            FileNotFoundError: the folder has none of them.
            ValueError: the task has no such split.
        """
        if split not in self.splits:
            known = ", ".join(self.splits) or "none; name a file"
            raise ValueError(f"{self.name} has no split {split!r}; it has {known}")
        names = self.splits[split]
        for name in names:
            for suffix in COMPRESSED:
                path = Path(folder, name + suffix)
                if path.exists():
                    return path
        raise FileNotFoundError(
            f"{folder} holds no {split} data of {self.name}; it is called {' or '.join(names)}"
        )

    def split_of(self, path: str | Path) -> str | None:
        """The split that a file with this name is, if the name is an official one."""
        name = Path(path).name
        stems = {name.removesuffix(suffix) for suffix in COMPRESSED}
        return next((split for split, names in self.splits.items() if stems & {*names}), None)


def check_texts(examples: Sequence[Example[Any]]) -> None:
    """Check that no text is empty, since pipelines refuse such texts.

    Raises:
        ValueError: the message names the line of the first one.
    """
    for example in examples:
        if not all(map(str.strip, example.texts)):
            raise ValueError(
                f"{example.where} has an empty text, for which a model has no prediction; fill it "
                "in or remove the row"
            )


def check_examples(examples: Sequence[Example[Label]], path: str | Path) -> list[Example[Label]]:
    """The examples of a file, unless there are none or two have the same id.

    Raises:
        ValueError: the message names the file, and the line of a repeated id.
    """
    if not examples:
        raise ValueError(f"{path} holds no examples; name a file that does")
    seen: dict[str, str] = {}
    for example in examples:
        if example.id in seen:
            raise ValueError(
                f"{example.where} has the id {example.id!r} of {seen[example.id]}; ids must differ"
            )
        seen[example.id] = example.where
    return list(examples)
