"""Texts and labels are found by the names of columns, and by number only without a header."""

from collections.abc import Callable
from pathlib import Path

import pytest

from albertlm.tasks.columns import TaskColumns

Write = Callable[[str, str], Path]
NAMES = ("bad", "good")
COLUMNS = TaskColumns(
    texts=(("first", "one"), ("second",)),
    numbers={4: ((3, 1), 0)},
    codes={"0": "bad", "1": "good"},
    group=("genre",),
    only=("language", "en"),
)


@pytest.mark.parametrize(
    "text",
    [
        "first\tsecond\tlabel\na\tb\t1\n",
        "label\tsecond\tONE\n1\tb\ta\n",
        "1\tb\tignored\ta\n",
    ],
)
def test_the_order_of_columns_does_not_matter(write: Write, text: str) -> None:
    (example,) = COLUMNS.read_classes(write("dev.tsv", text), NAMES)
    assert (example.id, example.texts, example.label) == ("0", ("a", "b"), "good")


def test_ids_groups_and_rows_that_belong(write: Write) -> None:
    text = (
        "index\tgenre\tlanguage\tfirst\tsecond\tlabel\n"
        "7\tfiction\ten\ta\tb\tgood\n"
        "8\tfiction\tde\tc\td\tgood\n"
        "9\tletters\ten\te\tf\tBad\n"
        "10\tletters\ten\tg\th\t-\n"
    )
    found = COLUMNS.read_classes(write("dev.tsv", text), NAMES)
    assert [(e.id, e.group, e.label, e.where.rpartition(":")[2]) for e in found] == [
        ("7", "fiction", "good", "2"),
        ("9", "letters", "bad", "4"),
    ]


def test_a_test_set_has_no_labels(write: Write) -> None:
    path = write("test.tsv", "first\tsecond\na\tb\n")
    assert [e.label for e in COLUMNS.read_classes(path, NAMES)] == [None]
    assert [e.label for e in COLUMNS.read_numbers(path)] == [None]


def test_numbers_as_labels(write: Write) -> None:
    assert [
        e.label for e in COLUMNS.read_numbers(write("dev.tsv", "first\tsecond\tlabel\na\tb\t4.2\n"))
    ] == [4.2]
    with pytest.raises(
        ValueError, match=r"dev\.tsv:2 has the value 'x'; it must be a finite number"
    ):
        COLUMNS.read_numbers(write("dev.tsv", "first\tsecond\tlabel\na\tb\tx\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "first\tlabel\na\t1\n",
            r"dev\.tsv:1 has no column 'second'; its columns are first, label",
        ),
        (
            "a\tb\n",
            r"dev\.tsv:1 is not a header; its columns must be named first/one, second, label",
        ),
        ("first\tsecond\tlabel\na\tb\t2\n", r"dev\.tsv:2 has the label '2'; allowed are bad, good"),
        ("first\tsecond\tlabel\n", r"dev\.tsv holds no examples"),
        ("first\tsecond\tlabel\na\tb\n", r"dev\.tsv:2 does not have 3 cells"),
    ],
)
def test_bad_files(write: Write, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        COLUMNS.read_classes(write("dev.tsv", text), NAMES)


def test_short_rows_are_left_out_where_the_official_file_has_them(write: Write) -> None:
    columns = TaskColumns(texts=(("first",),), skip_short=True)
    path = write("dev.tsv", "first\tlabel\na\tgood\nb\nc\tbad\n")
    with pytest.warns(UserWarning, match=r"1 rows of .* lack cells .* the first is .*dev\.tsv:3"):
        assert [e.id for e in columns.read_classes(path, NAMES)] == ["0", "1"]
