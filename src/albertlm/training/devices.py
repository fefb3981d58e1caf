"""What a run is carried out on: which device, whether in bfloat16, and how fast it multiplies."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from albertlm.training.config import Execution

SECONDS = 0.3
SIZES = {"cpu": 1024, "cuda": 8192}
"""Rows and columns of the matrices: large enough that a larger product is no faster."""


def resolve(execution: Execution) -> Execution:
    """With a device, a precision and whether to compile where they were left open."""
    device = execution.device or ("cuda" if torch.cuda.is_available() else "cpu")
    bf16 = has_bf16(device) if execution.bf16 is None else execution.bf16
    compiled = device.startswith("cuda") if execution.compiled is None else execution.compiled
    return replace(execution, device=device, bf16=bf16, compiled=compiled)


def has_bf16(device: str | torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers in hardware; others are slower with them."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def matrix_rate(device: str | torch.device, *, bf16: bool) -> float:
    """Floating-point operations a second of a large matrix product, measured for a moment.

    A multiplication with an addition counts as two, as in `costs`. Model operations a second,
    divided by this, are the utilisation (MFU) that is reached on this device as it is now, with
    its clock and its other users, rather than of what its maker promises.

    Args:
        device: where.
        bf16: of bfloat16 numbers, otherwise of float32, in whichever precision PyTorch is set to
            multiply those.
    """
    device = torch.device(device)
    size = SIZES.get(device.type, SIZES["cpu"])
    kind = torch.bfloat16 if bf16 else torch.float32
    a, b = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    torch.mm(a, b)  # the first one loads and chooses kernels
    _wait(device)
    count, started = 0, time.perf_counter()
    while (seconds := time.perf_counter() - started) < SECONDS:
        torch.mm(a, b)
        _wait(device)
        count += 1
    return count * 2 * size**3 / seconds


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
