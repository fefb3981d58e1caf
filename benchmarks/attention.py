"""Attention in training, forward and backward: blocked products against PyTorch's attention.

The precision is the one that the processor multiplies in hardware. On a CPU, albertlm trains with
`blocked`, batched products over a few heads at a time, in bfloat16 or with dropout. In float32
without dropout it uses `torch`, which is then a fused kernel. With dropout, `torch` is not fused
and stores the attention weights of all heads, which grow with the square of the length.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

import common
from albertlm.models.torch.attention import BlockedAttention
from albertlm.training.devices import has_bf16

SHAPES = {"8x512, 12 heads": (8, 12, 512), "32x128, 12 heads": (32, 12, 128)}
DTYPE = torch.bfloat16 if has_bf16("cpu") else torch.float32
ROUNDS = 7


def measure(batch: int, heads: int, length: int, dropout: float) -> dict[str, float]:
    """The milliseconds of both, and their ratio."""
    shape = (batch, length, heads, 64)  # the memory layout of the model's projections
    q, k, v = (torch.randn(shape, dtype=DTYPE).transpose(1, 2).requires_grad_() for _ in range(3))
    grad = torch.randn(shape, dtype=DTYPE).transpose(1, 2)

    def backwards(context: Tensor) -> None:
        torch.autograd.grad(context, (q, k, v), grad)

    seconds = common.alternating_medians(
        ROUNDS,
        blocked=lambda: backwards(BlockedAttention.apply(q, k, v, None, dropout)),  # type: ignore[no-untyped-call]
        torch=lambda: backwards(F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)),
    )
    return {
        "blocked_ms": 1000 * seconds["blocked"],
        "torch_ms": 1000 * seconds["torch"],
        "ratio": seconds["torch"] / seconds["blocked"],
    }


def main() -> None:
    measurements = {}
    for dropout in (0.0, 0.1):
        for name, shape in SHAPES.items():
            key = f"{name}, {str(DTYPE).removeprefix('torch.')}, dropout {dropout}"
            measurements[key] = result = measure(*shape, dropout)
            print(f"{key}: {result['ratio']:.2f} times PyTorch's own", result, flush=True)
    common.record("attention", measurements, ["torch"])


if __name__ == "__main__":
    main()
