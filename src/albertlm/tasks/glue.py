"""The tasks of GLUE: the columns of their official files, their classes and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from albertlm.tasks import scores
from albertlm.tasks.classification import class_scorer, score_numbers
from albertlm.tasks.columns import TaskColumns
from albertlm.tasks.hans import two_classes
from albertlm.tasks.task import DEFAULTS, Example, Prediction, Scores, ScoringOptions, Task

SPLITS = {"train": ("train.tsv",), "dev": ("dev.tsv",), "test": ("test.tsv",)}
_PAIR = (("sentence1", "premise"), ("sentence2", "hypothesis"))
_TWO_WAY = ("entailment", "not_entailment")


def _task(
    name: str,
    labels: tuple[str, ...],
    columns: TaskColumns,
    *metrics: str,
    splits: Mapping[str, tuple[str, ...]] = SPLITS,
) -> Task[str]:
    """A task with classes; the first of its metrics selects the best checkpoint."""
    formulas = {
        "accuracy": scores.accuracy,
        "f1": lambda gold, predicted: scores.f1_of_class(gold, predicted, labels[1]),
        "matthews": scores.matthews,
    }
    return Task(
        name=name,
        head="sequence-classification",
        problem="single_label_classification",
        labels=labels,
        read=lambda path: columns.read_classes(path, labels),
        score=class_scorer(labels, columns.codes, {metric: formulas[metric] for metric in metrics}),
        metrics=metrics,
        main_metric=metrics[0],
        splits=splits,
    )


def _codes(labels: tuple[str, ...]) -> dict[str, str]:
    """The numbers that stand for classes in files."""
    return {str(number): label for number, label in enumerate(labels)}


_ACCEPTABLE = ("unacceptable", "acceptable")
COLA = _task(
    "cola",
    _ACCEPTABLE,
    TaskColumns(texts=(("sentence",),), numbers={4: ((3,), 1)}, codes=_codes(_ACCEPTABLE)),
    "matthews",
)

_SENTIMENTS = ("negative", "positive")
SST2 = _task(
    "sst2",
    _SENTIMENTS,
    TaskColumns(texts=(("sentence", "content", "text"),), codes=_codes(_SENTIMENTS)),
    "accuracy",
)

_EQUIVALENT = ("not_equivalent", "equivalent")
MRPC = _task(
    "mrpc",
    _EQUIVALENT,
    TaskColumns(
        texts=(("#1 String", "sentence1"), ("#2 String", "sentence2")),
        label=("Quality", "label"),
        codes=_codes(_EQUIVALENT),
    ),
    "accuracy",
    "f1",
)

_DUPLICATE = ("not_duplicate", "duplicate")
QQP = _task(
    "qqp",
    _DUPLICATE,
    TaskColumns(
        texts=(("question1",), ("question2",)),
        label=("is_duplicate", "label"),
        codes=_codes(_DUPLICATE),
        skip_short=True,
    ),
    "accuracy",
    "f1",
)

STSB = Task(
    name="stsb",
    head="sequence-classification",
    problem="regression",
    read=TaskColumns(texts=_PAIR, label=("score", "label")).read_numbers,
    score=score_numbers,
    metrics=("pearson", "spearman"),
    main_metric="pearson",
    splits=SPLITS,
)

MNLI = _task(
    "mnli",
    ("contradiction", "entailment", "neutral"),
    TaskColumns(
        texts=_PAIR,
        label=("gold_label", "label"),
        ids=("index", "id"),
        only=("lang_abv", "en"),
        numbers={3: ((1, 2), 0)},
        codes=_codes(("entailment", "neutral", "contradiction")),
    ),
    "accuracy",
    splits={
        "train": ("train.tsv", "train-kaggle.csv"),
        "dev_matched": ("dev_matched.tsv", "mnli_matched.tsv"),
        "dev_mismatched": ("dev_mismatched.tsv", "mnli_mismatched.tsv"),
        "test_matched": ("test_matched.tsv",),
        "test_mismatched": ("test_mismatched.tsv",),
    },
)

QNLI = _task("qnli", _TWO_WAY, TaskColumns(texts=(("question",), ("sentence",))), "accuracy")


def score_rte(
    examples: Sequence[Example[str]],
    predictions: Sequence[Prediction],
    options: ScoringOptions = DEFAULTS,
) -> Scores:
    """The accuracy; predictions may have the three classes of MNLI, as those of HANS may."""
    predicted = two_classes(examples, predictions, _TWO_WAY, options)
    return {"accuracy": scores.accuracy([str(each.label) for each in examples], predicted)}


RTE = replace(_task("rte", _TWO_WAY, TaskColumns(texts=_PAIR), "accuracy"), score=score_rte)

_REFERENT = ("not_entailment", "entailment")
WNLI = _task("wnli", _REFERENT, TaskColumns(texts=_PAIR, codes=_codes(_REFERENT)), "accuracy")

AX = _task(
    "ax",
    MNLI.labels or (),
    TaskColumns(texts=_PAIR, label=("label", "gold_label")),
    "matthews",
    splits={"dev": ("diagnostic-full.tsv",), "test": ("diagnostic.tsv", "AX.tsv")},
)
"""The diagnostic pairs, for models that were fine-tuned on MNLI; the mean of GLUE is without."""

TASKS: tuple[Task[Any], ...] = (MNLI, SST2, COLA, MRPC, QQP, QNLI, RTE, STSB, WNLI)


def glue_score(results: Mapping[str, Scores]) -> Scores:
    """The mean over tasks of the means of their official metrics, with and without WNLI.

    Args:
        results: the scores of each task; those of the two halves of MNLI are `mnli` and `mnli-mm`,
            whose mean counts as one task.
    """
    metrics = {task.name: task.metrics for task in TASKS}
    metrics["mnli-mm"] = metrics["mnli"]
    means = {
        name: sum(found[metric] for metric in metrics[name]) / len(metrics[name])
        for name, found in results.items()
    }
    if "mnli-mm" in means:
        mismatched = means.pop("mnli-mm")
        means["mnli"] = (means.get("mnli", mismatched) + mismatched) / 2
    others = [mean for name, mean in means.items() if name != "wnli"]
    return {
        "glue": sum(means.values()) / len(means),
        "glue_without_wnli": sum(others) / len(others),
    }
