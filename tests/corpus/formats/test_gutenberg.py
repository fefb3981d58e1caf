"""Test the heads and tails of Project Gutenberg's books from several decades."""

import pytest

from albertlm.corpus.formats import gutenberg

BODY = ["", "CHAPTER I", "", "It was a dark night.", ""]

HEADS = {
    "today": """The Project Gutenberg eBook of A Dark Night

Title: A Dark Night

Author: Jane Roe

Release date: June 1, 1998 [eBook #1234]

*** START OF THE PROJECT GUTENBERG EBOOK A DARK NIGHT ***""",
    "2005": """The Project Gutenberg EBook of A Dark Night, by Jane Roe

Title: A Dark
       Night
Author: Jane Roe
Release Date: June, 1998 [Etext #1234]

***START OF THIS PROJECT GUTENBERG EBOOK A DARK
NIGHT***""",
    "1998": """*****The Project Gutenberg Etext of A Dark Night, by Jane Roe*****
June, 1998  [Etext #1234]

***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
This "Small Print!" statement tells you what to do.
*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*""",
}
TAILS = {
    "today": "*** END OF THE PROJECT GUTENBERG EBOOK A DARK NIGHT ***\nUpdated editions",
    "2005": "End of the Project Gutenberg EBook of A Dark Night, by Jane Roe\n\n"
    "*** END OF THIS PROJECT GUTENBERG EBOOK A DARK NIGHT ***\nUpdated editions\n",
    "2002": "End of Project Gutenberg's A Dark Night\n\n*END THE SMALL PRINT! Ver.02/11/02*END*",
    "1998": "The End of The Project Gutenberg Etext of A Dark Night",
    "German": "Ende dieses Projekt Gutenberg Etextes A Dark Night",
    "German text": "Ende dieses Etextes",
    "French": "Fin de Project Gutenberg, A Dark Night",
    "Dutch": "Einde van het Project Gutenberg EBook van A Dark Night",
    "copyrighted": "***END OF THE COPYRIGHTED PROJECT GUTENBERG EBOOK A DARK NIGHT***",
    "missing": "",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
def test_head_and_tail_are_removed(head, tail):
    about, lines = gutenberg.part([*head.split("\n"), *BODY, *tail.split("\n")])
    assert [line for line in lines if line] == ["CHAPTER I", "It was a dark night."]
    assert about == gutenberg.Head(
        title="A Dark Night",
        url="https://www.gutenberg.org/ebooks/1234",
        licence="Public domain in the USA",
    )


def test_only_a_tail():
    about, lines = gutenberg.part([*BODY, "End of Project Gutenberg's A Dark Night"])
    assert (about, lines) == (gutenberg.Head("", "", "Public domain in the USA"), BODY)


def test_books_under_copyright_have_no_licence():
    notice = "** This is a COPYRIGHTED Project Gutenberg eBook, Details Below **"
    about, _ = gutenberg.part([notice, *HEADS["today"].split("\n"), *BODY])
    assert about
    assert not about.licence


def test_the_marks_of_books_under_copyright():
    lines = [
        "***START OF THE COPYRIGHTED PROJECT GUTENBERG EBOOK A DARK NIGHT***",
        *BODY,
        "***END OF THE COPYRIGHTED PROJECT GUTENBERG EBOOK A DARK NIGHT***",
        "You may copy it.",
    ]
    assert gutenberg.part(lines) == (gutenberg.Head("", "", ""), BODY)


def test_other_books_are_unchanged():
    lines = ["He worked for Project Gutenberg.", "*** START OF THE SHOW ***", "The end of it."]
    assert gutenberg.part(lines) == (None, lines)


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("The Project Gutenberg eBook of A Dark Night, by Jane Roe.", "A Dark Night"),
        ("The Project Gutenberg E-text of Night by Night, by Jane Roe", "Night"),
        ("Project Gutenberg's Etext of A Dark Night", "A Dark Night"),
        ("A dark night | Project Gutenberg", "A dark night"),
        ("A Dark Night", "A Dark Night"),
    ],
)
def test_titles_of_pages(heading, title):
    assert gutenberg.title_of(heading) == title


@pytest.mark.parametrize(
    "line",
    [
        "*" * 200_000,
        "Title:" + " " * 200_000,
        "The Project Gutenberg etext of " + "a by " * 40_000,
    ],
)
def test_patterns_are_linear(line):
    """This test would take minutes with a quadratic pattern."""
    _, lines = gutenberg.part([line, *HEADS["today"].split("\n")[1:], line])
    assert lines == [line]
