"""Communication between the processes of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from albertlm.data.coverage import Coverage
from albertlm.models.torch.pretrained import device_of

TIMEOUT = 600.0
"""Seconds that a process waits for the others before it raises an error."""

# PyTorch before 2.13 has only the second names.
_reduce_scatter = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor
_all_gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor


@dataclass(frozen=True)
class Group:
    """One of the processes that train a model together.

    Every process must call the same methods in the same order; a call returns when all processes
    have made it. The methods raise a ConnectionError when another process has died or does not
    respond.

    Fields:
        rank: the number of this process, from 0.
        size: the number of processes.
        device: the device of this process.
        host: connects the processes for tensors on the CPU if their device is another, so that
            such tensors are summed without waiting for the device; None for the same connection.
    """

    rank: int
    size: int
    device: torch.device
    host: dist.ProcessGroup | None = None

    @classmethod
    def alone(cls, device: str | None = None) -> Group:
        """The group of a single process, on a GPU if there is one unless `device` is given."""
        return cls(0, 1, device_of(device))

    @classmethod
    @contextmanager
    def join(cls, device: str | None = None, timeout: float = TIMEOUT) -> Iterator[Group]:
        """Connect the processes that `torchrun` or Ray Train started, within a `with` block.

        The processes find each other through environment variables (`RANK`, `WORLD_SIZE`,
        `LOCAL_RANK`, `MASTER_ADDR`, `MASTER_PORT`), unless they are already connected, as those of
        Ray Train are. A process without these variables is a group of its own.

        Args:
            device: `cpu` or `cuda`, where each process of a machine uses a different GPU; None for
                `cuda` if there is one.
            timeout: the number of seconds that a process waits for the others.

        Raises:
            ConnectionError: not all processes connected.
            ValueError: processes that `torchrun` restarts could not find each other.
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
            with _told("not all processes of the run connected"):
                dist.init_process_group(
                    "nccl" if group.device.type == "cuda" else "gloo",
                    timeout=timedelta(seconds=timeout),
                )
        try:
            host = (
                dist.new_group(backend="gloo", timeout=timedelta(seconds=timeout))
                if group.device.type == "cuda"
                else None
            )
            yield cls(dist.get_rank(), size, group.device, host)
        finally:
            if connects:
                dist.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this is the first process, which writes the run's files."""
        return self.rank == 0

    def sum(self, numbers: Tensor) -> Tensor:
        """The sum of the tensors of all processes, on the tensor's device; integers wrap."""
        total = numbers.clone()
        self.sum_(total)
        return total

    def from_first(self, numbers: Sequence[float]) -> list[float]:
        """The numbers of the first process, as many as this one gives."""
        own = torch.tensor(numbers, dtype=torch.float64)
        found: list[float] = self.sum(own if self.first else torch.zeros_like(own)).tolist()
        return found

    def wait(self) -> None:
        """Wait until all processes have made this call."""
        self.sum(torch.zeros(1))

    def sum_(self, numbers: Tensor) -> None:
        """In-place version of `sum`."""
        if self.size > 1:
            with _told(_LOST):
                dist.all_reduce(numbers, group=self.host if numbers.device.type == "cpu" else None)

    def share(self, size: int) -> slice:
        """This process's range of a flat tensor, whose `size` is a multiple of `Group.size`."""
        each = size // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def sum_share_(self, numbers: Tensor) -> None:
        """`sum_` of this process's share of a flat tensor; the rest is undefined afterwards."""
        if self.size > 1:
            with _told(_LOST):
                _reduce_scatter(numbers[self.share(len(numbers))], numbers)

    def gather_(self, numbers: Tensor) -> None:
        """Fill a flat tensor, in which each process has set its share, with all shares."""
        if self.size > 1:
            with _told(_LOST):
                _all_gather(numbers, numbers[self.share(len(numbers))])


def gathered(coverage: Coverage, group: Group) -> Coverage:
    """The coverage of all processes in the first one, and an empty one in the others."""
    if group.size == 1:
        return coverage
    own = torch.tensor([1 + max(coverage.totals, default=-1)])
    epochs = int(group.sum(own))  # at least as many as any process has seen
    table = group.sum(torch.from_numpy(coverage.to_table(epochs)))
    return Coverage.from_table(table.cpu().numpy()) if group.first else Coverage()


def _refuse_shared_store() -> None:
    """By default, restarted processes read stale addresses (pytorch/pytorch#135712)."""
    restarts = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0"))
    if restarts and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise ValueError(
            f"--max-restarts={restarts} needs TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in the "
            "environment of torchrun, or restarted processes may not find each other; set it"
        )


_LOST = "another process of the run died or does not respond"


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Convert PyTorch's communication errors to a ConnectionError with a message of one line."""
    try:
        yield
    except (RuntimeError, dist.DistError) as error:
        said = str(error).partition("\n")[0]
        raise ConnectionError(
            f"{what} ({said}); check the others and start the run again: it resumes from its "
            "newest checkpoint"
        ) from error
