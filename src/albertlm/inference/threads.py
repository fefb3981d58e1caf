"""Small products of NumPy in a process with a library that has threads of its own.

N rows, I inputs, O outputs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from albertlm.inference.arithmetic import Floats

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

OTHERS = ("onnxruntime", "openvino", "torch")
"""The libraries whose threads compute models."""

SMALL = 1 << 28
"""The multiplications of a product that takes a few milliseconds on one thread."""

_alone = Lock()


def product(x_NI: Floats, weight_OI: Floats) -> Floats:
    """Multiply rows by a weight, on one thread if that is little work beside one of `OTHERS`.

    The threads of OpenBLAS keep cores busy for 20 ms after a product. Where another library
    computes the model on these cores, that takes more time than several threads save. Other
    products of the process that begin meanwhile take one thread, too.
    """
    if x_NI.size * len(weight_OI) > SMALL or not any(name in sys.modules for name in OTHERS):
        return x_NI @ weight_OI.T
    with _one_thread():
        return x_NI @ weight_OI.T


@contextmanager
def _one_thread() -> Iterator[None]:
    # the limit is that of the whole process, so threads take turns to set it and set it back
    with _alone, _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController  # takes 20 ms

    return ThreadpoolController()
