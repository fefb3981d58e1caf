"""Losses and accuracies on held-out documents, while a model is trained."""

from __future__ import annotations

from itertools import islice

import torch

from albertlm.pretraining.loader import Position, PretrainingData
from albertlm.training.group import Group
from albertlm.training.objective import Counts, PretrainingObjective
from albertlm.training.step import VALUES, forward

BATCH_SIZE = 64


def validate(
    objective: PretrainingObjective, data: PretrainingData, examples: int, group: Group, bf16: bool
) -> dict[str, float]:
    """The mean losses and accuracies of the first examples of held-out documents.

    They are the same examples, masked alike, each time, shared out among the processes.

    Args:
        objective: the model and its loss; without dropout here.
        data: the held-out documents.
        examples: how many, rounded down to whole batches, of those that there are.
        group: the processes, which all call this.
        bf16: matrix products in bfloat16.

    Returns:
        `mlm_loss`, `sop_loss`, `mlm_accuracy`, `sop_accuracy`.
    """
    examples = min(examples, data.examples(0))
    size = min(BATCH_SIZE, examples)
    sums = torch.zeros(len(VALUES), dtype=torch.float64, device=group.device)
    counts = torch.zeros(2, dtype=torch.float64, device=group.device)
    objective.eval()
    stream = data.stream(Position(), size, rank=group.rank, ranks=group.size)
    for batch, _ in islice(stream, examples // size):
        sums += forward(objective, batch, bf16)
        found = Counts.of(batch)
        counts += counts.new_tensor([found.masked, found.ordered])
    objective.train()
    sums, counts = group.sum(sums), group.sum(counts).clamp(min=1)
    denominators = counts[[0, 0, 1, 0, 1]]
    values = dict(zip(VALUES, (sums / denominators).tolist(), strict=True))
    del values["total"]
    return values
