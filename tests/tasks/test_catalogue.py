"""Every task has a name, an example of whose use is in the tests of its module."""

from pathlib import Path

import pytest

from albertlm.tasks.catalogue import NAMES, TASKS, find_task


def test_all_tasks_are_there() -> None:
    wanted = "squad1 squad2 mnli sst2 race cola mrpc qqp qnli rte stsb wnli hans ax own"
    assert sorted(NAMES) == sorted(wanted.split())
    for task in TASKS.values():
        assert task.main_metric == task.metrics[0]
        assert {"dev" if task.name == "ax" else "train"} <= set(task.splits)
        assert (task.labels is None) == (task.head == "question-answering" or task.name == "stsb")


def test_a_task_is_found_by_name(tmp_path: Path) -> None:
    assert find_task("rte", tmp_path) is TASKS["rte"]
    path = tmp_path / "own.csv"
    path.write_text("text,label\nx,y\n", encoding="utf-8")
    assert find_task("own", path).name == "own"


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown task 'squad'; did you mean 'squad\d' or"):
        find_task("squad", tmp_path)
