"""Test that marks hide and restore text, and compare entities with those of HTML."""

import html
import re
from html.entities import html5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus.wikitext.marks import (
    HOLE,
    cut,
    protect,
    restore,
    unescape,
    without_noncharacters,
)

MARKUP = "[]{}|'<>=*#:;!-_"
TEXT = st.text(st.sampled_from(MARKUP + "ab\n\ufdcf\ufdf0") | st.characters())
NONCHARACTERS = [chr(code) for code in range(0xFDD0, 0xFDF0)]


@given(TEXT, st.lists(st.sampled_from(NONCHARACTERS)))
def test_clean_removes_noncharacters_and_nothing_else(text: str, marks: list[str]) -> None:
    kept = "".join(character for character in text if character not in NONCHARACTERS)
    assert without_noncharacters("".join(marks) + text + "".join(marks)) == kept


@given(TEXT.map(without_noncharacters))
def test_protected_text_holds_no_markup_and_can_be_restored(text: str) -> None:
    hidden = protect(text)
    assert not set(hidden) & set(MARKUP)
    assert restore(hidden) == text


def test_named_entities_are_those_of_html() -> None:
    for name in (name for name in html5 if name.endswith(";")):
        assert restore(unescape(f"x&{name}y")) == f"x{html.unescape(f'&{name}')}y"


@given(st.integers(0xA0, 0xD7FF) | st.integers(0xE000, 0xFDCF) | st.integers(0x10000, 0x10FFFD))
def test_numbered_entities_are_those_of_html(code: int) -> None:
    if code & 0xFFFE == 0xFFFE:  # Python removes noncharacters
        return
    for entity in (f"&#{code};", f"&#x{code:x};", f"&#X{code:X};"):
        assert restore(unescape(entity)) == html.unescape(entity)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AT&T &copy &bogus; &;", "AT&T &copy &bogus; &;"),
        ("&#0;&#31;&#xD800;&#xDFFF;&#x110000;", "     "),
        ("&amp;lt;", "&lt;"),
        ("&#99999999;", "&#99999999;"),
    ],
)
def test_invalid_entities_stay_and_invalid_characters_become_spaces(
    text: str, expected: str
) -> None:
    assert restore(unescape(text)) == expected


def test_entities_are_not_markup() -> None:
    assert not re.search(r"[<>\[\]{}|]", unescape("&lt;b&gt; &lsqb;&#91;a&#x5d;&rsqb; &lbrace;"))


def test_cut_leaves_a_hole_for_each_part() -> None:
    assert cut("abcdef", []) == "abcdef"
    assert cut("abcdef", [(1, 3), (5, 6)]) == f"a{HOLE}de{HOLE}"
    assert cut("abcdef", [(2, 3), (1, 5)]) == f"a{HOLE}f"  # nested
    assert cut("abcdef", [(3, 5), (1, 4)]) == f"a{HOLE}f"  # overlapping


@given(
    st.text("abc", max_size=30),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted), max_size=6),
)
def test_cut_keeps_what_no_part_covers(text: str, parts: list[list[int]]) -> None:
    within = [(min(start, len(text)), min(stop, len(text))) for start, stop in parts]
    covered = {place for start, stop in within for place in range(start, stop)}
    found = cut(text, within)
    assert found.replace(HOLE, "") == "".join(c for i, c in enumerate(text) if i not in covered)
    assert (HOLE in found) == bool(within)
