"""The processes of a run, and what they tell each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

TIMEOUT = 600.0
"""Seconds that a process waits for the others before it gives up."""

# PyTorch before 2.13 knows them by the second names only.
_reduce_scatter = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor
_all_gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor


@dataclass(frozen=True)
class Group:
    """One process among those that train a model together.

    Every process must call the same methods in the same order; each returns when all have called
    it. They raise a ConnectionError when another process has died, or is silent for too long.

    Fields:
        rank: this process's number, from 0.
        size: the number of processes.
        device: where this process computes.
    """

    rank: int
    size: int
    device: torch.device

    @classmethod
    def alone(cls, device: str | None = None) -> Group:
        """A process that trains by itself, on a GPU where there is one unless `device` is given."""
        return cls(0, 1, torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")))

    @classmethod
    @contextmanager
    def join(cls, device: str | None = None, timeout: float = TIMEOUT) -> Iterator[Group]:
        """The processes that `torchrun` or Ray Train started together, for a `with` block's time.

        They find each other by the environment that it sets (`RANK`, `WORLD_SIZE`, `LOCAL_RANK`,
        `MASTER_ADDR`, `MASTER_PORT`), unless they are connected already, as Ray Train's are. A
        process without it is alone.

        Args:
            device: `cpu` or `cuda`, of which each process of a machine takes its own; None for
                `cuda` where there is one.
            timeout: seconds that a process waits for the others.

        Raises:
            ConnectionError: not all processes came.
            ValueError: `torchrun` would start processes again that cannot find each other then.
        """
        _refuse_shared_store()
        group = cls.alone(device)
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            yield group
            return
        if group.device.type == "cuda":
            group = cls.alone(f"cuda:{os.environ['LOCAL_RANK']}")
            torch.cuda.set_device(group.device)
        if connects := not dist.is_initialized():
            with _told("not all processes of the run came"):
                dist.init_process_group(
                    "nccl" if group.device.type == "cuda" else "gloo",
                    timeout=timedelta(seconds=timeout),
                )
        try:
            yield cls(dist.get_rank(), size, group.device)
        finally:
            if connects:
                dist.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def sum(self, numbers: Tensor) -> Tensor:
        """The sum of all processes' tensors of one shape, where they are; integers wrap."""
        total = numbers.to(self.device, copy=True)  # NCCL sums on GPUs only
        self.sum_(total)
        return total.to(numbers.device)

    def wait(self) -> None:
        """Return when all processes have come here."""
        self.sum(torch.zeros(1))

    def sum_(self, numbers: Tensor) -> None:
        """`sum` in place."""
        if self.size > 1:
            with _told(_LOST):
                dist.all_reduce(numbers)

    def share(self, size: int) -> slice:
        """This process's range of a flat tensor of `size` numbers, a multiple of `Group.size`."""
        each = size // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def sum_share_(self, numbers: Tensor) -> None:
        """`sum_` of this process's share of a flat tensor; what the rest holds then is open."""
        if self.size > 1:
            with _told(_LOST):
                _reduce_scatter(numbers[self.share(len(numbers))], numbers)

    def gather_(self, numbers: Tensor) -> None:
        """Fill a flat tensor, of which each process has its share, with the shares of all."""
        if self.size > 1:
            with _told(_LOST):
                _all_gather(numbers, numbers[self.share(len(numbers))])


def _refuse_shared_store() -> None:
    """By default a restart reads addresses of processes that are dead (pytorch/pytorch#135712)."""
    restarts = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0"))
    if restarts and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise ValueError(
            f"--max-restarts={restarts} needs TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in the "
            "environment of torchrun, or restarted processes may not find each other; set it"
        )


_LOST = "another process of the run died or is silent"


@contextmanager
def _told(what: str) -> Iterator[None]:
    """PyTorch's errors of communication, in one line."""
    try:
        yield
    except (RuntimeError, dist.DistError) as error:
        said = str(error).partition("\n")[0]
        raise ConnectionError(
            f"{what} ({said}); see to the others and start the run again: it goes on from its "
            "newest checkpoint"
        ) from error
