"""Choose a device's precision, and measure its speed and its pauses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch

from albertlm import allocator
from albertlm.training.run_config import Execution

SECONDS = 0.3
MATRIX_SIZES = {"cpu": 1024, "cuda": 8192}
"""Rows and columns of the matrices, large enough that larger products are no faster."""


def resolve_execution(execution: Execution, device: torch.device) -> Execution:
    """The execution on a device, with `bf16` and `compiled` chosen if they are None."""
    bf16 = has_bf16(device) if execution.bf16 is None else execution.bf16
    compiled = device.type == "cuda" if execution.compiled is None else execution.compiled
    return replace(execution, device=str(device), bf16=bf16, compiled=compiled)


def has_bf16(device: str | torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers in hardware; without, they are slower."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))


@contextmanager
def fast_cpu(device: torch.device) -> Iterator[None]:
    """Compute denormal numbers as 0 within a `with` block and, on a CPU, keep memory between steps.

    The moments of rare pieces decay into denormal numbers, which are slow on CPUs.
    """
    torch.set_flush_denormal(True)
    try:
        with allocator.kept_blocks() if device.type == "cpu" else nullcontext():
            yield
    finally:
        torch.set_flush_denormal(False)


def matrix_rate(device: str | torch.device, *, bf16: bool) -> float:
    """Measure the floating-point operations per second of a large matrix product.

    A multiplication with an addition counts as two operations, as in `costs`. The operations per
    second of a model divided by this rate are its utilisation (MFU) of the device at its current
    clock and load, not of its nominal peak.

    Args:
        device: the device to measure.
        bf16: multiply bfloat16 numbers; otherwise float32, in the precision that PyTorch is set to.
    """
    device = torch.device(device)
    size = MATRIX_SIZES.get(device.type, MATRIX_SIZES["cpu"])
    kind = torch.bfloat16 if bf16 else torch.float32
    a, b = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    torch.mm(a, b)  # the first product loads and selects kernels
    _wait(device)
    count, started = 0, time.perf_counter()
    while (seconds := time.perf_counter() - started) < SECONDS:
        torch.mm(a, b)
        _wait(device)
        count += 1
    return count * 2 * size**3 / seconds


class Moment:
    """The moment at which a device has done all that it was given so far.

    Args:
        device: the device. All but GPUs have done it when it is recorded.
    """

    def __init__(self, device: torch.device) -> None:
        self._event: torch.cuda.Event | None = None
        self._time = time.perf_counter()
        if device.type == "cuda":
            self._event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            self._event.record()

    def wait(self) -> None:
        """Wait until it has passed."""
        if self._event:
            self._event.synchronize()

    def until(self, later: Moment) -> float:
        """The seconds to a later moment of the same device, both of which have passed."""
        if self._event and later._event:
            milliseconds: float = self._event.elapsed_time(later._event)
            return milliseconds / 1000
        return later._time - self._time


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
