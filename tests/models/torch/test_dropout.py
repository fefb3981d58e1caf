"""Dropout on a CPU: its shares, its gradients and its seeds, against PyTorch's module."""

import pytest
import torch
from torch import Tensor, nn

from albertlm.models.torch.dropout import Dropout, drop_, kept, random_bits

FLOATS = torch.bfloat16, torch.float16, torch.float32, torch.float64


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", FLOATS)
def test_the_share_that_is_kept(p: float, dtype: torch.dtype) -> None:
    ones = torch.ones(999, 333, dtype=dtype)  # not a multiple of the numbers of a draw
    left = drop_(ones, kept(ones, p, random_bits(7))).double()
    assert set(left.unique().tolist()) == {0, 1}
    error = (p * (1 - p) / left.numel()) ** 0.5
    assert left.mean().item() == pytest.approx(1 - p, abs=5 * error)
    for neighbours in (left[:, 1:] * left[:, :-1], left[1:] * left[:-1]):  # are independent
        assert neighbours.mean().item() == pytest.approx((1 - p) ** 2, abs=10 * error)


def test_masks_follow_from_seeds() -> None:
    ones = torch.ones(64, 64)
    assert torch.equal(kept(ones, 0.1, random_bits(7)), kept(ones, 0.1, random_bits(7)))
    assert not torch.equal(kept(ones, 0.1, random_bits(7)), kept(ones, 0.1, random_bits(8)))


def test_the_largest_probability_keeps_almost_nothing() -> None:
    ones = torch.ones(64, 64)
    assert drop_(ones, kept(ones, 1 - 1e-9, random_bits(7))).mean() < 0.01


def test_numbers_that_are_not_finite_are_left_out_too() -> None:
    numbers = torch.full((1000,), torch.nan)
    assert (drop_(numbers, kept(numbers, 0.5, random_bits(7))) == 0).any()


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_kept_is_scaled_as_in_pytorch(dtype: torch.dtype) -> None:
    x = torch.randn(40, 50, dtype=dtype)

    def values(module: nn.Module) -> Tensor:
        """The quotients of outputs and inputs: 0, and a factor."""
        quotients = (module(x) / x).double()
        return torch.stack([quotients.min(), quotients.max()])

    eps = torch.finfo(dtype).eps
    assert torch.allclose(values(Dropout(0.3)), values(nn.Dropout(0.3)), atol=4 * eps)


def test_gradients() -> None:
    module = Dropout(0.3)

    def seeded(x: Tensor) -> Tensor:
        torch.manual_seed(1)
        dropped: Tensor = module(x)
        return dropped

    assert torch.autograd.gradcheck(seeded, torch.randn(5, 7, dtype=torch.float64).requires_grad_())


def test_pytorchs_generator_decides() -> None:
    module, x = Dropout(0.5), torch.ones(100)
    torch.manual_seed(1)
    first, second = module(x), module(x)
    torch.manual_seed(1)
    assert torch.equal(first, module(x))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("module", [Dropout(0.0), Dropout(0.5).eval()])
def test_nothing_is_left_out(module: nn.Module) -> None:
    x = torch.randn(100)
    state = torch.get_rng_state()
    assert torch.equal(module(x), x)
    assert torch.equal(torch.get_rng_state(), state)


def test_strided_inputs() -> None:
    x = torch.randn(6, 8).T
    dropped = Dropout(0.5)(x)
    assert ((dropped == 0) | torch.isclose(dropped, 2 * x)).all()
