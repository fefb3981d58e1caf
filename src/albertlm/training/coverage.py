"""What a run saw of its data, over all its processes and phases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from albertlm.pretraining.coverage import Coverage
from albertlm.pretraining.loader import PretrainingData
from albertlm.training.group import Group


def brought_together(coverage: Coverage, group: Group) -> Coverage:
    """What all processes saw, in the first of them, and nothing in the others."""
    if group.size == 1:
        return coverage
    own = torch.tensor([1 + max(coverage.totals, default=-1)])
    epochs = int(group.sum(own))  # as many as any process may have seen, or more
    table = group.sum(torch.from_numpy(coverage.to_table(epochs)))
    return Coverage.from_table(table.cpu().numpy()) if group.first else Coverage()


def findings(
    coverages: Sequence[Coverage], phases: Sequence[PretrainingData]
) -> list[dict[str, Any]]:
    """For each epoch of each phase what was seen of it, as JSON can write it.

    The last epoch of a phase may have ended early: it is compared as far as it came.
    """
    rows = []
    for number, (coverage, data) in enumerate(zip(coverages, phases, strict=True), start=1):
        for epoch, seen in sorted(coverage.totals.items()):
            whole = data.examples(epoch)
            expected = data.expected(epoch, min(seen.examples, whole))
            verdict = coverage.compare(epoch, expected).verdict
            rows.append(
                {
                    "phase": number,
                    "epoch": epoch,
                    "seen": seen.examples,
                    "expected": whole,
                    "verdict": verdict,
                }
            )
    return rows
