"""Dropout on a CPU, whose masks PyTorch would draw more slowly."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""The integers that are as wide as a floating-point number, by the number of its bytes."""


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, with masks of `kept` on a CPU; never in place."""

    def __init__(self, p: float) -> None:
        super().__init__(p)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name in PyTorch)
        if not self.training or not self.p or input.device.type != "cpu":
            return super().forward(input)
        return _Dropout.apply(input, self.p)  # type: ignore[no-any-return,no-untyped-call]


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        ctx.gain = 1 / (1 - p)
        mask = kept(x, p, random_bits(draw_seed()))
        ctx.save_for_backward(mask)
        return drop_(x * ctx.gain, mask)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return drop_(grads[0] * ctx.gain, *ctx.saved_tensors), None


def draw_seed() -> int:
    """A seed from PyTorch's own generator."""
    return int(torch.randint(1 << 62, ()))


def random_bits(seed: int) -> np.random.SFC64:
    """A generator for `kept`. The same seed gives the same masks in the same order."""
    return np.random.SFC64(seed)


def kept(like: Tensor, p: float, bits: np.random.SFC64) -> Tensor:
    """A mask of the numbers that dropout keeps.

    NumPy's SFC64 is faster than PyTorch's generator, and PyTorch compares and combines integers
    many at a time, unlike truth values. Each number takes 16 random bits, so the share of those
    that are not kept is `p` to within 2^-16.

    Args:
        like: the numbers, of any shape.
        p: the probability that a number is not kept, below 1.
        bits: the generator of the random bits.

    Returns:
        Integers as wide as the numbers, with all bits set where a number is kept and none
        elsewhere.
    """
    count = like.numel()
    draws = bits.random_raw(-(-count // 4)).view(np.int16)
    least = min(round(p * (1 << 16)), (1 << 16) - 1) - (1 << 15)
    mask = torch.from_numpy(draws[:count]).ge_(least).neg_()
    return mask.view(like.shape).to(_INTEGERS[like.element_size()])


def drop_(numbers: Tensor, mask: Tensor) -> Tensor:
    """Set the numbers that a mask of `kept` leaves out to 0 in place."""
    numbers.view(mask.dtype).bitwise_and_(mask)
    return numbers
