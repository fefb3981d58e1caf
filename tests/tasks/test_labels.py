"""Names of classes have one order, are matched by name, and unknown ones are told."""

import os
import subprocess
import sys

import numpy as np
import pytest

from albertlm.tasks.labels import (
    check_labels,
    find_name,
    is_numeric,
    labels_of,
    names_in,
    order_in_checkpoint,
    sorted_names,
)
from albertlm.tasks.task import Example

NLI = ("contradiction", "entailment", "neutral")


def example(label: object, line: int = 2) -> Example[object]:
    return Example(str(line), ("text",), label, f"dev.tsv:{line}")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "9", "2", "9"], ("2", "9", "10")),
        (["-1", "0", "1"], ("-1", "0", "1")),
        (["neutral", "entailment", "contradiction"], NLI),
        (["10", "9", "x"], ("10", "9", "x")),
    ],
)
def test_classes_are_sorted_and_integers_by_value(
    labels: list[str], expected: tuple[str, ...]
) -> None:
    assert sorted_names(labels) == sorted_names(reversed(labels)) == expected


def test_the_order_does_not_depend_on_the_hashes_of_strings() -> None:
    code = (
        "from albertlm.tasks.labels import sorted_names;"
        "print(sorted_names(['b', 'a', 'C', '10', 'd e']))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert told == {"('10', 'C', 'a', 'b', 'd e')\n"}


def test_labels_that_differ_only_by_case_or_space_cause_a_warning() -> None:
    with pytest.warns(UserWarning, match="the labels 'Pos' and 'pos' differ only by case"):
        assert sorted_names(["pos", "Pos", "neg"]) == ("Pos", "neg", "pos")


def test_names_of_labels_of_all_kinds() -> None:
    assert labels_of(example("a")) == ("a",)
    assert labels_of(example(("b", "a"))) == ("b", "a")
    assert labels_of(example(4.2)) == labels_of(example(None)) == ()
    assert names_in([example(("b", "a")), example(()), example("c")]) == ("a", "b", "c")


def test_a_label_that_training_lacks_is_named_with_its_line() -> None:
    message = r"dev\.tsv:7 has the label 'neutral-ish', which .* did you mean 'neutral'"
    with pytest.raises(ValueError, match=message):
        check_labels([example("neutral"), example("neutral-ish", 7)], NLI)
    with pytest.raises(ValueError, match=r"dev\.tsv:3 has no label"):
        check_labels([example(None, 3)], NLI)


def test_a_class_that_never_occurs_causes_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"the class 'neutral' never occurs in dev\.tsv"):
        check_labels([example("entailment"), example("contradiction")], NLI)


def test_names_are_found_whatever_their_writing() -> None:
    assert find_name("Entailment ", NLI, "x") == "entailment"
    assert find_name("not entailment", ("entailment", "not_entailment"), "x") == "not_entailment"
    with pytest.raises(ValueError, match=r"p\.tsv:3 has the label 'maybe'; allowed are"):
        find_name("maybe", NLI, "p.tsv:3")
    with pytest.raises(ValueError, match="allowed are Pos, pos"):
        find_name("POS", ("Pos", "pos"), "x")
    assert find_name("pos", ("Pos", "pos"), "x") == "pos"


@pytest.mark.parametrize(
    "theirs",
    [
        ("ENTAILMENT", "NEUTRAL", "CONTRADICTION"),
        ("contradiction", "entailment", "neutral"),
        ("contradiction", "neutral", "entailment"),
    ],
)
def test_a_permuted_head_has_the_same_predictions(theirs: tuple[str, ...]) -> None:
    logits = np.random.default_rng(0).normal(size=(20, 3))
    names = [name.lower() for name in theirs]
    permuted = logits[:, [NLI.index(name) for name in names]]
    order = order_in_checkpoint(NLI, dict(enumerate(theirs)))
    assert np.array_equal(permuted[:, order], logits)


def test_checkpoints_without_names_need_an_order() -> None:
    unnamed = {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    with pytest.raises(
        ValueError, match=r"does not name its classes .* give their order with --labels"
    ):
        order_in_checkpoint(NLI, unnamed)
    with pytest.raises(ValueError, match="no id2label"):
        order_in_checkpoint(NLI, None)
    given = ["neutral", "contradiction", "entailment"]
    assert order_in_checkpoint(NLI, unnamed, given) == (1, 2, 0)
    with pytest.raises(ValueError, match="the checkpoint has the classes a, b, the task"):
        order_in_checkpoint(NLI, {0: "a", 1: "b"})
    with pytest.raises(ValueError, match="the checkpoint has 3 classes, and --labels names 2 of"):
        order_in_checkpoint(NLI, unnamed, given[:2])


@pytest.mark.parametrize("names", [("Pos", "pos"), ("a-b", "a_b", "a b"), (" a", "a")])
def test_classes_that_are_written_alike_are_found_by_their_own_names(names: tuple[str]) -> None:
    theirs = dict(enumerate(names[::-1]))
    assert order_in_checkpoint(names, theirs) == tuple(range(len(names)))[::-1]
    with pytest.raises(ValueError, match="name a checkpoint that was trained on this task"):
        order_in_checkpoint(names, dict(enumerate(["other", *names[1:]])))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["3.8", "4", "1e-3"], True),
        (["3", "4"], False),
        ([3, 4], False),
        ([3.0, 4, None], True),
        (["3.8", "good"], False),
        (["v1.0", "v2.0"], False),
        ([3.5, "a"], False),
        ([], False),
    ],
)
def test_floats_are_numbers_to_predict_and_integers_are_classes(
    values: list[object], expected: bool
) -> None:
    assert is_numeric(values) is expected
