"""Batches without a corpus."""

from __future__ import annotations

import numpy as np

from albertlm.config import IGNORED
from albertlm.data.batches import Batch


def random_batch(
    lengths: tuple[int, ...] = (9, 4, 9, 7), orders: object = (0, 1, -100, 1)
) -> Batch:
    """A batch with some padding, some masked tokens and some labelled pairs."""
    rng = np.random.default_rng(0)
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    ids = rng.integers(5, 70, mask.shape) * mask
    positions = np.tile([1, 2, 0], (len(lengths), 1))
    labels = rng.integers(5, 70, positions.shape)
    labels[:, 2] = IGNORED
    labels[1, 1] = IGNORED
    is_mask = (labels != IGNORED) & (rng.random(labels.shape) < 0.8)
    segments = ((np.arange(max(lengths)) > 2) & mask).astype(np.int64)
    order = np.array(orders, np.int64)
    numbers = np.arange(len(order))
    return Batch(
        *(ids, segments, mask.astype(np.int64), positions, labels, is_mask, order),
        epochs=np.zeros_like(numbers),
        examples=numbers,
    )
