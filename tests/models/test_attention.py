"""The CPU's blocked attention against the plain formula, forwards and backwards."""

import pytest
import torch
from torch import Tensor

from albertlm.models import attention
from albertlm.models.attention import attend, attend_with_weights


def inputs(batch: int = 3, tokens: int = 7) -> tuple[Tensor, ...]:
    torch.manual_seed(0)
    return tuple(
        torch.randn(batch, 2, tokens, 4, dtype=torch.float64, requires_grad=True) for _ in range(3)
    )


def mask(batch: int = 3, tokens: int = 7) -> Tensor:
    kept = torch.ones(batch, tokens, dtype=torch.bool)
    kept[0, 4:] = False
    return kept


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_gradients(masked: bool, block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "BLOCK_BYTES", block_bytes)
    kept = mask() if masked else None
    q, k, v = inputs()
    expected = attend_with_weights(q, k, v, kept, 0.0)[0]
    assert torch.allclose(attend(q, k, v, kept, 0.0), expected)
    assert torch.autograd.gradcheck(lambda *x: attend(*x, kept, 0.0), (q, k, v))
    with torch.no_grad():  # the fused kernel
        assert torch.allclose(attend(q, k, v, kept, 0.0), expected)


def test_dropout_is_the_same_backwards() -> None:
    q, k, v = inputs()

    def seeded(*x: Tensor) -> Tensor:
        torch.manual_seed(1)
        return attend(*x, None, 0.5)

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
