"""What the processor of this machine can do, and how many threads may compute on it."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path


@cache
def name() -> str:
    """The name of the processor, as Linux reports it."""
    return _field("model name") or platform.processor()


def has_bfloat16() -> bool:
    """Whether it computes products in bfloat16."""
    return bool(_flags() & {"avx512_bf16", "amx_bf16", "bf16"})


def has_vnni() -> bool:
    """Whether it adds products of unsigned and signed 8-bit integers without saturation."""
    return bool(_flags() & {"avx512_vnni", "avx_vnni"})


def has_amx() -> bool:
    """Whether it has matrix units for products in bfloat16."""
    return "amx_bf16" in _flags()


def cores() -> int:
    """The number of cores that this process may compute on."""
    return thread_limit() or len(os.sched_getaffinity(0))


def thread_limit() -> int | None:
    """The number of threads in `OMP_NUM_THREADS`, which NumPy and PyTorch obey by themselves."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    return int(text) if text.isdecimal() and int(text) > 0 else None


@cache
def _flags() -> frozenset[str]:
    return frozenset((_field("flags") or _field("Features")).split())


def _field(wanted: str) -> str:
    """A field of the first processor in `/proc/cpuinfo`, or an empty text."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = (line.partition(":") for line in lines)
    return next((value.strip() for field, _, value in found if field.strip() == wanted), "")
