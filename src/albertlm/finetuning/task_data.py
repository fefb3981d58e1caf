"""The training and dev data of a task, checked, and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from albertlm.tasks.catalogue import find_task
from albertlm.tasks.labels import check_labels, labels_of, names_in
from albertlm.tasks.leaks import Leaks, drop_leaks, find_leaks, parse_share, split
from albertlm.tasks.own import OwnData
from albertlm.tasks.task import Example, Task, check_texts

SHARE = "10%"
"""The dev data of a single file, if nothing else is said."""

DEV_SPLITS = ("dev", "dev_matched")
"""The splits in a folder of official names of which the first one is the dev data."""


@dataclass(frozen=True)
class TaskData:
    """The examples that a model is fine-tuned on, and those by which it is selected.

    Fields:
        task: the task.
        train, dev: the examples.
        labels: the names of the classes in order; empty for a task without classes.
        dev_name: the split, the file or the share that the dev data is.
        leaks: what the two have in common, before anything was dropped.
        dropped: the number of training examples that were dropped because of that.
    """

    task: Task[Any]
    train: list[Example[Any]]
    dev: list[Example[Any]]
    labels: tuple[str, ...]
    dev_name: str
    leaks: Leaks
    dropped: int = 0

    def counts(self, examples: Sequence[Example[Any]]) -> dict[str, int]:
        """The number of labels of each class in some examples; empty if there are no classes."""
        found = Counter(name for example in examples for name in labels_of(example))
        return {name: found[name] for name in self.labels}


def read_task_data(
    name: str,
    data: Path,
    dev: str | None = None,
    own: OwnData | None = None,
    *,
    without_leaks: bool = False,
) -> TaskData:
    """Read and check the data of a task.

    Args:
        name: of the task.
        data: a file, or a folder with files of official names.
        dev: a file, or a share such as `10%` of the training data, which is then divided by the
            hash of the texts, in each class alike. By default the dev file of the folder, or a
            tenth of a single file.
        own: what is said about the columns of an own file.
        without_leaks: whether training examples that share a text with dev data are dropped.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file has another format, a label is missing or unknown, a text of the dev data
            is empty, or nothing is left.
    """
    if data.is_dir():
        task = find_task(name, data, own)
        dev = dev or str(dev_file(task, data))
        data = task.find(data, "train")
    task = find_task(name, data, own)
    train = task.read(data)
    labels = _labels(task, train)
    check_labels(train, labels or names_in(train))
    dev = dev or SHARE
    if Path(dev).exists():
        held_out, dev_name = task.read(Path(dev)), task.split_of(dev) or dev
    elif _is_share(dev):
        train, held_out = split(train, parse_share(dev), task.head)
        dev_name = f"{dev} of {data.name}"
    else:
        raise FileNotFoundError(f"{dev} is neither a file nor a share such as 10%")
    check_labels(held_out, labels or names_in(held_out))
    check_texts(held_out)
    leaks = find_leaks(train, held_out, task.head)
    read = TaskData(task, train, held_out, labels, dev_name, leaks)
    if not without_leaks or not leaks.shared:
        return read
    kept = drop_leaks(train, held_out, task.head)
    return replace(read, train=kept, dropped=len(train) - len(kept))


def dev_file(task: Task[Any], folder: Path) -> Path:
    """The dev file in a folder of official names, or the folder of the dev files of RACE.

    Raises:
        FileNotFoundError: the folder has none.
        ValueError: the files of the task have no official names.
    """
    split_ = next((each for each in DEV_SPLITS if each in task.splits), DEV_SPLITS[0])
    return task.find(folder, split_)


def _labels(task: Task[Any], train: Sequence[Example[Any]]) -> tuple[str, ...]:
    """The classes that the configuration of a model names."""
    has_classes = task.head in ("sequence-classification", "token-classification")
    if not has_classes or task.problem == "regression":
        return ()
    return task.labels or names_in(train)


def _is_share(text: str) -> bool:
    try:
        parse_share(text)
    except ValueError:
        return False
    return True
