"""A user's texts with swapped words, and the control of a fine-tuned model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from albertlm import storage
from albertlm.evaluation.bias.rates import LabelledText, class_of_label
from albertlm.evaluation.bias.swaps import SwapLists, TextPair
from albertlm.tasks.rows import read_table

TEXT_COLUMNS = ("sentence", "text", "content")

RANDOM = "with random weights"
"""How `finetune --from-scratch` ends the name of the model in its results."""


@dataclass(frozen=True)
class SwappedData:
    """What a table holds for a comparison of groups.

    Fields:
        pairs: of each text that has words of a group.
        labelled: all texts with their label, if the table has labels, and their group.
        skipped: how many texts were left out, and why.
    """

    pairs: list[TextPair]
    labelled: list[LabelledText]
    skipped: list[str]


def read_swapped(
    path: Path,
    lists: SwapLists,
    classes: Sequence[str],
    *,
    text: str | None = None,
    label: str | None = None,
    group: str | None = None,
) -> SwappedData:
    """Read a table, and swap the words of groups in its texts.

    Args:
        path: a table that `tasks.rows.read_table` reads.
        lists: what is swapped.
        classes: those of the model, which labels must be.
        text: the column of texts; by default the first of `TEXT_COLUMNS` that there is.
        label: the column of gold labels, names of classes or their numbers; by default `label`,
            unless it has others.
        group: the column of groups; None if there is none. It needs labels.

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, or a given one has an empty cell or an unknown label.
    """
    table = read_table(path)
    of_text = table.column(*((text,) if text else TEXT_COLUMNS))
    of_group = table.column(group) if group else None
    of_label = table.column(label or "label") if label or group else table.find("label")
    every = list(table.rows)
    rows = [row for row in every if str(row.cells.get(of_text) or "").strip()]
    found = [lists.swap(row.text(of_text)) for row in rows]
    pairs = [pair for pair in found if pair is not None]
    both = sum(not pair.oriented for pair in pairs)
    skipped = []
    if len(pairs) < len(every):
        skipped.append(f"{len(every) - len(pairs):,} texts without a word of either group")
    if both:
        skipped.append(f"{both:,} texts with words of both groups, which no signed change counts")
    labelled = []
    try:
        for row in rows if of_label else ():
            named = row.text(of_group).strip() if of_group else None
            gold = class_of_label(classes, row.text(of_label or ""), row.where)
            labelled.append(LabelledText(row.text(of_text), gold, named))
    except ValueError as error:
        if label or group:
            raise
        labelled, skipped = [], [*skipped, f"all labels: {error}"]
    return SwappedData(pairs, labelled, skipped)


def check_control(run: Path, model: Path) -> Path:
    """The model of a run that `finetune --from-scratch` made like that of a model.

    Args:
        run: the folder of the control.
        model: the model that it is compared with; if it lies in its run, the task, the data and
            the hyperparameters of both runs must be the same.

    Raises:
        OSError: the run is not finished.
        ValueError: it started from trained weights, or differs in more than that.
    """
    if not (run / "results.json").is_file():
        raise FileNotFoundError(
            f"{run} is no finished run; make the control with `albertlm finetune --from-scratch`"
        )
    for result in storage.read_json(run / "results.json")["runs"]:
        if not str(result["model"]).endswith(RANDOM):
            raise ValueError(
                f"{run} started from {result['model']}, so it is no control; make one with "
                "`albertlm finetune --from-scratch`"
            )
    ours, theirs = (_configuration(folder) for folder in (model.resolve().parent, run))
    for name, value in theirs.items():
        if ours and ours.get(name) != value:
            raise ValueError(
                f"{run} is no control of {model}: its {name} differs; fine-tune both in the same "
                "way"
            )
    return run / "model"


def _configuration(run: Path) -> dict[str, object]:
    """What must not differ between a run and its control; empty if there is no run."""
    paths = sorted(run.glob("seed-*/config.json"))
    if not paths:
        return {}
    config = storage.read_json(paths[0])
    differ = ("source", "seed")
    return {name: value for name, value in config.items() if name not in differ}
