"""Communication between the processes of a run, and the errors when one does not respond."""

from __future__ import annotations

import pytest
import torch
from group_calls import fall_silent, talk
from processes import Processes

from albertlm.training.group import Group


def test_three_processes_together(processes: Processes) -> None:
    told = processes.run(talk, 3)
    assert [each["rank"] for each in told] == [(0, 3, True), (1, 3, False), (2, 3, False)]
    for rank, each in enumerate(told):
        assert each["sum"] == [0, 111, 222, 333, 444, 555]
        assert each["unchanged"] == [n * 10**rank for n in range(6)]
        assert each["wrapped"] == [3 * 2**62 - 2**64]
        assert each["share"] == each["sum"][2 * rank : 2 * rank + 2]
        assert each["from_first"] == [1.5, 2.5]
        assert each["gathered"] == [1, 1, 2, 2, 3, 3]


def test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    numbers = torch.arange(4.0)
    with Group.join("cpu") as group:
        assert group == Group.alone("cpu")
        assert (group.rank, group.size, group.first) == (0, 1, True)
        group.wait()
        group.sum_(numbers)
        group.sum_share_(numbers)
        group.gather_(numbers)
        assert group.sum(numbers).tolist() == numbers.tolist() == [0, 1, 2, 3]
        assert group.share(4) == slice(0, 4)


def test_a_silent_process_ends_the_wait(processes: Processes) -> None:
    with pytest.raises(
        ConnectionError, match="another process of the run died or does not respond"
    ):
        processes.run(fall_silent, 2)


@pytest.mark.slow
def test_a_missing_process_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_PORT", "0")
    with (
        pytest.raises(ConnectionError, match="not all processes of the run connected"),
        Group.join("cpu", timeout=2),
    ):
        pass


def test_restarts_with_a_shared_store_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    with pytest.raises(ValueError, match="TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"), Group.join("cpu"):
        pass
