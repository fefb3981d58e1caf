"""The loss over the vocabulary against PyTorch's own, in float64 and with its gradients."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from albertlm.models.torch.cross_entropy import BLOCK_ROWS, vocabulary_cross_entropy


@pytest.mark.parametrize("count", [None, 1000])
@pytest.mark.parametrize("rows", [0, 1, BLOCK_ROWS + 3])
def test_vocabulary_cross_entropy(rows: int, count: int | None) -> None:
    torch.manual_seed(0)
    x = torch.randn(rows, 8, dtype=torch.float64, requires_grad=True)
    embeddings = torch.randn(50, 8, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(50, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 50, (rows,))
    loss, right = vocabulary_cross_entropy(x, embeddings, bias, labels, count)
    logits = x @ embeddings.T + bias
    expected = F.cross_entropy(logits, labels, reduction="sum") / (count or max(1, rows))
    assert torch.allclose(loss, expected.to(loss.dtype))
    assert right.tolist() == (logits.argmax(1) == labels).tolist()
    if rows:
        parameters = (x, embeddings, bias)
        gradients = torch.autograd.grad(2 * loss, parameters)
        for got, want in zip(gradients, torch.autograd.grad(2 * expected, parameters), strict=True):
            assert torch.allclose(got, want)


def made_up(rows: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """States, embeddings, an output bias and labels."""
    torch.manual_seed(0)
    x, embeddings = torch.randn(rows, 16), torch.randn(40, 16)
    return x, embeddings, torch.randn(40), torch.randint(0, 40, (rows,))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_losses_and_gradients_of_parts_add_up(sizes: list[int]) -> None:
    x, embeddings, bias, labels = made_up(sum(sizes))
    results = []
    for parts in ([sum(sizes)], sizes):
        weights = embeddings.clone().requires_grad_()
        total, right = torch.zeros(()), 0
        for rows, of_rows in zip(x.split(parts), labels.split(parts), strict=True):
            loss, hits = vocabulary_cross_entropy(rows, weights, bias, of_rows, max(1, sum(sizes)))
            total, right = total + loss, right + int(hits.sum())
        total.backward()
        results.append((total, weights.grad, right))
    (whole, gradient, right), (summed, summed_gradient, summed_right) = results
    torch.testing.assert_close(summed, whole)
    torch.testing.assert_close(summed_gradient, gradient)
    assert summed_right == right


def test_in_bfloat16_the_loss_is_that_of_the_rounded_logits() -> None:
    x, embeddings, bias, labels = made_up(50)
    x, embeddings = x.requires_grad_(), embeddings.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = vocabulary_cross_entropy(x, embeddings, bias, labels)
        logits = x @ embeddings.T
    assert loss.dtype == torch.float32
    expected = F.cross_entropy(logits.double() + bias, labels)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)
    gradients = torch.autograd.grad(loss, (x, embeddings))
    exact = F.cross_entropy(x.double() @ embeddings.double().T + bias, labels)
    for got, want in zip(gradients, torch.autograd.grad(exact, (x, embeddings)), strict=True):
        assert got.dtype == torch.float32
        assert (got - want).norm() < 0.02 * want.norm()


def test_huge_logits_stay_finite() -> None:
    x = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    embeddings = torch.tensor([[1.0], [-1.0]])
    loss, right = vocabulary_cross_entropy(x, embeddings, torch.zeros(2), torch.tensor([0, 0]))
    loss.backward()
    assert loss.item() == pytest.approx(1e4)  # the mean of 0 and 20,000
    assert right.tolist() == [True, False]
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0], [-1.0]]


def test_a_label_outside_the_vocabulary_is_an_error() -> None:
    x, embeddings, bias, _ = made_up(2)
    for label in (40, -1):
        with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
            vocabulary_cross_entropy(x, embeddings, bias, torch.tensor([3, label]))
