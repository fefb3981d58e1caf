"""Watches for operations that make the host wait for a device."""

from __future__ import annotations

from typing import Any

import torch
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode


class NoReading(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Rejects operations that make the host wait for values of a device.

    Args:
        host: whether numbers that are not floating-point are the host's, which may be read.
    """

    def __init__(self, *, host: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.host = host

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in {"_local_scalar_dense", "nonzero", "masked_select", "is_nonzero"}:
            assert self.host
            assert not args[0].is_floating_point()
        if name == "index":
            assert all(index.dtype != torch.bool for index in args[1] if index is not None)
        return func(*args, **(kwargs or {}))
