"""Sentences of tagged words are read from CoNLL's columns and from CoNLL-U."""

from collections.abc import Callable
from pathlib import Path

import pytest

from albertlm.tasks.conll import Tagged, read_conll, read_conllu

Write = Callable[[str, str], Path]

CONLL = """-DOCSTART- -X- O O

EU NNP I-NP I-ORG
rejects VBZ I-VP O

# NN I-NP I-PER
"""

CONLLU = """# newdoc
# sent_id = s1
1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
1\tdo\tdo\tAUX\tVB\t_\t_\t_\t_\t_
2\tn't\tnot\tPART\tRB\t_\t_\t_\t_\t_
3\t,\t,\tPUNCT\t,\t_\t_\t_\t_\tNER=O
4\tBerlin\tBerlin\tPROPN\tNNP\t_\t_\t_\t_\tNER=I-LOC|SpaceAfter=No
4.1\tx\tx\tX\tX\t_\t_\t_\t_\t_
5\t!\t!\tPUNCT\t.\t_\t_\t_\t_\tSpaceAfter=No

# only a comment

1\tYes\tyes\tINTJ\tUH\t_\t_\t_\t_\t_
"""


def words(example: Tagged) -> list[str]:
    """The words, cut out of the text."""
    return [example.texts[0][start:stop] for start, stop in example.spans]


def test_conll(write: Write) -> None:
    path = write("train.conll", CONLL)
    first, second = read_conll(path)
    assert (first.texts, words(first)) == (("EU rejects",), ["EU", "rejects"])
    assert (first.label, first.where) == (("B-ORG", "O"), f"{path}:3")
    assert (words(second), second.label) == (["#"], ("B-PER",))
    assert read_conll(path, tag=1)[0].label == ("NNP", "VBZ")


def test_columns_divided_by_tabs_may_hold_spaces(write: Write) -> None:
    (example,) = read_conll(write("a.tsv", "O\tNew York\r\nB-X\tc\r\n\r\n"), token=1, tag=0)
    assert (words(example), example.label) == (["New York", "c"], ("O", "B-X"))


def test_conllu(write: Write) -> None:
    path = write("train.conllu", CONLLU)
    first, second = read_conllu(path)
    assert first.texts == ("do n't, Berlin!",)
    assert words(first) == ["do", "n't", ",", "Berlin", "!"]
    assert first.label == ("AUX", "PART", "PUNCT", "PROPN", "PUNCT")
    assert (first.id, first.where) == ("s1", f"{path}:1")
    assert (second.id, second.label) == ("1", ("INTJ",))
    assert read_conllu(path, tag="XPOS")[0].label == ("VB", "RB", ",", "NNP", ".")
    assert read_conllu(path, tag="NER")[0].label == ("O", "O", "O", "B-LOC", "O")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EU B-ORG\nrejects\n", r"a\.conll:2 has 1 columns; the word is in column 0"),
        ("-DOCSTART- O\n\n", "holds no examples"),
    ],
)
def test_bad_conll(write: Write, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_conll(write("a.conll", text))


def test_bad_conllu(write: Write) -> None:
    with pytest.raises(ValueError, match=r"a\.conllu:2 has 2 columns; CoNLL-U has 10"):
        read_conllu(write("a.conllu", "# text\n1\tYes\n"))
    with pytest.raises(ValueError, match=r"a\.conll:1 has 2 columns; .* the tag in 3"):
        read_conll(write("a.conll", "EU B-ORG\n"), tag=3)
