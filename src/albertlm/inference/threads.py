"""Products of NumPy on one core each, also in a process with a library that has threads of its own.

N rows, I inputs, O outputs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from albertlm.inference import processor
from albertlm.inference.arithmetic import Floats

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

OTHERS = ("onnxruntime", "openvino", "torch")
"""The libraries whose threads compute models."""

SMALL = 1 << 28
"""The multiplications of a product that takes a few milliseconds on one thread."""

Result = TypeVar("Result")

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


def on_cores(function: Callable[[slice], Result], rows: int) -> list[Result]:
    """Call a function for equal parts of some rows, each in a thread whose products take one core.

    Args:
        function: is given the rows of a part, at least one. It must not call `product`, which
            waits for it.
        rows: the number of rows.

    Returns:
        What it returned, in the order of the rows.
    """
    cores = processor.cores()
    size = -(-rows // cores) or 1
    parts = [slice(start, start + size) for start in range(0, rows, size)]
    with _one_thread(), ThreadPoolExecutor(cores) as pool:
        return list(pool.map(function, parts))


@contextmanager
def _one_thread() -> Iterator[None]:
    # the limit is that of the whole process, so threads take turns to set it and set it back
    with _alone, _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController  # takes 20 ms

    return ThreadpoolController()
