"""The masked-LM loss, which needs less memory than PyTorch's own cross-entropy.

M rows, N masked tokens, E embedding, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

BLOCK_ROWS, GPU_BLOCK_ROWS = 64, 1024
"""The number of rows whose probabilities are computed together in float32, without compilation.

With 30,000 pieces, that is 8 MB, which fit into a CPU's cache, and 120 MB on a GPU, where each
block takes ten kernel launches.
"""


def vocabulary_cross_entropy(
    x_ME: Tensor,
    embeddings_VE: Tensor,
    bias_V: Tensor,
    labels_N: Tensor,
    count: int | None = None,
    *,
    compiled: bool = False,
) -> tuple[Tensor, Tensor]:
    """The mean cross-entropy of `x @ embeddings.T + bias`, and which predictions are right.

    The probabilities are computed once, block by block, and the gradient of the loss overwrites
    the logits. PyTorch's own function reads and writes seven float32 arrays of N x V.

    Args:
        x_ME: transformed states at the masked positions. Rows behind those of the labels count
            nothing.
        embeddings_VE: the word embeddings.
        bias_V: the output bias.
        labels_N: the original ids; none of them is ignored.
        count: the divisor of the sum of the losses; N by default. With the count of a whole step,
            the losses and gradients of its parts add up to those of the mean.
        compiled: process all rows at once in compiled kernels, which is faster on a GPU.

    Returns:
        The loss, a scalar, and (N,) whether each prediction is right.
    """
    if torch.is_autocast_enabled(x_ME.device.type):
        dtype = torch.get_autocast_dtype(x_ME.device.type)
        x_ME, embeddings_VE = x_ME.to(dtype), embeddings_VE.to(dtype)
    count = max(1, len(labels_N) if count is None else count)
    loss, right_N = _VocabularyCrossEntropy.apply(
        x_ME, embeddings_VE, bias_V, labels_N, count, compiled
    )  # type: ignore[no-untyped-call]
    return loss, right_N


class _VocabularyCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes arguments by position)
        ctx: Any,
        x_ME: Tensor,
        embeddings_VE: Tensor,
        bias_V: Tensor,
        labels_N: Tensor,
        count: int,
        compiled: bool,
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(x_ME.device.type, enabled=False):
            # Without the bias, which PyTorch would first copy N times.
            logits_MV = x_ME @ embeddings_VE.T
        logits_MV[len(labels_N) :] = 0
        loss = x_ME.new_zeros((), dtype=torch.float32)
        right_N = torch.zeros(len(labels_N), dtype=torch.bool, device=x_ME.device)
        differentiate_ = _compiled() if compiled else _differentiate_
        rows = BLOCK_ROWS if x_ME.device.type == "cpu" else GPU_BLOCK_ROWS
        if compiled:
            rows = max(1, len(labels_N))
        for start in range(0, len(labels_N), rows):
            part = slice(start, min(start + rows, len(labels_N)))
            losses, right_N[part] = differentiate_(
                logits_MV[part], bias_V, labels_N[part, None], count
            )
            loss += losses
        ctx.save_for_backward(x_ME, embeddings_VE, logits_MV)
        ctx.mark_non_differentiable(right_N)
        return loss / count, right_N

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x_ME, embeddings_VE, gradient_MV = ctx.saved_tensors
        scale = grads[0]
        with torch.autocast(x_ME.device.type, enabled=False):
            grad_x = gradient_MV @ embeddings_VE
            grad_embeddings = gradient_MV.T @ x_ME
            grad_bias = gradient_MV.sum(0)
        return grad_x * scale, grad_embeddings * scale, grad_bias * scale, None, None, None


def _differentiate_(
    logits_NV: Tensor, bias_V: Tensor, labels_N1: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """Overwrite logits with their gradients; return the sum of the losses, and which are right."""
    log_probs = torch.log_softmax(logits_NV + bias_V, -1)
    of_label = log_probs.gather(1, labels_N1)
    right_N = (of_label >= log_probs.amax(1, keepdim=True)).squeeze(1)
    logits_NV.copy_(log_probs.exp_().div_(count))
    at_label = torch.expm1(of_label) / count
    logits_NV.scatter_(1, labels_N1, at_label.to(logits_NV.dtype))
    return -of_label.sum(), right_N


@cache
def _compiled() -> Callable[..., tuple[Tensor, Tensor]]:
    return torch.compile(_differentiate_, dynamic=True)
