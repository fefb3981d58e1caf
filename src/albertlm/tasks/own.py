"""A user's own task: tables, sentences and questions by the names of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from albertlm.settings import check_choice, option
from albertlm.tasks import classification, squad, squad_v2
from albertlm.tasks.conll import TaggedWord, read_conll, read_conllu, sentence
from albertlm.tasks.labels import is_numeric
from albertlm.tasks.race import fill_in, score_choices
from albertlm.tasks.rows import Table, TableRow, read_table, suffix_of
from albertlm.tasks.tagging import marks_chunks, score_tags
from albertlm.tasks.task import Example, Task, check_examples

KINDS = (
    "classification",
    "multi-label",
    "regression",
    "token-classification",
    "multiple-choice",
    "question-answering",
)

TEXTS = ("text", "sentence", "content", "sentence1", "text1", "premise", "question1", "review")
SECONDS = ("sentence2", "text2", "hypothesis", "question2", "text_pair")
LABELS = ("label", "labels", "class", "category", "target", "score", "gold_label", "answer")
IDS = ("id", "index", "idx", "uid", "guid")
WORDS = ("tokens", "words")
TAGS = ("tags", "ner_tags", "pos_tags", "labels")
CHOICES = ("choices", "options", "endings")
PASSAGES = ("article", "passage", "context")
QUESTIONS = ("question", "sentence", "text")
"""The names of columns that are tried in this order, in upper or lower case."""

CONLL = (".conll", ".bio", ".iob", ".iob2")
CONLLU = ".conllu"


@dataclass(frozen=True, kw_only=True)
class OwnData:
    """What a user says about a file; None is guessed from names and values.

    Each field is an option of the commands that read tasks.

    Raises:
        ValueError: the kind is unknown.
    """

    kind: str | None = option(None, f"Kind of an own task: {', '.join(KINDS)}.")
    text: str | None = option(
        None, "Column of the text, of the words, or of the question.", flags="--text-column"
    )
    second: str | None = option(
        None, "Column of the second text of a pair, or of the passage.", flags="--second-column"
    )
    label: str | None = option(None, "Column of the label.", flags="--label-column")
    id: str | None = option(None, "Column of the id of a row.", flags="--id-column")
    choices: str | None = option(
        None,
        "Columns of the choices, with commas between them, or the one that has lists.",
        flags="--choice-columns",
    )
    separator: str = option(";", "What is between the labels of a multi-label row.")
    token: int = option(0, "Column of the word in CoNLL's format, from 0.", flags="--token-column")
    tag: str = option(
        "-1",
        "Column of the tag in CoNLL's format, where -1 is the last; in CoNLL-U its name, upos by "
        "default, or a field of misc.",
        flags="--tag-column",
    )

    def __post_init__(self) -> None:
        if self.kind is not None:
            check_choice(KINDS, kind=self.kind)

    def read(self, path: Path) -> list[Example[Any]]:
        """The examples of a file.

        Raises:
            OSError: the file cannot be read.
            ValueError: a column is missing, a value is not allowed, or there are no examples.
        """
        kind = self.kind or guess_kind(path, self)
        if kind == "question-answering":
            return [*squad.read_squad(path)]
        if kind == "token-classification" and suffix_of(path) == CONLLU:
            return read_conllu(path, tag="upos" if self.tag == "-1" else self.tag)
        if kind == "token-classification" and suffix_of(path) in (*CONLL, ".txt", ".tsv"):
            return read_conll(path, token=self.token, tag=_place(self.tag))
        table = read_table(path)
        rows = list(table.rows)
        table = replace(table, rows=rows)
        id_ = table.column(self.id) if self.id else table.find(*IDS)
        ids = (str(row.cells[id_]) if id_ else str(place) for place, row in enumerate(rows))
        match kind:
            case "token-classification":
                examples = self._sentences(table)
            case "multiple-choice":
                examples = self._choices(table)
            case _:
                examples = self._texts(table, kind)
        named = [replace(each, id=name) for each, name in zip(examples, ids, strict=True)]
        return check_examples(named, path)

    def _texts(self, table: Table, kind: str) -> list[Example[Any]]:
        label = self.label_column(table)
        names = [_column(table, self.text, TEXTS, [label] if label else [])]
        second = table.column(self.second) if self.second else table.find(*SECONDS)
        names += [second] if second else []
        return [
            Example(
                "",
                tuple(row.text(name) for name in names),
                self._label(row, label, kind) if label else None,
                row.where,
            )
            for row in table.rows
        ]

    def label_column(self, table: Table) -> str | None:
        """The column of labels; None if the file has none."""
        return table.column(self.label) if self.label else table.find(*LABELS)

    def _label(self, row: TableRow, column: str, kind: str) -> Any:
        value = row.cells.get(column)
        if kind == "multi-label":
            found = value.split(self.separator) if isinstance(value, str) else value or []
            if not isinstance(found, list):
                raise ValueError(f"{row.where} has the labels {value!r}; they must be a list")
            return tuple(dict.fromkeys(str(each).strip() for each in found if str(each).strip()))
        if value is None or value == "":
            return None
        if kind == "regression":
            return classification.number(value, row.where)
        return _class_name(value, row.where)

    def _sentences(self, table: Table) -> list[Example[Any]]:
        words = _column(table, self.text, WORDS, [])
        tags = table.column(self.label) if self.label else table.find(*TAGS)
        examples = []
        for row in table.rows:
            texts = row.cells.get(words)
            found = row.cells.get(tags) if tags else None
            if not isinstance(texts, list) or not texts:
                raise ValueError(f"{row.where} has the words {texts!r}; they must be a list")
            if found is not None and (not isinstance(found, list) or len(found) != len(texts)):
                raise ValueError(
                    f"{row.where} has {len(texts)} words and the tags {found!r}; give each word one"
                )
            pairs = zip(texts, found or ["O"] * len(texts), strict=True)
            made = sentence("", [TaggedWord(str(a), str(b)) for a, b in pairs], row.where)
            examples.append(made if found is not None else replace(made, label=None))
        return examples

    def _choices(self, table: Table) -> list[Example[Any]]:
        label = self.label_column(table)
        lists, columns = choice_columns(table, self.choices)
        question = _column(table, self.text, QUESTIONS, [])
        passage = table.column(self.second) if self.second else table.find(*PASSAGES)
        examples = []
        for row in table.rows:
            options = row.cells.get(lists) if lists else [row.text(name) for name in columns]
            if not isinstance(options, list) or len(options) < 2:
                raise ValueError(f"{row.where} has the choices {options!r}; it needs two or more")
            options, asked = [str(option) for option in options], row.text(question)
            texts: tuple[str, ...] = (asked, *options)
            if passage and passage != question:
                texts = row.text(passage), *(fill_in(asked, option) for option in options)
            value = row.cells.get(label) if label else None
            letter = None if value in (None, "") else choice_letter(value, options, row.where)
            examples.append(Example("", texts, letter, row.where))
        return examples


def own_task(path: str | Path, data: OwnData | None = None) -> Task[Any]:
    """The task that a file of training data poses.

    Args:
        path: the file; other files that the task reads must have the same columns.
        data: what the user says about it.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file does not show what the task is; or `OwnData.read` refuses it.
    """
    path, data = Path(path), data or OwnData()
    kind = data.kind or guess_kind(path, data)
    data = replace(data, kind=kind)
    if kind == "question-answering":
        all_answered = all(question.label for question in squad.read_squad(path))
        task = squad.SQUAD1 if all_answered else squad_v2.SQUAD2
        return replace(task, name="own", read=data.read, splits={})
    if kind == "token-classification":
        tags = (tag for example in data.read(path) for tag in example.label or ())
        of_chunks = ("f1", "precision", "recall") if marks_chunks(tags) else ()
        metrics = (*of_chunks, "accuracy")
        return Task(
            name="own",
            head="token-classification",
            read=data.read,
            score=score_tags,
            metrics=metrics,
            main_metric=metrics[0],
        )
    if kind == "multiple-choice":
        return Task(
            name="own",
            head="multiple-choice",
            read=data.read,
            score=score_choices,
            metrics=("accuracy",),
            main_metric="accuracy",
        )
    score, metrics, problem = _KINDS_OF_TEXTS[kind]
    return Task(
        name="own",
        head="sequence-classification",
        problem=problem,
        read=data.read,
        score=score,
        metrics=metrics,
        main_metric=metrics[0],
    )


_KINDS_OF_TEXTS: Mapping[str, tuple[Any, tuple[str, ...], Any]] = {
    "classification": (
        classification.score_classes,
        ("accuracy", "macro_f1"),
        "single_label_classification",
    ),
    "multi-label": (
        classification.score_multi_label,
        ("micro_f1", "macro_f1", "accuracy"),
        "multi_label_classification",
    ),
    "regression": (
        classification.score_numbers,
        ("pearson", "spearman", "mean_squared_error"),
        "regression",
    ),
}


def guess_kind(path: Path, data: OwnData) -> str:
    """The kind of task by the suffix of a file, the names of its columns and its labels.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is a table without labels.
    """
    suffix = suffix_of(path)
    if suffix == ".json":
        return "question-answering"
    if suffix in (*CONLL, CONLLU):
        return "token-classification"
    table = read_table(path)
    if table.find(*WORDS) and not data.text:
        return "token-classification"
    if any(choice_columns(table, data.choices)):
        return "multiple-choice"
    label = data.label_column(table)
    if label is None:
        raise ValueError(
            f"{path}:1 has no column of labels among {', '.join(table.columns)}; name it with "
            "--label-column or, if there is none, say what the task is with --kind"
        )
    values = [row.cells.get(label) for row in table.rows]
    if any(isinstance(value, list) for value in values):
        return "multi-label"
    return (
        "regression" if is_numeric(value for value in values if value != "") else "classification"
    )


def choice_columns(table: Table, given: str | None = None) -> tuple[str | None, list[str]]:
    """A column of lists of choices, or the columns of one choice each, of which there are two.

    Without names, these are the columns that begin with `choice`, `option` or `ending`.
    """
    if given:
        columns = [table.column(name.strip()) for name in given.split(",")]
        return (None, columns) if len(columns) > 1 else (columns[0], [])
    lists = table.find(*CHOICES)
    stems = tuple(name.rstrip("s") for name in CHOICES)
    found = [name for name in table.columns if name.lower().startswith(stems) and name != lists]
    return lists, found if lists is None and len(found) > 1 else []


def choice_letter(value: Any, options: Sequence[str], where: str) -> str:
    """The letter of the choice that a label means: a letter, a number from 0, or the choice itself.

    Raises:
        ValueError: it is none of these.
    """
    letters = ascii_uppercase[: len(options)]
    text = str(value).strip()
    if len(text) == 1 and text.upper() in letters:
        return text.upper()
    if text.isdecimal() and int(text) < len(options):
        return letters[int(text)]
    if text in options:
        return letters[options.index(text)]
    raise ValueError(
        f"{where} has the answer {value!r}; it must be {letters[0]} to {letters[-1]}, 0 to "
        f"{len(options) - 1}, or one of the choices"
    )


def _column(table: Table, given: str | None, guesses: Sequence[str], taken: Sequence[str]) -> str:
    """The column that is named, that has a usual name, or that is the only one left."""
    if given:
        return table.column(given)
    others = [name for name in table.columns if name not in taken]
    return others[0] if len(others) == 1 else table.column(*guesses)


def _place(column: str) -> int:
    try:
        return int(column)
    except ValueError:
        raise ValueError(
            f"the tag's column is {column!r}; in CoNLL's format it must be a number, such as -1"
        ) from None


def _class_name(value: Any, where: str) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int():
            return str(value)
        case float() if value.is_integer():
            return str(int(value))
    raise ValueError(f"{where} has the label {value!r}; a class is a text or an integer")
