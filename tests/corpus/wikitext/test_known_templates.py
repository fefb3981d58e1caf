"""Test which templates are known, and that English words are shown on English wikis only."""

from albertlm.corpus.wikitext.known_templates import INVISIBLE, known, split
from albertlm.corpus.wikitext.wikis import ENGLISH, Wiki


def test_lists_of_names() -> None:
    assert list(split("a b, c,\n d")) == ["a b", "c", "d"]


def test_names_are_in_lower_case_and_unique() -> None:
    names = known(ENGLISH)
    assert all(name == name.lower().strip() for name in names)
    assert not INVISIBLE & names.keys()


def test_a_link_from_wikinews_shows_its_text() -> None:
    rule = known(ENGLISH)["w"]
    assert rule({"1": "nuclear weapon", "2": "nuclear weapons"}) == "nuclear weapons"
    assert rule({"1": "nuclear weapon"}) == "nuclear weapon"


def test_numbers_are_those_of_the_wiki() -> None:
    assert known(ENGLISH)["convert"]({"1": "1234.5", "2": "km"}) == "1,234.5 km"
    assert known(Wiki("de"))["convert"]({"1": "1234.5", "2": "km"}) == "1.234,5 km"


def test_english_words_are_shown_on_english_wikis_only() -> None:
    assert known(ENGLISH)["as of"]({"1": "2012"}) == "As of 2012"
    assert "as of" not in known(Wiki("de"))
    assert known(ENGLISH)["zh"]({"c": "花木蘭"}) == "Chinese: 花木蘭"
    assert known(Wiki("zh"))["zh"]({"c": "花木蘭"}) == "花木蘭"
