"""Data sets of the hub, by name, as files that tasks read.

Each split becomes a file in the cache: JSON lines, or SQuAD's JSON for questions on contexts.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from albertlm import extras, storage

PREFIX = "hub:"
"""What a name begins with where a file could stand, as in `hub:OWNER/NAME:SUBSET`."""

DEV = ("validation", "validation_matched", "dev", "test")
"""The splits of which the first one that there is serves as dev data."""


def is_hub_name(data: str | Path | None) -> bool:
    """Whether data is named as a data set of the hub."""
    return str(data).startswith(PREFIX)


def fetch_splits(name: str) -> dict[str, Path]:
    """The files of the splits of a data set, which is fetched if the cache lacks it.

    Classes have their names in these files, and labels of -1, as test sets have them, are null.

    Args:
        name: such as `hub:nyu-mll/glue:sst2`; a folder with files may stand for the id.

    Raises:
        ModuleNotFoundError: `datasets` is not installed.
        OSError: there is no such data set, or the hub cannot be reached.
        ValueError: it needs the name of a subset, or has a form that is not known.
    """
    try:
        import datasets
    except ModuleNotFoundError:
        raise ModuleNotFoundError(extras.hint("datasets"), name="datasets") from None
    id_, _, subset = name.removeprefix(PREFIX).partition(":")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # a line for each attempt
    try:
        found = datasets.load_dataset(
            *(id_, subset or None), download_config=datasets.DownloadConfig(max_retries=1)
        )
    except OSError as error:
        reason = str(error).strip().split("\n")[0]
        raise OSError(
            f"the data set {name} cannot be had ({reason}); check its name and the network, or "
            "name a file"
        ) from None
    except ValueError as error:  # such as the names of the subsets of which one must be given
        told = " ".join(str(error).split())
        raise ValueError(f"the data set {name} cannot be read: {told}") from None
    return {split: _write(id_, subset, split, rows) for split, rows in found.items()}


def train_and_dev(name: str) -> tuple[Path, Path | None]:
    """The files of the training data of a data set, and of its dev data if it has some.

    Raises:
        ValueError: it has no training data.
    """
    files = fetch_splits(name)
    if "train" not in files:
        raise ValueError(f"{name} has no split 'train'; it has {', '.join(files)}")
    return files["train"], next((files[split] for split in DEV if split in files), None)


def dev_of(name: str) -> Path:
    """The file of the dev data of a data set, or of its only split.

    Raises:
        ValueError: it has only training data.
    """
    files = fetch_splits(name)
    found = next((files[split] for split in DEV if split in files), None)
    if found is None:
        raise ValueError(f"{name} has none of {', '.join(DEV)}; it has {', '.join(files)}")
    return found


def _write(id_: str, subset: str, split: str, rows: Any) -> Path:
    """The file of a split, by the fingerprint of its rows."""
    is_squad = {"context", "question", "answers"} <= {*rows.column_names}
    folder = storage.cache_folder("datasets") / "--".join(filter(None, (*id_.split("/"), subset)))
    path: Path = folder / rows._fingerprint / f"{split}.{'json' if is_squad else 'jsonl'}"
    if not path.exists():
        named = {name: _by_name(feature) for name, feature in rows.features.items()}
        decoded = ({name: named[name](row[name]) for name in named} for row in rows)
        with (
            storage.atomic_path(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as file,
        ):
            if is_squad:
                json.dump(_as_squad(decoded), file, ensure_ascii=False)
            else:
                for row in decoded:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def _by_name(feature: Any) -> Callable[[Any], Any]:
    """What turns the numbers of classes in a column, or in its lists, into their names."""
    if hasattr(feature, "int2str"):
        return lambda value: None if value is None or value < 0 else feature.int2str(value)
    if (inner := getattr(feature, "feature", None)) is not None and hasattr(inner, "int2str"):
        return lambda values: values and inner.int2str(values)
    return lambda value: value


def _as_squad(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows of questions as SQuAD's JSON, which has an article for each title."""
    titles: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    some_unanswered = False
    for number, row in enumerate(rows):
        answers = [
            {"text": text, "answer_start": start}
            for text, start in zip(
                row["answers"]["text"], row["answers"]["answer_start"], strict=True
            )
        ]
        some_unanswered |= not answers
        question = {"id": str(row.get("id", number)), "question": row["question"]}
        of_title = titles[row.get("title") or row["context"]]
        of_title[row["context"]].append({**question, "answers": answers})
    data = [
        {"title": title, "paragraphs": [{"context": c, "qas": qas} for c, qas in of_title.items()]}
        for title, of_title in titles.items()
    ]
    return {"version": "v2.0" if some_unanswered else "1.1", "data": data}
