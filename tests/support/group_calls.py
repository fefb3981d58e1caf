"""Functions that tests run in the processes of a group."""

from __future__ import annotations

import time
from typing import Any

import torch

from albertlm.training.group import Group


def talk() -> dict[str, Any]:
    """Call every method once, with a different tensor in each process."""
    with Group.join("cpu") as group:
        mine = torch.arange(6.0) * 10**group.rank
        share, whole = mine.clone(), torch.zeros(6)
        group.sum_share_(share)
        whole[group.share(6)] = group.rank + 1.0
        group.gather_(whole)
        group.wait()
        return {
            "rank": (group.rank, group.size, group.first),
            "sum": group.sum(mine).tolist(),
            "unchanged": mine.tolist(),
            "wrapped": group.sum(torch.tensor([2**62])).tolist(),
            "share": share[group.share(6)].tolist(),
            "from_first": group.from_first([1.5 + group.rank, 2.5]),
            "gathered": whole.tolist(),
        }


def fall_silent() -> None:
    """Let the last process sleep for longer than the others wait."""
    with Group.join("cpu", timeout=2) as group:
        if group.rank == group.size - 1:
            time.sleep(6)
        else:
            group.wait()
