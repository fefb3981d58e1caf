"""The loss and accuracy of predictions, from logits and labels of NumPy or PyTorch.

N predictions, V classes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

ROWS = 1024
"""Predictions that are scored at once; 100,000 of 30,000 classes would take 12 GB."""


class Scored(NamedTuple):
    """Sums over predictions, as scalars of the library and on the device of the logits.

    Fields:
        nats: the sum of the cross-entropies, a 64-bit float.
        right: the number of predictions whose label scores highest.
    """

    nats: Any
    right: Any


def score_rows(logits_NV: Any, labels_N: Any) -> tuple[Any, Any]:
    """The cross-entropy and correctness of each prediction.

    Args:
        logits_NV: an array or tensor of any floating-point type, converted to float32.
        labels_N: the correct classes.

    Returns:
        (N,) the cross-entropy of each prediction in nats, and whether its label scores highest.
    """
    xp = sys.modules[type(logits_NV).__module__.partition(".")[0]]  # numpy or torch
    logits_NV = xp.asarray(logits_NV, dtype=xp.float32)
    highest_N = xp.amax(logits_NV, -1)
    sums_N = xp.exp(logits_NV - highest_N[:, None]).sum(-1)
    of_label_N = logits_NV[xp.arange(len(labels_N)), labels_N]
    # among equal scores, the first is the answer of the model
    return xp.log(sums_N) + highest_N - of_label_N, xp.argmax(logits_NV, -1) == labels_N


def score(logits_of: Callable[[slice], Any], labels_N: Any, rows: int = ROWS) -> Scored:
    """The sums over all predictions, computed in parts.

    Args:
        logits_of: a function that returns the logits of a slice of the predictions.
        labels_N: the correct classes.
        rows: the number of predictions in a part.
    """
    nats, right = 0.0, 0
    for start in range(0, len(labels_N), rows):
        part = slice(start, start + rows)
        nats_N, right_N = score_rows(logits_of(part), labels_N[part])
        nats = nats + nats_N.sum(dtype=sys.modules[type(nats_N).__module__].float64)
        right = right + right_N.sum()
    return Scored(nats, right)
