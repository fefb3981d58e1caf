"""The values of a step, without those that it lacks."""

import numpy as np
import pytest
import torch
from batches import random_batch

from albertlm.data.batches import Position
from albertlm.training.steps import BegunStep


@pytest.mark.parametrize("pairs", [0, 3])
def test_what_has_no_weight_is_left_out(pairs: int) -> None:
    batch = random_batch()
    known: dict[str, float] = {"pairs": pairs, "tokens": 9}
    computed = torch.tensor([2.5, 0.5])
    step = BegunStep(7, batch, Position(1, 4), known, agreed=(False,), computed=computed)
    values = step.read(("total", "sop_loss"), {"sop_loss": "pairs"})
    assert values == {"total": 2.5, **({"sop_loss": 0.5} if pairs else {}), **known}
    assert (step.number, step.after) == (7, Position(1, 4))
    assert np.array_equal(step.batch.input_ids, batch.input_ids)
