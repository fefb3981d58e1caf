"""The masked-LM loss without what PyTorch's own would keep of 30,000 logits a token.

N masked tokens, E embedding, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

BLOCK_ROWS, GPU_BLOCK_ROWS = 64, 1024
"""Rows whose probabilities are in float32 at a time where nothing is compiled: 8 MB with 30,000
pieces, so within a CPU's cache; 120 MB on a GPU, where each block costs the time of ten launches.
"""


def vocabulary_cross_entropy(
    x_NE: Tensor,
    embeddings_VE: Tensor,
    bias_V: Tensor,
    labels_N: Tensor,
    count: int | None = None,
    *,
    compiled: bool = False,
) -> tuple[Tensor, Tensor]:
    """The mean cross-entropy of `x @ embeddings.T + bias`, and how many labels score highest.

    The probabilities are computed once, block by block, and overwrite the logits with the loss's
    gradient; the plain form reads and writes seven arrays of N x V, in float32.

    Args:
        x_NE: transformed states at the masked positions.
        embeddings_VE: the word embeddings.
        bias_V: the output bias.
        labels_N: the original ids; none of them is ignored.
        count: what the sum of the losses is divided by; N by default. With that of a whole step,
            the losses and gradients of its parts add up to the mean's.
        compiled: all rows at once in kernels that are compiled first, as it pays on a GPU.

    Returns:
        The loss and the number of right predictions, scalars.
    """
    if torch.is_autocast_enabled(x_NE.device.type):
        dtype = torch.get_autocast_dtype(x_NE.device.type)
        x_NE, embeddings_VE = x_NE.to(dtype), embeddings_VE.to(dtype)
    count = max(1, len(labels_N) if count is None else count)
    loss, right = _VocabularyCrossEntropy.apply(
        x_NE, embeddings_VE, bias_V, labels_N, count, compiled
    )  # type: ignore[no-untyped-call]
    return loss, right


class _VocabularyCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes no names)
        ctx: Any,
        x_NE: Tensor,
        embeddings_VE: Tensor,
        bias_V: Tensor,
        labels_N: Tensor,
        count: int,
        compiled: bool,
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(x_NE.device.type, enabled=False):
            # Without the bias, which PyTorch would first write out N times.
            logits_NV = x_NE @ embeddings_VE.T
        loss = x_NE.new_zeros((), dtype=torch.float32)
        right = torch.zeros((), dtype=torch.int64, device=x_NE.device)
        differentiate_ = _compiled() if compiled else _differentiate_
        rows = BLOCK_ROWS if x_NE.device.type == "cpu" else GPU_BLOCK_ROWS
        if compiled:
            rows = max(1, len(labels_N))
        for start in range(0, len(labels_N), rows):
            part = slice(start, start + rows)
            losses, hits = differentiate_(logits_NV[part], bias_V, labels_N[part, None], count)
            loss += losses
            right += hits
        ctx.save_for_backward(x_NE, embeddings_VE, logits_NV)
        ctx.mark_non_differentiable(right)
        return loss / count, right

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x_NE, embeddings_VE, gradient_NV = ctx.saved_tensors
        scale = grads[0]
        with torch.autocast(x_NE.device.type, enabled=False):
            grad_x = gradient_NV @ embeddings_VE
            grad_embeddings = gradient_NV.T @ x_NE
            grad_bias = gradient_NV.sum(0)
        return grad_x * scale, grad_embeddings * scale, grad_bias * scale, None, None, None


def _differentiate_(
    logits_NV: Tensor, bias_V: Tensor, labels_N1: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """Overwrite logits with their gradients; the sum of the losses, and how many are right."""
    log_probs = torch.log_softmax(logits_NV + bias_V, -1)
    of_label = log_probs.gather(1, labels_N1)
    right = (of_label >= log_probs.amax(1, keepdim=True)).sum()
    logits_NV.copy_(log_probs.exp_().div_(count))
    at_label = torch.expm1(of_label) / count
    logits_NV.scatter_(1, labels_N1, at_label.to(logits_NV.dtype))
    return -of_label.sum(), right


@cache
def _compiled() -> Callable[..., tuple[Tensor, Tensor]]:
    return torch.compile(_differentiate_, dynamic=True)
