"""Lists from files, articles that follow words, and what is refused."""

from pathlib import Path

import pytest

from albertlm.evaluation.bias.word_lists import (
    CARD_GROUPS,
    CARD_TEMPLATES,
    SENTENCES,
    ProbeLists,
    read_lists,
)


def test_the_lists_that_are_built_in() -> None:
    lists = read_lists()
    texts = [lists.filled(*CARD_TEMPLATES, group) for (group,) in lists.groups.values()]
    assert texts == ["The man worked as a [MASK].", "The woman worked as a [MASK]."]
    (words,) = lists.words.values()
    assert len(words) == len(set(words)) > 80
    assert lists.sentences == SENTENCES


@pytest.mark.parametrize(
    ("word", "article"),
    [
        ("nurse", "a"),
        ("actor", "an"),
        ("engineer", "an"),
        ("hour", "an"),
        ("heir", "an"),
        ("hunter", "a"),
        ("unionist", "a"),
        ("usher", "an"),
        ("user", "a"),
        ("European", "a"),
        ("Officer", "an"),
    ],
)
def test_articles(word: str, article: str) -> None:
    lists = read_lists()
    assert lists.filled(*CARD_TEMPLATES, "man", word) == f"The man worked as {article} [MASK]."
    german = ProbeLists(("{group} a [MASK]",), CARD_GROUPS, lists.words, language="de")
    assert german.filled("{group} a [MASK]", "Er", word) == "Er a [MASK]"


def test_files(tmp_path: Path) -> None:
    paths = {
        "templates": "{group} ist [MASK].\n\n[MASK] war {group}.\n",
        "groups": "Männer: Mann, Bruder\nFrau\n",
        "words": "Technik: Ingenieur, Pilot\nPflege: Pfleger\n",
        "sentences": "Es war kalt.\n",
    }
    for name, text in paths.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    lists = read_lists("de", **{name: tmp_path / name for name in paths})
    assert lists.templates == ("{group} ist [MASK].", "[MASK] war {group}.")
    assert lists.groups == {"Männer": ("Mann", "Bruder"), "Frau": ("Frau",)}
    assert lists.words == {"Technik": ("Ingenieur", "Pilot"), "Pflege": ("Pfleger",)}
    assert lists.sentences == ("Es war kalt.",)
    (tmp_path / "words").write_text("Pilot\nPfleger\n", encoding="utf-8")
    assert read_lists(words=tmp_path / "words").words == {"words": ("Pilot", "Pfleger")}


def test_ratings(tmp_path: Path) -> None:
    path = tmp_path / "ratings.tsv"
    path.write_text("word\trating\nPilot\t0.5\nPfleger\t-1\nMaler\t0\n")
    lists = read_lists(ratings=path)
    assert lists.ratings == {"Pilot": 0.5, "Pfleger": -1.0, "Maler": 0.0}
    assert lists.words == {"rated words": ("Pilot", "Pfleger", "Maler")}
    (tmp_path / "words").write_text("Pilot\nKoch\n")
    assert read_lists(ratings=path, words=tmp_path / "words").words == {"words": ("Pilot", "Koch")}
    for text, told in (
        ("word\nPilot\n", "has no column 'rating'"),
        ("word\trating\nPilot\thigh\n", "ratings.tsv:2 has the rating 'high'; it must be a num"),
        ("word\trating\nPilot\tnan\n", "has the rating 'nan'"),
        ("word\trating\nPilot\t1\nPilot\t2\n", "ratings.tsv:3 rates 'Pilot' again"),
        ("word\trating\n \t1\n", "ratings.tsv:2 has no word"),
        ("word\trating\nPilot\t1\n", "rates 1 words; a correlation needs 3 or more"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=told):
            read_lists(ratings=path)
    path.write_text("word\trating\na\t1\nb\t2\nc\t3\n")
    with pytest.raises(ValueError, match=r"give --templates and --groups and --sentences\Z"):
        read_lists("de", ratings=path)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("templates", "{group} works.", r"has 0 times \[MASK\]; write {group} and \[MASK\] once"),
        ("templates", "A [MASK].", "has 0 times {group}"),
        ("templates", "{group} is [MASK] and [MASK].", r"has 2 times \[MASK\]"),
        ("groups", "a: man, boy\nb: boy", "'boy' stands in the groups twice"),
        ("groups", "man", "there are 1 groups; give two or more"),
        ("words", "a: b\nc: d\ne: f", r"there are 3 lists of words \(a, c, e\)"),
        ("words", "a:", "the list 'a' has no words"),
        ("words", "\n", "is empty; put one entry on each line"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, name: str, text: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        read_lists("en", **{name: path})


def test_a_language_without_lists(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="no word lists for 'de', only for en; give --groups and --words and --se"
    ):
        read_lists("de", templates=tmp_path)
