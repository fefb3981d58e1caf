"""Swapped words and filled templates, and lists that are refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.evaluation.bias.swaps import ENGLISH, SwapLists, read_swaps

ENGLISH_LISTS = read_swaps()


@pytest.mark.parametrize(
    ("male", "female"),
    [
        ("He said his father left.", "She said her mother left."),
        ("The boys saw him.", "The girls saw her."),
        ("We saw him and left.", "We saw her and left."),
        ("The book is his.", "The book is hers."),
        ("HE and Mr. Lee's king", "SHE and Mrs. Lee's queen"),
        ("the actor hurt himself", "the actress hurt herself"),
        ("he's a king", "she's a queen"),
    ],
)
def test_words_are_swapped_in_both_directions(male: str, female: str) -> None:
    one, other = ENGLISH_LISTS.swap(male), ENGLISH_LISTS.swap(female)
    assert one is not None
    assert other is not None
    assert (one.first, one.second, one.oriented, one.written) == (male, female, True, 0)
    assert (other.first, other.second, other.oriented, other.written) == (male, female, True, 1)


def test_texts_of_both_groups_and_of_none() -> None:
    pair = ENGLISH_LISTS.swap("The king met a girl.")
    assert pair is not None
    assert (pair.first, pair.second) == ("The king met a girl.", "The queen met a boy.")
    assert not pair.oriented
    assert ENGLISH_LISTS.swap("Theirs was the manor of the sheriff.") is None


@given(st.lists(st.sampled_from([*ENGLISH["male"].split(", "), "and", "saw", "the"]), min_size=1))
def test_two_swaps_give_the_text(words: list[str]) -> None:
    pair = ENGLISH_LISTS.swap(" ".join(words))
    if pair is not None:
        again = ENGLISH_LISTS.swap(pair.second)
        assert again is not None
        assert again.first == " ".join(words)


def test_templates_have_all_people_and_words() -> None:
    lists = SwapLists(
        ("a", "b"),
        (("he",), ("she",)),
        (("my son", "a man"), ("my daughter", "a woman")),
        ("{group} feels {mood}.", "{group} left."),
        {"mood": ("sad", "glad")},
    )
    texts = [(pair.first, pair.second, pair.template, pair.people) for pair in lists.filled()]
    assert texts == [
        ("My son feels sad.", "My daughter feels sad.", 0, 0),
        ("A man feels sad.", "A woman feels sad.", 0, 1),
        ("My son feels glad.", "My daughter feels glad.", 0, 0),
        ("A man feels glad.", "A woman feels glad.", 0, 1),
        ("My son left.", "My daughter left.", 1, 0),
        ("A man left.", "A woman left.", 1, 1),
    ]
    built_in = ENGLISH_LISTS.filled()
    assert all(pair.first != pair.second and pair.oriented for pair in built_in)
    assert all("{" not in pair.first for pair in built_in)


def test_lists_of_a_user(tmp_path: Path) -> None:
    for name, content in {
        "pairs": "Männer: er, Vater\nFrauen: sie, Mutter\n",
        "people": "m: mein Sohn\nf: meine Tochter\n",
        "templates": "{group} ist {mood}.\n",
        "words": "mood: froh, traurig\n",
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    lists = read_swaps(
        "de",
        pairs=tmp_path / "pairs",
        people=tmp_path / "people",
        templates=tmp_path / "templates",
        words=tmp_path / "words",
    )
    assert lists.groups == ("Männer", "Frauen")
    pair = lists.swap("Vater kam, er ging.")
    assert pair is not None
    assert pair.second == "Mutter kam, sie ging."
    assert [pair.second for pair in lists.filled()] == [
        "Meine Tochter ist froh.",
        "Meine Tochter ist traurig.",
    ]
    plain = read_swaps("de", pairs=tmp_path / "pairs")
    assert plain.people == (("er", "Vater"), ("sie", "Mutter"))
    assert plain.filled() == []
    assert plain.swap("his") is None
    # templates are built in for built-in words, and for people who are given for them
    assert read_swaps("en", pairs=tmp_path / "pairs").filled() == []
    assert read_swaps("en", pairs=tmp_path / "pairs", people=tmp_path / "people").filled()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "there are no word lists for 'de'.*give --pairs"),
        ({"pairs": "a: x, y\nb: z\n"}, "have 2 and 1 words; give each word a counterpart"),
        ({"pairs": "a: x\n"}, "has 1 lists; write two lines"),
        ({"pairs": "a: x, x\nb: y, z\n"}, "'x' has several counterparts"),
        ({"pairs": "a: x, y\nb: y, z\n"}, "'y' is a word of both groups"),
        ({"pairs": "a: x\nb: y\n", "templates": "No place.\n"}, "has 0 times {group}"),
        ({"pairs": "a: x\nb: y\n", "templates": "{group} is {mood}.\n"}, "but has {mood}"),
        ({"pairs": ""}, "is empty"),
    ],
)
def test_lists_that_are_wrong(tmp_path: Path, files: dict[str, str], told: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=told) as raised:
        read_swaps("de", **{name: tmp_path / name for name in files})
    assert "\n" not in str(raised.value)
