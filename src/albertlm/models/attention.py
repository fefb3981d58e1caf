"""Scaled dot-product attention, by the kernel that is the fastest for the case.

B batch, H heads, T queries, S keys, K head size.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK_BYTES = 4 << 20
"""Scores of one block of `BlockedAttention`: what stays in the caches of one or two cores."""


def attend(
    q_BHTK: Tensor, k_BHSK: Tensor, v_BHSK: Tensor, mask_BS: Tensor | None, dropout: float
) -> Tensor:
    """The context of each query, (B, H, T, K).

    Args:
        q_BHTK: queries.
        k_BHSK: keys.
        v_BHSK: values.
        mask_BS: True where a key may be attended to; None for everywhere.
        dropout: probability that an attention weight is zeroed (0 outside training).
    """
    if q_BHTK.device.type == "cpu" and torch.is_grad_enabled() and q_BHTK.requires_grad:
        return BlockedAttention.apply(q_BHTK, k_BHSK, v_BHSK, mask_BS, dropout)  # type: ignore[no-any-return,no-untyped-call]
    bias = None if mask_BS is None else _bias(mask_BS, q_BHTK.dtype)
    return F.scaled_dot_product_attention(q_BHTK, k_BHSK, v_BHSK, bias, dropout)


def attend_with_weights(
    q_BHTK: Tensor, k_BHSK: Tensor, v_BHSK: Tensor, mask_BS: Tensor | None, dropout: float
) -> tuple[Tensor, Tensor]:
    """The context (B, H, T, K) and the attention weights (B, H, T, S), both differentiable."""
    weights_BHTS = _weights(q_BHTK, k_BHSK, mask_BS)
    return F.dropout(weights_BHTS, dropout, training=dropout > 0) @ v_BHSK, weights_BHTS


class BlockedAttention(torch.autograd.Function):
    """Attention as batched matrix products over a few sequences at a time.

    PyTorch's fused CPU kernel takes longer, most of all with short sequences
    (`benchmarks/attention.py`).
    A block's scores stay in cache and are computed again in the backward pass, so that the memory
    does not grow with T².
    """

    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes no names)
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout: float
    ) -> Tensor:
        ctx.dropout = dropout
        ctx.seed = int(torch.randint(1 << 62, ())) if dropout else 0
        ctx.save_for_backward(q, k, v, mask)
        context = torch.empty_like(q)
        with torch.autocast("cpu", enabled=False):
            for block, q_, k_, v_, mask_ in _blocks(q, k, v, mask):
                weights = _weights(q_, k_, mask_)
                if dropout:
                    weights *= _kept(weights, dropout, ctx.seed + block.start)
                context[block] = weights @ v_
        return context

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        q, k, v, mask = ctx.saved_tensors
        scale = q.shape[-1] ** -0.5
        grad_q, grad_k, grad_v = (torch.empty_like(x) for x in (q, k, v))
        with torch.autocast("cpu", enabled=False):
            for block, q_, k_, v_, mask_ in _blocks(q, k, v, mask):
                weights = _weights(q_, k_, mask_)
                grad_weights = grad[block] @ v_.transpose(-1, -2)
                used = weights
                if ctx.dropout:
                    kept = _kept(weights, ctx.dropout, ctx.seed + block.start)
                    used = weights * kept
                    grad_weights *= kept
                grad_v[block] = used.transpose(-1, -2) @ grad[block]
                grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, q.dtype)
                grad_q[block] = grad_scores @ (k_ * scale)
                grad_k[block] = grad_scores.transpose(-1, -2) @ (q_ * scale)
        return grad_q, grad_k, grad_v, None, None


def _blocks(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Any:
    """Slices of the batch whose scores fit into `BLOCK_BYTES`, with the tensors cut by them."""
    batch, heads, queries, _ = q.shape
    size = max(1, BLOCK_BYTES // (heads * queries * k.shape[2] * q.element_size()))
    for start in range(0, batch, size):
        block = slice(start, start + size)
        yield block, q[block], k[block], v[block], None if mask is None else mask[block]


def _weights(q_BHTK: Tensor, k_BHSK: Tensor, mask_BS: Tensor | None) -> Tensor:
    scores_BHTS = (q_BHTK * q_BHTK.shape[-1] ** -0.5) @ k_BHSK.transpose(-1, -2)
    if mask_BS is not None:
        least = torch.finfo(scores_BHTS.dtype).min
        scores_BHTS = scores_BHTS.masked_fill(~mask_BS[:, None, None, :], least)
    return torch.softmax(scores_BHTS, -1)


def _bias(mask_BS: Tensor, dtype: torch.dtype) -> Tensor:
    # The least finite number and not -inf: a row without any key gets equal weights, never NaN.
    bias_BS = torch.zeros(mask_BS.shape, dtype=dtype, device=mask_BS.device)
    return bias_BS.masked_fill_(~mask_BS, torch.finfo(dtype).min)[:, None, None, :]


def _kept(weights: Tensor, dropout: float, seed: int) -> Tensor:
    """The factor of each weight under dropout; the same in the backward pass by its own seed."""
    generator = torch.Generator().manual_seed(seed)
    kept = torch.empty_like(weights).bernoulli_(1 - dropout, generator=generator)
    return kept.div_(1 - dropout)
