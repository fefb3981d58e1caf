"""Swapped groups against plain formulas over transformers in float64, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from albertlm.evaluation.bias.counterfactual import (
    SENTENCES,
    TEMPLATES,
    LabelledText,
    counterfactual,
    rate_gaps,
)
from albertlm.evaluation.bias.swaps import SwapLists, TextPair
from albertlm.inference.engines.base import read_trained
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.inference.pipelines.text_classification import TextClassification
from albertlm.tokenization.tokenizer import AlbertTokenizer

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


def opened(folder: Path) -> TextClassification:
    config, parameters = read_trained(folder)
    doubled: Any = {name: array.astype(np.float64) for name, array in parameters.items()}
    return TextClassification(NumpyEngine(config, doubled), AlbertTokenizer.from_pretrained(folder))


@pytest.fixture(scope="module")
def folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForSequenceClassification", ["negative", "positive"])


@pytest.fixture(scope="module")
def control_folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned(
        "AlbertForSequenceClassification", ["negative", "positive"], num_hidden_layers=2
    )


def expected(folder: Path, texts: list[str]) -> np.ndarray[Any, Any]:
    """The probability of the second class of each text, by transformers."""
    import torch
    import transformers

    model = transformers.AlbertForSequenceClassification.from_pretrained(folder).double().eval()
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    with torch.no_grad():
        logits = [model(torch.tensor([tokenizer.encode(text)])).logits[0] for text in texts]
    return np.array([float(each.softmax(-1)[1]) for each in logits])


def changes(folder: Path, pairs: list[TextPair]) -> np.ndarray[Any, Any]:
    first, second = (expected(folder, [getattr(pair, side) for pair in pairs]) for side in SIDES)
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
            *(expected(folder, [getattr(pair, side) for pair in SENTENCE_PAIRS]) for side in SIDES),
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


def test_rates_of_groups(folder: Path) -> None:
    model = opened(folder)
    texts = ["She left.", "Nobody sold boats.", "The old fisherman left.", "The river left."] * 3
    p = expected(folder, texts)
    rows = [
        LabelledText(text, label, "ab"[number % 2])
        for number, (text, label) in enumerate(
            zip(texts, ["positive", "1", "0", "negative", *["1", "1", "0", "0"] * 2], strict=True)
        )
    ]
    gold = np.array([row.label in ("1", "positive") for row in rows])
    group = np.array([row.group for row in rows])
    gaps = {gap.label: gap for gap in rate_gaps(model, rows)}
    for name, said, is_ in (("positive", p > 0.5, gold), ("negative", p <= 0.5, ~gold)):
        rates = [
            [100 * said[(group == one) & among].mean() for among in (is_, ~is_)] for one in "ab"
        ]
        true_positive, false_positive = np.subtract(rates[0], rates[1])
        assert gaps[name].true_positive.value == pytest.approx(true_positive)
        assert gaps[name].false_positive.value == pytest.approx(false_positive)
    found = counterfactual(model, {SENTENCES: SENTENCE_PAIRS}, groups=GROUPS, labelled=rows)
    squares = [gap.true_positive.value**2 for gap in gaps.values()]
    assert found.gap == {"a less b": pytest.approx(np.sqrt(np.mean(squares)))}
    assert found.control is None
    assert found.effects[SENTENCES].less_control is None


def test_texts_of_both_groups_have_no_direction(folder: Path) -> None:
    found = counterfactual(opened(folder), {SENTENCES: SENTENCE_PAIRS[2:]}, groups=GROUPS)
    assert found.effects[SENTENCES].signed is None
    assert found.effects[SENTENCES].absolute.n == 1


def test_what_is_refused(folder: Path, fine_tuned: Callable[..., Path]) -> None:
    model = opened(folder)
    number = opened(fine_tuned("AlbertForSequenceClassification", ["score"]))
    many = opened(fine_tuned("AlbertForSequenceClassification", ["a", "b", "c"]))
    pairs = {SENTENCES: SENTENCE_PAIRS}
    few = [LabelledText("She left.", "0", "a"), LabelledText("She left.", "1", "b")]
    for call, told in (
        (lambda: counterfactual(model, {SENTENCES: []}, groups=GROUPS), "nothing to swap"),
        (lambda: counterfactual(number, pairs, groups=GROUPS), "a number and no classes"),
        (lambda: counterfactual(many, pairs, groups=GROUPS), "has 3 classes; name one: a, b, c"),
        (lambda: counterfactual(model, pairs, groups=GROUPS, label="x"), "class='x'"),
        (lambda: rate_gaps(model, [LabelledText("She left.", "x", "a")]), "label='x'"),
        (lambda: rate_gaps(model, [LabelledText("She left.", "0", "a")]), "of the group 'a'"),
        (lambda: rate_gaps(model, few), "no two of the groups a, b have texts of a class"),
    ):
        with pytest.raises(ValueError, match=told):
            call()
    assert counterfactual(many, pairs, groups=GROUPS, label="b").label == "b"
