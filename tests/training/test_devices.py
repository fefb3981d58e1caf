"""The measured rate, from the number of products and their time."""

import time
from collections.abc import Callable

import pytest
import torch

from albertlm.training import devices


@pytest.mark.parametrize("bf16", [False, True])
def test_products_by_the_time_that_they_took(bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    products = []
    multiply: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = torch.mm

    def counted(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        products.append(a.dtype)
        return multiply(a, b)

    ticks = iter(range(100))
    monkeypatch.setattr(devices, "MATRIX_SIZES", {"cpu": 16})
    monkeypatch.setattr(devices, "SECONDS", 7)
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(torch, "mm", counted)
    rate = devices.matrix_rate("cpu", bf16=bf16)
    assert set(products) == {torch.bfloat16 if bf16 else torch.float32}
    assert rate == (len(products) - 1) * 2 * 16**3 / 7  # the first one is not timed
