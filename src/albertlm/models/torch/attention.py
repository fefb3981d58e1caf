"""Scaled dot-product attention, by the fastest kernel for each case.

B batch, H heads, T queries, S keys, K head size, M, N rows of a batch without padding; within
`BlockedAttention`, N heads of the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from albertlm.models.torch.dropout import draw_seed, drop_, kept, random_bits

HALVES = torch.bfloat16, torch.float16

BLOCK_BYTES = 2 << 20
"""Size of the scores in a block of `BlockedAttention`, to fit into the caches of 1 or 2 cores."""


def attend(
    q_BHTK: Tensor, k_BHSK: Tensor, v_BHSK: Tensor, mask_BS: Tensor | None, dropout: float
) -> Tensor:
    """The context of each query, (B, H, T, K).

    Args:
        q_BHTK: queries.
        k_BHSK: keys.
        v_BHSK: values.
        mask_BS: True where a key may be attended to; None if all may.
        dropout: probability that an attention weight is zeroed (0 outside training).
    """
    training = torch.is_grad_enabled() and q_BHTK.requires_grad
    if q_BHTK.device.type == "cpu" and training and (dropout or q_BHTK.dtype in HALVES):
        return BlockedAttention.apply(q_BHTK, k_BHSK, v_BHSK, mask_BS, dropout)  # type: ignore[no-any-return,no-untyped-call]
    bias = None if mask_BS is None else _bias(mask_BS, q_BHTK.dtype)
    return F.scaled_dot_product_attention(q_BHTK, k_BHSK, v_BHSK, bias, dropout)


def packs(x_ND: Tensor, heads: int, dropout: float) -> bool:
    """Whether `attend_packed`, a flash kernel for GPUs and half precision, supports such rows."""
    size = x_ND.shape[1] // heads
    return x_ND.is_cuda and x_ND.dtype in HALVES and not dropout and size % 8 == 0 and size <= 256


def attend_packed(
    q_MHK: Tensor,
    k_NHK: Tensor,
    v_NHK: Tensor,
    starts: tuple[Tensor, Tensor],
    longest: tuple[int, int],
) -> Tensor:
    """The context of each query, (M, H, K), for texts that are concatenated without padding.

    Args:
        q_MHK: queries.
        k_NHK: keys.
        v_NHK: values.
        starts: (B + 1,) the index of each text's first query, and the number of queries; likewise
            for the keys.
        longest: upper bounds of the number of queries and keys in a text.
    """
    from torch.nn.attention.varlen import varlen_attn  # imports the compiler, which takes a second

    return varlen_attn(q_MHK, k_NHK, v_NHK, *starts, *longest)  # type: ignore[return-value]


def attend_with_weights(
    q_BHTK: Tensor, k_BHSK: Tensor, v_BHSK: Tensor, mask_BS: Tensor | None, dropout: float
) -> tuple[Tensor, Tensor]:
    """The context (B, H, T, K) and the attention weights (B, H, T, S), both differentiable."""
    flat = q_BHTK.flatten(0, 1), k_BHSK.flatten(0, 1)
    mask = None if mask_BS is None else mask_BS.repeat_interleave(q_BHTK.shape[1], 0)[:, None]
    weights_BHTS = _weights(*flat, mask).view(*q_BHTK.shape[:-1], -1)
    return F.dropout(weights_BHTS, dropout, training=dropout > 0) @ v_BHSK, weights_BHTS


class BlockedAttention(torch.autograd.Function):
    """Attention as batched matrix products over a few heads at a time.

    PyTorch's fused CPU kernel is slower in bfloat16, especially for short sequences, and does not
    support dropout, so PyTorch would then keep all weights (`benchmarks/attention.py`). Here, the
    scores of a block stay in the cache and are recomputed in the backward pass, so the memory does
    not grow with T².
    """

    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes arguments by position)
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout: float
    ) -> Tensor:
        ctx.shapes = q.shape, k.shape
        mask = None if mask is None else mask.repeat_interleave(q.shape[1], 0)[:, None]
        q, k, v = (x.flatten(0, 1).contiguous() for x in (q, k, v))
        ctx.dropout = dropout
        ctx.seed = draw_seed() if dropout else 0
        ctx.save_for_backward(q, k, v, mask)
        context, bits = torch.empty_like(q), random_bits(ctx.seed)
        with torch.autocast("cpu", enabled=False):
            for block, mask_ in _blocks(q, k, mask):
                used = _weights(q[block], k[block], mask_)
                if dropout:
                    drop_(used, kept(used, dropout, bits))
                _product(used, v[block], 1 / (1 - dropout), out=context[block])
        return context.view(ctx.shapes[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, mask = ctx.saved_tensors
        grad_context = grads[0].flatten(0, 1)
        scale, gain = q.shape[-1] ** -0.5, 1 / (1 - ctx.dropout)
        grad_q, grad_k, grad_v = (torch.empty_like(x) for x in (q, k, v))
        bits = random_bits(ctx.seed)
        with torch.autocast("cpu", enabled=False):
            for block, mask_ in _blocks(q, k, mask):
                q_, k_, v_, grad = q[block], k[block], v[block], grad_context[block]
                used = weights = _weights(q_, k_, mask_)
                grad_weights = _product(grad, v_.transpose(-1, -2), gain)
                if ctx.dropout:
                    left = kept(weights, ctx.dropout, bits)
                    used = drop_(weights.clone(), left)
                    drop_(grad_weights, left)
                _product(used.transpose(-1, -2), grad, gain, out=grad_v[block])
                grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, q.dtype)
                _product(grad_scores, k_, scale, out=grad_q[block])
                _product(grad_scores.transpose(-1, -2), q_, scale, out=grad_k[block])
        of_q, of_k = ctx.shapes
        return grad_q.view(of_q), grad_k.view(of_k), grad_v.view(of_k), None, None


def _blocks(q: Tensor, k: Tensor, mask: Tensor | None) -> Iterator[tuple[slice, Tensor | None]]:
    """Slices of all heads whose scores fit into `BLOCK_BYTES`, each with its part of the mask."""
    heads, queries, _ = q.shape
    size = max(1, BLOCK_BYTES // (queries * k.shape[1] * q.element_size()))
    for start in range(0, heads, size):
        block = slice(start, start + size)
        yield block, None if mask is None else mask[block]


def _weights(q_NTK: Tensor, k_NSK: Tensor, mask: Tensor | None) -> Tensor:
    """The attention weights, (N, T, S); keys where the mask, (N, 1, S), is False have none."""
    scores_NTS = _product(q_NTK, k_NSK.transpose(-1, -2), q_NTK.shape[-1] ** -0.5)
    if mask is not None:
        scores_NTS = scores_NTS.masked_fill(~mask, torch.finfo(scores_NTS.dtype).min)
    return torch.softmax(scores_NTS, -1)


def _product(a_NTK: Tensor, b_NKS: Tensor, factor: float, out: Tensor | None = None) -> Tensor:
    """`factor * a @ b`, without an array for `factor * a`."""
    return torch.baddbmm(a_NTK.new_zeros(1), a_NTK, b_NKS, beta=0, alpha=factor, out=out)


def _bias(mask_BS: Tensor, dtype: torch.dtype) -> Tensor:
    # The smallest finite number instead of -inf: a row without keys gets equal weights, not NaN.
    bias_BS = torch.zeros(mask_BS.shape, dtype=dtype, device=mask_BS.device)
    return bias_BS.masked_fill_(~mask_BS, torch.finfo(dtype).min)[:, None, None, :]
