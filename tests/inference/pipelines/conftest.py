"""Models whose logits are known."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file


@pytest.fixture
def with_logits(fine_tuned: Callable[..., Path]) -> Callable[..., Path]:
    """Makes folders of text classifiers that give the same logits for every text."""

    def make(logits: Sequence[float], labels: Sequence[str] = (), **changes: object) -> Path:
        names = labels or [f"label {number}" for number in range(len(logits))]
        folder = fine_tuned("AlbertForSequenceClassification", names, **changes)
        tensors = load_file(folder / "model.safetensors")
        tensors["classifier.weight"][:] = 0
        tensors["classifier.bias"] = np.array(logits, np.float32)
        save_file(tensors, folder / "model.safetensors")
        return folder

    return make
