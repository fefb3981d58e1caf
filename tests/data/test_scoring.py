"""Scores of predictions against a formula in float64 and PyTorch's own loss."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from albertlm.data.scoring import score, score_rows

LIBRARIES = [np.asarray, torch.from_numpy]


@pytest.mark.parametrize("convert", LIBRARIES)
@given(
    logits=arrays(np.float32, (5, 7), elements=st.floats(-80, 80, width=32)),
    labels=arrays(np.int64, 5, elements=st.integers(0, 6)),
)
def test_the_formula_in_float64(
    convert: Callable[[Any], Any], logits: np.ndarray, labels: np.ndarray
) -> None:
    nats, right = score_rows(convert(logits), convert(labels))
    wide = logits.astype(np.float64)
    probabilities = np.exp(wide) / np.exp(wide).sum(1, keepdims=True)
    expected = -np.log(probabilities[np.arange(5), labels])
    np.testing.assert_allclose(np.asarray(nats), expected, rtol=1e-4, atol=1e-4)
    assert (np.asarray(right) == (wide.argmax(1) == labels)).all()


@pytest.mark.parametrize("rows", [1, 3, 1000])
@pytest.mark.parametrize("convert", LIBRARIES)
def test_parts_add_up_to_the_loss_of_pytorch(convert: Callable[[Any], Any], rows: int) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(10, 50)).astype(np.float32)
    labels = rng.integers(0, 50, size=10)
    labels[:4] = logits[:4].argmax(1)
    asked = []

    def logits_of(part: slice) -> Any:
        asked.append(len(range(10)[part]))
        return convert(logits)[part]

    scored = score(logits_of, convert(labels), rows)
    loss = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits), torch.from_numpy(labels), reduction="sum"
    )
    assert float(scored.nats) == pytest.approx(loss.item(), rel=1e-6)
    assert int(scored.right) == (logits.argmax(1) == labels).sum()
    assert max(asked) <= rows
    assert sum(asked) == 10


def test_half_precision_is_computed_in_float32() -> None:
    logits = torch.randn(4, 1000, generator=torch.Generator().manual_seed(0)).bfloat16()
    labels = torch.tensor([1, 2, 3, 4])
    nats, _ = score_rows(logits, labels)
    expected = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")
    assert torch.allclose(nats, expected)


def test_nothing_to_score() -> None:
    assert score(lambda _: np.zeros((0, 3), np.float32), np.zeros(0, np.int64)) == (0.0, 0)
