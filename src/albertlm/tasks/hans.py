"""HANS, a test of heuristics in inference, and the two classes that three of MNLI stand for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from albertlm.tasks.columns import TaskColumns
from albertlm.tasks.labels import find_name, plain
from albertlm.tasks.predictions import in_order
from albertlm.tasks.task import DEFAULTS, Example, Prediction, Scores, ScoringOptions, Task

ENTAILMENT = "entailment"
OTHER_CLASSES = ("neutral", "contradiction")
NOT_ENTAILED = ("not_entailment", "non_entailment")
"""The plain name of the other one of two classes, in RTE and in HANS."""


def as_two_classes(
    label: str,
    names: Sequence[str],
    where: str,
    probabilities: Mapping[str, float] | None = None,
) -> str:
    """A label of natural language inference as one of two: neutral and contradiction are joined.

    Args:
        label: one of `names`, or of the three classes.
        names: the two classes; one is `entailment`.
        where: the beginning of an error message.
        probabilities: of the three classes. If they are given, those of neutral and contradiction
            are added before the larger one is chosen, whatever the label.

    Raises:
        ValueError: the label is neither.
    """
    other = next(name for name in names if name != ENTAILMENT)
    if probabilities is not None:
        of_name = {plain(name): value for name, value in probabilities.items()}
        if ENTAILMENT not in of_name:
            raise ValueError(f"{where} has no probability of {ENTAILMENT}")
        entailed = of_name.pop(ENTAILMENT)
        return ENTAILMENT if entailed >= sum(of_name.values()) else other
    if plain(label) in OTHER_CLASSES:
        return other
    return other if plain(label) in NOT_ENTAILED else find_name(label, names, where)


def two_classes(
    examples: Sequence[Example[str]],
    predictions: Sequence[Prediction],
    names: Sequence[str],
    options: ScoringOptions = DEFAULTS,
) -> list[str]:
    """The predicted classes in the order of the examples, of predictions that may have three.

    Raises:
        ValueError: an id is missing or unknown, a prediction is no class, or it has no
            probabilities and `options.sum_probabilities` is set.
    """
    found = in_order(examples, predictions)
    for each in found:
        if options.sum_probabilities and each.probabilities is None:
            raise ValueError(f"{each.where} has no probabilities to add")
    return [
        as_two_classes(
            str(each.value),
            names,
            each.where,
            each.probabilities if options.sum_probabilities else None,
        )
        for each in found
    ]


def score_hans(
    examples: Sequence[Example[str]],
    predictions: Sequence[Prediction],
    options: ScoringOptions = DEFAULTS,
) -> Scores:
    """The accuracy, and that of each heuristic where entailment holds and where it does not.

    Predictions may have three classes, of which neutral and contradiction are joined.

    Raises:
        ValueError: an id is missing or unknown, or a prediction is no class.

    Source: evaluate_heur_output.py of HANS.
    """
    predicted = two_classes(examples, predictions, LABELS, options)
    of_kinds: dict[str, list[bool]] = defaultdict(list)
    for example, label in zip(examples, predicted, strict=True):
        of_kinds[f"{example.label}_{example.group}"].append(label == example.label)
    right = sum(map(sum, of_kinds.values()))
    return {
        "accuracy": right / len(examples),
        **{kind: sum(each) / len(each) for kind, each in sorted(of_kinds.items())},
    }


LABELS = ("entailment", "non-entailment")

_COLUMNS = TaskColumns(
    texts=(("sentence1", "premise"), ("sentence2", "hypothesis")),
    label=("gold_label", "label"),
    ids=("pairID",),
    group=("heuristic",),
    codes={"0": LABELS[0], "1": LABELS[1]},
)

HANS = Task(
    name="hans",
    head="sequence-classification",
    problem="single_label_classification",
    labels=LABELS,
    read=lambda path: _COLUMNS.read_classes(path, LABELS),
    score=score_hans,
    metrics=("accuracy",),
    main_metric="accuracy",
    splits={
        "train": ("heuristics_train_set.txt",),
        "dev": ("heuristics_evaluation_set.txt",),
    },
)
