"""Files of predictions: our JSON lines, SQuAD's JSON, and the tables of GLUE and HANS."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from albertlm import storage
from albertlm.tasks.rows import read_json, read_json_lines, read_table, suffix_of
from albertlm.tasks.task import Example, Prediction

IDS = ("id", "index", "pairID")
VALUES = ("prediction", "label", "gold_label")
"""The names of the two columns of a table of predictions: ours, those of GLUE, those of HANS."""


def write_predictions(path: str | Path, predictions: Iterable[Prediction]) -> None:
    """Write JSON lines with id, gold, prediction and, where they are known, probabilities."""
    with (
        storage.atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        for each in predictions:
            row = {"id": each.id, "gold": each.gold, "prediction": each.value}
            if each.probabilities is not None:
                row["probabilities"] = dict(each.probabilities)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_predictions(path: str | Path) -> list[Prediction]:
    """Read predictions by the suffix of the file's name.

    Args:
        path: `.jsonl` or `.ndjson` is what `write_predictions` wrote; `.json` an object from the
            ids of questions to answers, as SQuAD has; a table is one with a column of ids, called
            `id`, `index` or `pairID`, and one called `prediction`, `label` or `gold_label`.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file has another form, no predictions, or two for one id.
    """
    if suffix_of(path) == ".json":
        value = _object(path)
        found = [Prediction(key, text, where=f"{path}: {key}") for key, text in value.items()]
    elif suffix_of(path) in (".jsonl", ".ndjson"):
        found = [_from_row(row.cells, row.where) for row in read_json_lines(path)]
    else:
        table = read_table(path)
        id_, prediction = table.column(*IDS), table.column(*VALUES)
        found = [
            Prediction(str(row.cells[id_]), row.cells[prediction], where=row.where)
            for row in table.rows
        ]
    if not found:
        raise ValueError(f"{path} holds no predictions; name a file that does")
    seen: dict[str, str] = {}
    for each in found:
        if each.id in seen:
            raise ValueError(f"{each.where} predicts {each.id!r} again, after {seen[each.id]}")
        seen[each.id] = each.where
    return found


def read_null_odds(path: str | Path) -> dict[str, float]:
    """The scores of a JSON file from the ids of questions to numbers.

    Raises:
        ValueError: the file is not such an object.
    """
    value = _object(path)
    for key, odds in value.items():
        if isinstance(odds, bool) or not isinstance(odds, (int, float)) or math.isnan(odds):
            raise ValueError(f"{path}: {key} has the null odds {odds!r}; they must be a number")
    return value


def in_order(
    examples: Sequence[Example[Any]], predictions: Sequence[Prediction]
) -> list[Prediction]:
    """The predictions in the order of the examples.

    Raises:
        ValueError: the ids differ, or an example has no gold label.
    """
    of_id = {each.id: each for each in predictions}
    missing = [example for example in examples if example.id not in of_id]
    if missing:
        raise ValueError(
            f"{len(missing):,} of {len(examples):,} examples have no prediction, the first is "
            f"{missing[0].id!r} ({missing[0].where}); the ids must be those of the data"
        )
    known = {example.id for example in examples}
    for each in predictions:
        if each.id not in known:
            raise ValueError(f"{each.where} predicts {each.id!r}, which is no id of the data")
    for example in examples:
        if example.label is None:
            raise ValueError(f"{example.where} has no gold label; name a file that has labels")
    return [of_id[example.id] for example in examples]


def _object(path: str | Path) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise ValueError(f"{path} is not a JSON object from ids to values")
    return value


def _from_row(cells: Mapping[str, Any], where: str) -> Prediction:
    for name in ("id", "prediction"):
        if name not in cells:
            raise ValueError(f"{where} has no {name!r}; it has {', '.join(cells) or 'nothing'}")
    return Prediction(
        str(cells["id"]),
        cells["prediction"],
        gold=cells.get("gold"),
        probabilities=cells.get("probabilities"),
        where=where,
    )
