"""Sentences of tagged words: CoNLL's columns, CoNLL-U, and lists of words and tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from albertlm.tasks.rows import read_text
from albertlm.tasks.tagging import as_iob2
from albertlm.tasks.task import Example, check_examples

DOCUMENT = "-DOCSTART-"
CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
NO_SPACE = "SpaceAfter=No"

Tagged = Example[tuple[str, ...]]


class TaggedWord(NamedTuple):
    """A word, its tag, and whether a space follows it in the text."""

    text: str
    tag: str
    space: bool = True


def sentence(id_: str, words: Sequence[TaggedWord], where: str) -> Tagged:
    """An example of a sentence: its text, where its words are in it, and their tags as IOB2."""
    text, spans = "", []
    for word in words:
        spans.append((len(text), len(text) + len(word.text)))
        text += word.text + " " * word.space
    tags = as_iob2([word.tag for word in words])
    return Example(id_, (text.rstrip(" "),), tags, where, spans=tuple(spans))


def read_conll(path: str | Path, *, token: int = 0, tag: int = -1) -> list[Tagged]:
    """The sentences of a file with a word and its columns on each line, divided by empty lines.

    Columns are divided by tabs or else by spaces. Lines with `-DOCSTART-` are skipped.

    Args:
        path: the file.
        token: the number of the column of words, from 0, or negative from the last, which is -1.
        tag: that of the column of tags.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line has too few columns, or the file holds no sentences.
    """
    sentences: list[Tagged] = []
    words: list[TaggedWord] = []
    first = 0
    for number, line in enumerate([*read_text(path).split("\n"), ""], start=1):
        cells = line.rstrip("\r").split("\t") if "\t" in line else line.split()
        if any(cell.strip() for cell in cells):
            if cells[0] == DOCUMENT:
                continue
            _check_columns(cells, token, tag, f"{path}:{number}")
            words.append(TaggedWord(cells[token], cells[tag]))
            first = first or number
        elif words:
            sentences.append(sentence(str(len(sentences)), words, f"{path}:{first}"))
            words, first = [], 0
    return check_examples(sentences, path)


def _check_columns(cells: Sequence[str], token: int, tag: int, where: str) -> None:
    if not all(-len(cells) <= column < len(cells) for column in (token, tag)) or len(cells) < 2:
        raise ValueError(
            f"{where} has {len(cells)} columns; the word is in column {token}, the tag in {tag}"
        )


def read_conllu(path: str | Path, *, tag: str = "upos") -> list[Tagged]:
    """The sentences of a CoNLL-U file.

    Comments, the lines of multiword tokens (`1-2`) and empty nodes (`8.1`) are skipped, and
    `SpaceAfter=No` is obeyed.

    Args:
        path: the file.
        tag: the column of the tags, one of `CONLLU_COLUMNS`, or the name of a field in `misc`; a
            word without the field is tagged `O`.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line has not 10 columns, or the file holds no sentences.
    """
    sentences: list[Tagged] = []
    for first, lines in _blocks(path):
        id_, words = str(len(sentences)), []
        joined: dict[str, bool] = {}
        for number, line in lines:
            if line.startswith("# sent_id = "):
                id_ = line.removeprefix("# sent_id = ").strip()
            if line.startswith("#"):
                continue
            cells = line.split("\t")
            if len(cells) != len(CONLLU_COLUMNS):
                raise ValueError(f"{path}:{number} has {len(cells)} columns; CoNLL-U has 10")
            named = dict(zip(CONLLU_COLUMNS, cells, strict=True))
            space = NO_SPACE not in named["misc"].split("|")
            if "-" in named["id"]:
                joined[named["id"].partition("-")[2]] = space  # of its last word
            elif "." not in named["id"]:
                space = joined.get(named["id"], space)
                words.append(TaggedWord(named["form"], _tag(named["misc"], named, tag), space))
        if words:
            sentences.append(sentence(id_, words, f"{path}:{first}"))
    return check_examples(sentences, path)


def _blocks(path: str | Path) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    """The numbered lines between empty ones, and the number of the first."""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate([*read_text(path).split("\n"), ""], start=1):
        if line.strip():
            lines.append((number, line.rstrip("\r")))
        elif lines:
            yield lines[0][0], lines
            lines = []


def _tag(misc: str, named: dict[str, str], tag: str) -> str:
    if tag.lower() in named:
        return named[tag.lower()]
    fields = dict(each.partition("=")[::2] for each in misc.split("|"))
    return fields.get(tag, "O")
