"""The official tables of tasks on texts and pairs: which columns hold texts, labels and ids."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from albertlm.tasks.classification import number
from albertlm.tasks.labels import find_name
from albertlm.tasks.rows import Table, read_table, refuse
from albertlm.tasks.task import Example, check_examples

NO_CONSENSUS = "-"
"""The gold label of pairs on which annotators did not agree; they are left out."""


@dataclass(frozen=True, kw_only=True)
class TaskColumns:
    """Where the texts and the label of a task are in its files.

    Fields:
        texts: for each text, the names that its column may have.
        label: the names that the column of the label may have; a test set may lack it.
        ids: the names that a column of ids may have; without one, the id is the number of the row.
        group: the column by which scores are broken down.
        only: a column, and its value in the rows that belong to the task.
        numbers: the columns of the texts and of the label in a file without a header, by the number
            of its columns.
        codes: the names of the classes that files have as numbers.
        skip_short: whether rows that lack cells are left out with a warning, not an error.
    """

    texts: tuple[tuple[str, ...], ...]
    label: tuple[str, ...] = ("label",)
    ids: tuple[str, ...] = ("index",)
    group: tuple[str, ...] = ()
    only: tuple[str, str] | None = None
    numbers: Mapping[int, tuple[tuple[int, ...], int]] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    skip_short: bool = False

    def read_classes(self, path: Path, names: Sequence[str]) -> list[Example[str]]:
        """The examples of a file, with the names of their classes.

        Raises:
            OSError: the file cannot be read.
            ValueError: a column is missing, a label is unknown, or the file holds no examples.
        """
        return [
            example
            if example.label is None
            else replace(
                example,
                label=find_name(self.codes.get(example.label, example.label), names, example.where),
            )
            for example in check_examples(list(self._rows(path)), path)
        ]

    def read_numbers(self, path: Path) -> list[Example[float]]:
        """The examples of a file whose labels are numbers.

        Raises:
            OSError: the file cannot be read.
            ValueError: a column is missing, a label is no number, or the file holds no examples.
        """
        return [
            Example(
                each.id,
                each.texts,
                None if each.label is None else number(each.label, each.where),
                each.where,
                each.group,
            )
            for each in check_examples(list(self._rows(path)), path)
        ]

    def _rows(self, path: Path) -> Iterator[Example[str]]:
        """Each row with its label as in the file."""
        known = {name.lower() for names in self.texts for name in names}
        short: list[str] = []
        table = read_table(
            path,
            lambda cells: not known.isdisjoint(map(str.lower, cells)),
            (lambda where, _: short.append(where)) if self.skip_short else refuse,
        )
        texts, label = self._places(table)
        id_, group = table.find(*self.ids), table.find(*self.group)
        only, wanted = self.only or ("", "")
        only_in = table.find(only)
        for place, row in enumerate(table.rows):
            if only_in and row.cells.get(only_in) != wanted:
                continue
            value = None if label is None else row.cells.get(label)
            if value != NO_CONSENSUS:
                yield Example(
                    row.text(id_) if id_ else str(place),
                    tuple(map(row.text, texts)),
                    None if value is None else str(value),
                    row.where,
                    row.text(group) if group else "",
                )
        if short:
            warnings.warn(
                f"{len(short):,} rows of {path} lack cells and are left out, the first is "
                f"{short[0]}",
                stacklevel=4,
            )

    def _places(self, table: Table) -> tuple[list[str], str | None]:
        """The names of the columns of the texts and of the label."""
        if table.columns[:1] != ("0",):
            return [table.column(*names) for names in self.texts], table.find(*self.label)
        if len(table.columns) in self.numbers:
            texts, label = self.numbers[len(table.columns)]
            return [str(number) for number in texts], str(label)
        wanted = ", ".join("/".join(names) for names in (*self.texts, self.label))
        raise ValueError(f"{table.path}:1 is not a header; its columns must be named {wanted}")
