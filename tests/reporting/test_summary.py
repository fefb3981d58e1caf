"""A run in numbers, against sums and maxima by hand."""

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import pytest

from albertlm import AlbertForPreTraining
from albertlm.recipes.small import smoke
from albertlm.reporting.history import History
from albertlm.reporting.summary import Value, summarise


def test_totals_and_values(make_run: Callable[..., Path]) -> None:
    scores = [(10, 7.0, 0.3), (15, 6.5, 0.4), (20, 6.75, 0.35)]
    lines = [
        (n, {"step": 5 * n, "validation": {"mlm_loss": loss, "sop_accuracy": accuracy}})
        for n, loss, accuracy in scores
    ]
    summary = summarise(History.read(make_run(lines=lines)))
    steps = range(5, 101, 5)
    assert summary.tokens == sum(1000 + step for step in steps)
    assert summary.hours == pytest.approx(20 * 0.5 / 3600)
    assert summary.tokens_per_second == pytest.approx(summary.tokens / 10)
    assert (summary.steps, summary.total_steps, summary.finished) == (100, 100, True)
    model = AlbertForPreTraining(smoke(90).model)
    assert summary.parameters == sum(each.numel() for each in model.parameters())
    # means of a tenth of the 20 lines, so of two
    loss = astuple(summary.training["mlm_loss"])
    assert loss == pytest.approx((8 - 97.5 / 50, 8 - 97.5 / 50, 100))
    assert summary.held_out["mlm_loss"] == Value(6.75, 6.5, 75)
    assert summary.held_out["sop_accuracy"] == Value(0.35, 0.4, 75)


def test_a_log_that_tells_little(make_run: Callable[..., Path]) -> None:
    folder = make_run(last=0, lines=[(0, {"step": 5, "mlm_loss": 3.0})])
    summary = summarise(History.read(folder))
    assert (summary.tokens, summary.hours, summary.tokens_per_second) == (None, None, None)
    assert summary.training == {"mlm_loss": Value(3.0, 3.0, 5)}
    assert not summary.finished


def test_a_model_that_is_none(make_run: Callable[..., Path]) -> None:
    run = History.read(make_run(model={"hiden_size": 8}))
    with pytest.raises(ValueError, match="did you mean 'hidden_size'"):
        summarise(run)
