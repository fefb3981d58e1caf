"""Test how hard-wrapped lines are recognised and joined."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus.formats.wrapped import is_wrapped, join_lines, without_contents

PROSE = (
    "It was the year in which the mill burned down, and nobody could say who had been there "
    "first. Some said the miller himself; others, that it was his brother, who had come back "
    "from the sea without a word, and whom nobody had seen since."
)


def lines(text: str) -> list[str]:
    return text.split("\n")


@pytest.mark.parametrize("width", [40, 60, 72, 90])
@pytest.mark.parametrize("paragraphs", [1, 3])
def test_wrapped_text_is_recognised_and_joined(width: int, paragraphs: int) -> None:
    wrapped = lines("\n\n".join([textwrap.fill(PROSE, width)] * paragraphs))
    assert is_wrapped(wrapped)
    assert join_lines(wrapped) == [PROSE] * paragraphs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "One line.",
        "A sentence a line.\nAnother one.\nAnd one more.",
        "Yes, he said to her.\n\nNo, she said.\n\nThey went home.",
        "apples\npears\noranges",
        "John Smith, an actor and singer of note\nJane Roe, a poet\nJack, a king",
        f"{PROSE}\n{PROSE}",
    ],
)
def test_lines_of_other_text(text: str) -> None:
    assert not is_wrapped(lines(text))


def test_long_lines_are_paragraphs() -> None:
    text = ["A paragraph that goes on and on. " * 9 + f"{n}." for n in range(3)]
    text.insert(1, "A short one.")
    assert join_lines(text) == text
    assert join_lines(lines("\n\n".join(text))) == text


def test_a_few_long_lines_do_not_make_lines_paragraphs() -> None:
    text = ["One short", "line.", ""] * 20 + ["x" * 200]
    assert join_lines(text) == ["One short line."] * 20 + ["x" * 200]


def test_indented_lines_begin_paragraphs_if_there_are_no_blank_lines() -> None:
    indented = lines("   One line\nand another.\n   A second\nparagraph.\n")
    assert join_lines(indented) == ["One line and another.", "A second paragraph."]
    verse = lines("One line\n   and another.\n\nA second\n   paragraph.\n")
    assert join_lines(verse) == ["One line and another.", "A second paragraph."]


def test_lines_are_paragraphs_if_nothing_separates_them() -> None:
    text = ["A sentence a line.", "Another one.", "And one more."]
    assert join_lines([*text, "", ""]) == text


def test_short_lines_end_paragraphs_if_nothing_separates_them() -> None:
    text = lines(textwrap.fill(PROSE, 50) + "\n" + textwrap.fill(PROSE, 50))
    assert join_lines(text) == [PROSE, PROSE]


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("the la-\nzy dog\n\nx", "the la-zy dog"),
        ("is well-\nknown\n\nx", "is well-known"),
        ("pre-\nand post-war\n\nx", "pre- and post-war"),
        ("a range -\nof hills\n\nx", "a range - of hills"),
        ("he said--\nand left\n\nx", "he said--and left"),
        ("the la\xad\nzy dog\n\nx", "the lazy dog"),
        ("in 1914-\n1918\n\nx", "in 1914-1918"),
        ("北京是中华人民共和国的\n首都。\n\nx", "北京是中华人民共和国的首都。"),
    ],
)
def test_words_broken_at_line_ends(text: str, joined: str) -> None:
    assert join_lines(lines(text))[0] == joined


@pytest.mark.parametrize(
    ("text", "left"),
    [
        # tables of contents
        ("A\nI. The Fox 1\nII. The Dog   17\n\nIII. The Mill 30\nB", "A\n\nB"),
        ("A\nI. The Fox\n  and more 1\nII. The Dog 17\nIII. The Mill 17\nB", "A\nI. The Fox\nB"),
        ("A\n\nCONTENTS.\nThe Fox 1\nThe Dog 17\nThe Mill 30", "A\n"),
        ("Contents of a box\nThe Fox 1\nThe Dog 17\nThe Mill 30", "Contents of a box"),
        ("Preface ......... 5\nIndex . . . . . . 205\nText … 7", "Text … 7"),
        # prose and lists
        ("I was born in 1812\nand died in 1870", "I was born in 1812\nand died in 1870"),
        ("Born 30\nDied 20\nLeft 10", "Born 30\nDied 20\nLeft 10"),
        ("a 1\nb\nc\nd 2\ne\nf\ng 3", "a 1\nb\nc\nd 2\ne\nf\ng 3"),
    ],
)
def test_tables_of_contents_are_removed(text: str, left: str) -> None:
    assert without_contents(lines(text)) == lines(left)


@given(
    st.lists(st.sampled_from(["a", "ab cd", "", " x", "12", "Chapter 5", "é-", "漢字", "y" * 120]))
)
def test_no_word_is_lost_or_added(text: list[str]) -> None:
    kept = "".join(without_contents(text)).split()
    assert "".join("".join(join_lines(text)).split()) == "".join("".join(kept).split())


@pytest.mark.parametrize("line", ["." * 300_000, ". " * 150_000, "…" * 300_000, "a-" * 150_000])
def test_patterns_are_linear(line: str) -> None:
    # a quadratic pattern would take minutes
    join_lines([line, line])
