"""The CPU's blocked attention against the plain formula, forwards and backwards."""

import pytest
import torch
from torch import Tensor

from albertlm.models.torch import attention
from albertlm.models.torch.attention import BlockedAttention, attend, attend_with_weights


def inputs(batch: int = 3, tokens: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, batch, 2, tokens, 4, dtype=torch.float64).unbind()
    return q.requires_grad_(), k.requires_grad_(), v.requires_grad_()


def mask(batch: int = 3, tokens: int = 7) -> Tensor:
    kept = torch.ones(batch, tokens, dtype=torch.bool)
    kept[0, 4:] = False
    return kept


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_gradients(masked: bool, block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "BLOCK_BYTES", block_bytes)
    kept = mask(2, 5) if masked else None
    q, k, v = inputs(2, 5)
    expected = attend_with_weights(q, k, v, kept, 0.0)[0]

    def blocked(*x: Tensor) -> Tensor:
        context: Tensor = BlockedAttention.apply(*x, kept, 0.0)
        return context

    assert torch.allclose(blocked(q, k, v), expected)
    assert torch.autograd.gradcheck(blocked, (q, k, v))
    with torch.no_grad():  # the fused kernel
        assert torch.allclose(attend(q, k, v, kept, 0.0), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("masked", [False, True])
def test_training_without_dropout(masked: bool, dtype: torch.dtype) -> None:
    """Whichever kernel computes it, against float64."""
    kept = mask() if masked else None
    exact = q, k, v = inputs()
    rounded = tuple(x.detach().to(dtype).requires_grad_() for x in exact)
    expected = torch.autograd.grad(attend_with_weights(q, k, v, kept, 0.0)[0].sum(), exact)
    q, k, v = rounded
    found = torch.autograd.grad(attend(q, k, v, kept, 0.0).sum(), rounded)
    for gradient, other in zip(found, expected, strict=True):
        tolerance = 50 * torch.finfo(dtype).eps
        assert torch.allclose(gradient.double(), other, rtol=tolerance, atol=tolerance / 10)


def test_dropout_is_the_same_backwards() -> None:
    q, k, v = inputs(2, 5)

    def seeded(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        torch.manual_seed(1)
        return attend(q, k, v, None, 0.5)

    assert torch.autograd.gradcheck(seeded, (q, k, v))
    assert not torch.allclose(seeded(q, k, v), attend(q, k, v, None, 0.0))


def test_dropout_keeps_the_mean() -> None:
    q, k, v = (x.detach().requires_grad_() for x in inputs(batch=1))
    mean = torch.stack([attend(q, k, v, None, 0.1) for _ in range(2000)]).mean(0)
    assert torch.allclose(mean, attend(q, k, v, None, 0.0), atol=0.05)


def test_a_row_without_keys_is_finite_in_half_precision() -> None:
    q, k, v = (20 * x.detach().half() for x in inputs())
    context, weights = attend_with_weights(q, k, v, torch.zeros(3, 7, dtype=torch.bool), 0.0)
    assert torch.isfinite(context).all()
    assert torch.allclose(weights, torch.full((), 1 / 7, dtype=torch.half), atol=1e-3)


def test_a_row_without_keys_is_finite() -> None:
    q, k, v = inputs()
    nothing = torch.zeros(3, 7, dtype=torch.bool)
    context = attend(q, k, v, nothing, 0.0)
    context.sum().backward()
    assert torch.isfinite(context).all()
    assert q.grad is not None
    assert torch.isfinite(q.grad).all()
