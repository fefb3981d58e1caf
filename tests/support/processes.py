"""Functions run by several processes at once, as `torchrun` starts them."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


class Processes:
    """Processes that stay for the next call.

    Args:
        most: the number of them.
    """

    def __init__(self, most: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(most, mp_context=context)

    def run(self, function: Callable[..., Any], size: int, *arguments: Any) -> list[Any]:
        """Call a function of a module in `size` processes; what it returns, by rank.

        Raises:
            Exception: what it raised in the first of the processes in which it did.
        """
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        # each waits for all others, so that no process can take two
        calls = [
            self.pool.submit(_call, function, rank, size, port, arguments) for rank in range(size)
        ]
        errors = [call.exception() for call in calls]
        for error in errors:
            if error:
                raise error
        return [call.result() for call in calls]


def _call(
    function: Callable[..., Any], rank: int, size: int, port: int, arguments: tuple[Any, ...]
) -> Any:
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": size, "RANK": rank}
    os.environ |= {name: str(value) for name, value in place.items()} | {"LOCAL_RANK": str(rank)}
    return function(*arguments)
