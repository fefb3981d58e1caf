"""Passages of RACE become questions whose blanks are filled with the options."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from albertlm.tasks.race import RACE, clean, fill_in, read_race
from albertlm.tasks.task import Prediction

Write = Callable[[str, str], Path]
OPTIONS = ["red", "a  big\u00a0cat", "blue", "green"]


def passage(id_: str | None = "middle1.txt", **changes: Any) -> str:
    fields = {
        "article": "A  story.\nIt ends.",
        "questions": ["It is _ and _ .", "Which one?"],
        "options": [OPTIONS, OPTIONS],
        "answers": ["B", "D"],
        "id": id_,
    }
    return json.dumps(fields | changes)


def test_every_blank_is_filled_and_only_without_one_the_option_follows(write: Write) -> None:
    first, second = read_race(write("dev/middle/1.txt", passage()))
    assert first.texts[:3] == (
        "A story. It ends.",
        "It is red and red .",
        "It is a big cat and a big cat .",
    )
    assert second.texts[1:] == tuple(
        f"Which one? {each}" for each in ("red", "a big cat", "blue", "green")
    )
    assert [(e.id, e.label, e.group) for e in (first, second)] == [
        ("middle1.txt-0", "B", "middle"),
        ("middle1.txt-1", "D", "middle"),
    ]


def test_texts_are_cleaned_before_blanks_are_looked_for() -> None:
    assert clean(" It\tis \uff3f\uff3f . ") == "It is __ ."
    assert fill_in(clean("\uff3f is it"), "red") == "red is it"
    assert clean("cre\u0300me") == "cr\u00e8me"  # case and accents are left to the tokenizer


def test_a_file_a_passage_and_joined_files_are_the_same(write: Write, tmp_path: Path) -> None:
    for level, number in (("high", 2), ("middle", 10), ("middle", 9)):
        write(f"dev/{level}/{number}.txt", passage(f"{level}{number}.txt"))
        write(f"joined/{level}/{number}.txt", passage(f"{level}{number}.txt"))
    both = passage("middle10.txt") + "\n" + passage("middle9.txt") + "\n"
    write("joined/middle/all.txt", both)
    write("joined/high/all.txt", passage("high2.txt"))
    found = [(e.id, e.texts, e.label, e.group) for e in RACE.read(RACE.find(tmp_path, "dev"))]
    joined = [(e.id, e.texts, e.label, e.group) for e in read_race(tmp_path / "joined")]
    assert found == joined
    assert [each[3] for each in found] == ["middle"] * 4 + ["high"] * 2


def test_ids_and_levels_without_an_id(write: Write) -> None:
    found = read_race(write("all.txt", passage(None) + "\n" + passage("high7.txt", answers=[])))
    assert [(e.id, e.group, e.label) for e in found] == [
        ("all-1-0", "", "B"),
        ("all-1-1", "", "D"),
        ("high7.txt-0", "high", None),
        ("high7.txt-1", "high", None),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (passage() + "\n{", r"1\.txt:2 is not a passage as JSON"),
        (passage(answers=["B"]), r"1\.txt:1 has different numbers of questions, options and"),
        (passage(answers=["B", "E"]), r"1\.txt:1: question 1 has the answer 'E', not A to D"),
        (passage(options=[OPTIONS, OPTIONS[:3]]), r"1\.txt:1: question 1 has 3 options, not 4"),
        ("{}", r"1\.txt:1 does not have the format of RACE .KeyError: 'article'"),
        ("[]", r"1\.txt:1 does not have the format of RACE .AttributeError"),
        ("", "holds no examples"),
    ],
)
def test_bad_files(write: Write, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_race(write("dev/middle/1.txt", text))


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no examples"):
        read_race(tmp_path)


def test_scores_of_both_levels(write: Write, tmp_path: Path) -> None:
    write("dev/middle/1.txt", passage("middle1.txt"))
    write("dev/high/2.txt", passage("high2.txt", answers=["A", "C"]))
    examples = read_race(tmp_path / "dev")
    answers = [
        Prediction(e.id, value) for e, value in zip(examples, ["B", 3, "a", "B"], strict=True)
    ]
    assert RACE.score(examples, answers) == {"accuracy": 0.75, "middle": 1, "high": 0.5}
    answers[0] = Prediction(examples[0].id, "E", where="p:2")
    with pytest.raises(ValueError, match="p:2 has the label 'E'; allowed are A, B, C, D"):
        RACE.score(examples, answers)


def test_the_real_sample(shared_data: Path, tmp_path: Path) -> None:
    with tarfile.open(shared_data / "race" / "race-sample.tar.xz") as archive:
        members = [each for each in archive if each.name.startswith("dev/")]
        archive.extractall(tmp_path, members, filter="data")
    examples = RACE.read(RACE.find(tmp_path, "dev"))
    assert len(examples) == 1436
    assert {example.group for example in examples} == {"middle"}
    assert {len(example.texts) for example in examples} == {5}
