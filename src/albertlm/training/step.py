"""One optimizer step's forward and backward passes, a micro-batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import torch
from torch import Tensor

from albertlm import costs
from albertlm.config import AlbertConfig
from albertlm.pretraining.loader import Batch
from albertlm.training.objective import Counts, PretrainingObjective

VALUES = ("total", "mlm_loss", "sop_loss", "mlm_accuracy", "sop_accuracy")
"""What `backward` and `forward` return, in this order."""


def backward(
    objective: PretrainingObjective,
    batch: Batch,
    counts: Counts,
    micro_batch: int | None,
    bf16: bool,
) -> Tensor:
    """Add a batch's gradients to those of the parameters.

    Args:
        objective: the model and its loss.
        batch: this process's share of the step's examples.
        counts: of the whole step, all processes together, that losses are means over.
        micro_batch: examples of one backward pass; None for all at once.
        bf16: matrix products in bfloat16.

    Returns:
        (5,) this share's summands of the step's `VALUES`, on the model's device.
    """
    values = torch.zeros(len(VALUES), device=_device(objective))
    for part in micro_batches(batch, micro_batch):
        with torch.autocast(_device(objective).type, dtype=torch.bfloat16, enabled=bf16):
            losses = objective(part, counts)
        losses.total.backward()
        values += _stacked(losses)
    return values


@torch.no_grad()
def forward(objective: PretrainingObjective, batch: Batch, bf16: bool) -> Tensor:
    """(5,) the sums, not means, of a batch's `VALUES`: losses, and numbers of right predictions."""
    with torch.autocast(_device(objective).type, dtype=torch.bfloat16, enabled=bf16):
        return _stacked(objective(batch, Counts(masked=1, ordered=1)))


def micro_batches(batch: Batch, size: int | None) -> Iterator[Batch]:
    """A batch in parts of at most `size` examples, each as narrow as its longest example."""
    total = len(batch.input_ids)
    if size is None or size >= total:
        yield batch
        return
    for start in range(0, total, size):
        rows = slice(start, start + size)
        part = Batch(**{each.name: getattr(batch, each.name)[rows] for each in fields(batch)})
        length = int(part.attention_mask.sum(1).max())
        masks = int((part.labels >= 0).sum(1).max())
        yield replace(
            part,
            input_ids=part.input_ids[:, :length],
            token_type_ids=part.token_type_ids[:, :length],
            attention_mask=part.attention_mask[:, :length],
            masked_positions=part.masked_positions[:, :masks],
            labels=part.labels[:, :masks],
        )


def flops(model: AlbertConfig, batch: Batch, layers: int | None) -> float:
    """Floating-point operations that the model needs for a training step on a batch.

    Forwards once and backwards twice as many; what is computed again, as by activation
    checkpointing, does not count.
    """
    lengths_B = batch.attention_mask.sum(1)
    applied = replace(model, num_hidden_layers=layers or model.num_hidden_layers)
    mean_length = float((lengths_B**2).sum() / lengths_B.sum())  # of a token's text
    backbone = lengths_B.sum() * costs.flops_per_token(applied, round(mean_length))
    head = np.count_nonzero(batch.labels >= 0) * costs.flops_per_prediction(model)
    return 3.0 * float(backbone + head)


def _device(objective: PretrainingObjective) -> torch.device:
    return objective.model.predictions.bias.device


def _stacked(losses: object) -> Tensor:
    return torch.stack([getattr(losses, name).detach().float() for name in VALUES])
