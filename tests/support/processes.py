"""Run functions in several processes at once, as `torchrun` starts them."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


class Processes:
    """Processes that are reused by the next call.

    Args:
        most: the number of processes.
    """

    def __init__(self, most: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(most, mp_context=context)

    def run(self, function: Callable[..., Result], size: int, *arguments: Any) -> list[Result]:
        """Call a function of a module in `size` processes and return its results by rank.

        Raises:
            Exception: the exception of the lowest rank in which the function raised one.
        """
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        # each call waits for the others, so no process can take two
        calls = [
            self.pool.submit(_call, function, rank, size, port, arguments) for rank in range(size)
        ]
        errors = [call.exception() for call in calls]
        for error in errors:
            if error:
                raise error
        return [call.result() for call in calls]


def _call(
    function: Callable[..., Result], rank: int, size: int, port: int, arguments: tuple[Any, ...]
) -> Result:
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": size, "RANK": rank}
    os.environ |= {name: str(value) for name, value in place.items()} | {"LOCAL_RANK": str(rank)}
    return function(*arguments)
