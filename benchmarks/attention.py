"""Attention in training, forwards and backwards in bfloat16: ours against PyTorch's fused kernel.

`blocked` is what albertlm trains with on a CPU: batched products over a few sequences at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

import common
from albertlm.models.attention import BlockedAttention

SHAPES = {"8x512, 12 heads": (8, 12, 512), "32x128, 12 heads": (32, 12, 128)}
ROUNDS = 15


def measure(batch: int, heads: int, length: int) -> dict[str, float]:
    """Milliseconds of both, and their ratio."""
    shape = (batch, heads, length, 64)
    q, k, v = (torch.randn(shape, dtype=torch.bfloat16, requires_grad=True) for _ in range(3))
    grad = torch.randn(shape, dtype=torch.bfloat16)

    def backwards(context: Tensor) -> None:
        torch.autograd.grad(context, (q, k, v), grad)

    seconds = common.alternating_medians(
        ROUNDS,
        blocked=lambda: backwards(BlockedAttention.apply(q, k, v, None, 0.0)),
        fused=lambda: backwards(F.scaled_dot_product_attention(q, k, v)),
    )
    return {
        "blocked_ms": 1000 * seconds["blocked"],
        "fused_ms": 1000 * seconds["fused"],
        "ratio": seconds["fused"] / seconds["blocked"],
    }


def main() -> None:
    measurements = {name: measure(*shape) for name, shape in SHAPES.items()}
    for name, result in measurements.items():
        print(f"{name}: {result['ratio']:.2f} times the fused kernel", result)
    common.record("attention", measurements, ["torch"])


if __name__ == "__main__":
    main()
