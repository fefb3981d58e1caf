"""Data whose streams end badly; workers can import this module."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import islice
from typing import Any

from albertlm.data.batches import Batch, Position
from albertlm.data.loader import PretrainingData


class Failing(PretrainingData):
    """Raises after three batches."""

    def stream(self, *position: Any, **share: Any) -> Iterator[tuple[Batch, Position]]:
        yield from islice(super().stream(*position, **share), 3)
        raise ValueError("the fourth batch is damaged")


class Dying(PretrainingData):
    """Kills its process after three batches."""

    def stream(self, *position: Any, **share: Any) -> Iterator[tuple[Batch, Position]]:
        yield from islice(super().stream(*position, **share), 3)
        os.kill(os.getpid(), signal.SIGKILL)
