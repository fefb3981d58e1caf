"""Swapped groups against plain formulas over transformers in float64, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from classifiers import opened, probabilities

from albertlm.evaluation.bias.counterfactual import SENTENCES, TEMPLATES, counterfactual
from albertlm.evaluation.bias.swaps import SwapLists, TextPair

GROUPS = ("male", "female")
SENTENCE_PAIRS = [
    TextPair("The old fisherman left.", "The young model left."),
    TextPair("Nobody sold boats.", "She sold boats.", written=1),
    TextPair("The doctor saw a model.", "The model saw a doctor.", oriented=False),
]
LISTS = SwapLists(
    GROUPS,
    (("he",), ("she",)),
    (("nobody", "my neighbour"), ("she", "a model")),
    ("{group} sold {what}.", "{group} left."),
    {"what": ("boats", "pictures", "the harbour")},
)


@pytest.fixture(scope="module")
def folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForSequenceClassification", ["negative", "positive"])


@pytest.fixture(scope="module")
def control_folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned(
        "AlbertForSequenceClassification", ["negative", "positive"], num_hidden_layers=2
    )


def changes(folder: Path, pairs: list[TextPair]) -> np.ndarray[Any, Any]:
    first, second = (
        probabilities(folder, [getattr(pair, side) for pair in pairs]) for side in SIDES
    )
    return np.asarray(first - second)


SIDES = ("first", "second")


def test_changes_are_those_of_transformers(folder: Path, control_folder: Path) -> None:
    templates = LISTS.filled()
    found = counterfactual(
        opened(folder),
        {SENTENCES: SENTENCE_PAIRS, TEMPLATES: templates},
        groups=GROUPS,
        control=("random", opened(control_folder)),
        skipped=["a reason"],
    )
    assert (found.label, found.control, found.skipped) == ("positive", "random", ["a reason"])
    delta, control = changes(folder, SENTENCE_PAIRS), changes(control_folder, SENTENCE_PAIRS)
    effects = found.effects[SENTENCES]
    assert effects.signed is not None
    assert effects.less_control is not None
    np.testing.assert_allclose(effects.differences, delta[:2], atol=1e-6)
    assert effects.signed.value == pytest.approx(delta[:2].mean(), abs=1e-6)
    assert effects.absolute.value == pytest.approx(np.abs(delta).mean(), abs=1e-6)
    less = effects.less_control
    assert less["signed"] is not None
    assert less["absolute"] is not None
    assert less["signed"].value == pytest.approx((delta - control)[:2].mean(), abs=1e-6)
    assert less["absolute"].value == pytest.approx(
        (np.abs(delta) - np.abs(control)).mean(), abs=1e-6
    )
    flips = [
        (p > 0.5) != (q > 0.5)
        for p, q in zip(
            *(
                probabilities(folder, [getattr(pair, side) for pair in SENTENCE_PAIRS])
                for side in SIDES
            ),
            strict=True,
        )
    ]
    assert effects.flips.value == pytest.approx(100 * np.mean(flips))
    delta = changes(folder, templates)
    # of each template and person the mean over words; then the mean over both
    cells = [
        np.mean([d for d, pair in zip(delta, templates, strict=True) if pair.template == t
                 and pair.people == p])
        for t in (0, 1)
        for p in (0, 1)
    ]  # fmt: skip
    signed = found.effects[TEMPLATES].signed
    assert signed is not None
    assert signed.value == pytest.approx(np.mean(cells), abs=1e-6)
    assert (signed.n, signed.clusters) == (8, 2)
    sizes = [abs(change.p_first - change.p_second) for change in found.changes]
    assert sizes == sorted(sizes, reverse=True)
    assert len(found.changes) == 11


def test_texts_of_both_groups_have_no_direction(folder: Path) -> None:
    found = counterfactual(opened(folder), {SENTENCES: SENTENCE_PAIRS[2:]}, groups=GROUPS)
    assert found.effects[SENTENCES].signed is None
    assert found.effects[SENTENCES].absolute.n == 1


def test_what_is_refused(folder: Path, fine_tuned: Callable[..., Path]) -> None:
    model = opened(folder)
    number = opened(fine_tuned("AlbertForSequenceClassification", ["score"]))
    many = opened(fine_tuned("AlbertForSequenceClassification", ["a", "b", "c"]))
    pairs = {SENTENCES: SENTENCE_PAIRS}
    for call, told in (
        (lambda: counterfactual(model, {SENTENCES: []}, groups=GROUPS), "nothing to swap"),
        (lambda: counterfactual(number, pairs, groups=GROUPS), "a number and no classes"),
        (lambda: counterfactual(many, pairs, groups=GROUPS), "has 3 classes; name one: a, b, c"),
        (lambda: counterfactual(model, pairs, groups=GROUPS, label="x"), "class='x'"),
    ):
        with pytest.raises(ValueError, match=told):
            call()
    assert counterfactual(many, pairs, groups=GROUPS, label="b").label == "b"
