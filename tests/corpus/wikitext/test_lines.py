"""Test which lines are prose, how apostrophes are read, and how holes are closed."""

import pytest

from albertlm.corpus.wikitext.lines import close_holes, paragraphs, prose_lines, without_remains
from albertlm.corpus.wikitext.marks import HOLE, INDENT


@pytest.mark.parametrize(
    "line",
    [
        "* an item",
        "# an item",
        "*# an item",
        ": indented",
        "; term",
        f"{INDENT}preformatted",
        "== Heading ==",
        f"=== ''Other'' === {HOLE}",
        "=One=",
        "|stray=row",
        "!header!!other",
        "! scope=row | header",
        "|}",
        "}}",
        "{| class=x",
        f" {HOLE}* after a template",
        "File:a.jpg|A caption",
        "Datei:b c.PNG",
    ],
)
def test_lines_that_are_not_prose_are_removed(line: str) -> None:
    assert prose_lines(f"\nBefore.\n{line}\nAfter.\n") == "\nBefore.\n\nAfter.\n"


@pytest.mark.parametrize(
    "line",
    [
        "!Kung is a language.",
        "a = b, and c == d",
        "= is a sign.",
        "File:a.jpg is a name.",
        "5 * 4 | 3 # 2",
        f"{HOLE} After a template.",
    ],
)
def test_prose_is_unchanged(line: str) -> None:
    assert prose_lines(f"\n{line}\n") == f"\n{line}\n"


def test_rules_separate_paragraphs() -> None:
    assert prose_lines("\nA\n----\nB\n-----C\n---\n") == "\nA\n\n\nB\n\nC\n---\n"


def test_paragraphs_join_consecutive_lines() -> None:
    text = f"\nOne line.\n  The next. \n\n{INDENT}\n \t\nAnother{HOLE}\n"
    assert paragraphs(text) == ["One line. The next.", "Another"]
    assert paragraphs("\n") == paragraphs("") == []


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        # "Italics and bold" of MediaWiki's parserTests.txt, without the tags
        ("''foo''", "foo"),
        ("''foo'''", "foo'"),
        ("''foo''''", "foo''"),
        ("''foo'''''", "foo"),
        ("'''foo''", "'foo"),
        ("'''foo'''", "foo"),
        ("'''foo''''", "foo'"),
        ("'''foo'''''", "foo"),
        ("''''foo''", "''foo"),
        ("''''foo'''", "'foo"),
        ("''''foo''''", "'foo'"),
        ("''''foo'''''", "'foo"),
        ("'''''foo''", "foo"),
        ("'''''foo'''", "foo"),
        ("'''''foo''''", "foo'"),
        ("'''''foo'''''", "foo"),
        ("'''''foo''''''", "foo'"),
        # bold marks that are an apostrophe and an italic mark
        ("''Hamlet'''s ghost", "Hamlet's ghost"),
        ("L'''amour'' et ''la''", "L'amour et la"),
        ("'''Bold''', ''italic'', '''''both'''''.", "Bold, italic, both."),
        ("never '''closed", "never closed"),
        ("rock 'n' roll, the '90s", "rock 'n' roll, the '90s"),
    ],
)
def test_quotes(wikitext: str, expected: str) -> None:
    assert paragraphs(f"\n{wikitext}\n") == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__NOTOC__Text__FORCETOC__ and __init__", "Text and __init__"),
        ("__MIT_GROSS__A __", "A __"),
        ("closed }} twice", "closed   twice"),
        ("a]]b[[c '''d {|e|} <ref f", "a b c  d  e    f"),
        (f"a{INDENT}b", "a b"),
    ],
)
def test_without_remains(text: str, expected: str) -> None:
    assert without_remains(text) == expected


def test_removed_markup_leaves_no_new_markup() -> None:
    assert "[[" not in without_remains("[{{[ and ]}}]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fa Mulan (○) is", "Fa Mulan is"),
        ("Mulan (○; ○, ○) is", "Mulan is"),
        ("Mulan (○; born 1900) is", "Mulan (born 1900) is"),
        ("Mulan (born 1900, ○) is", "Mulan (born 1900) is"),
        ("Mulan (Chinese: ○, Hua, ○) is", "Mulan (Chinese, Hua) is"),
        ("A (pronounced ○) is", "A is"),
        ("A (pronounced as ○, or not) is", "A (or not) is"),
        ("A [[○]] （○） is", "A is"),
        ("word ○, next ○. End ○", "word, next. End"),
        ("such as ○, ○, and others", "such as, and others"),
        ("includes the following: ○", "includes the following:"),
        ("the○.NET word○word", "the.NET wordword"),
        ("word○ word", "word word"),
        ("○", ""),
        ("print() and ( ) , stay", "print() and ( ) , stay"),
        # brackets, quotes and marks of other scripts
        ("北京（○，○）是首都。", "北京是首都。"),
        ("北京（○；生于1900年）是", "北京（生于1900年）是"),
        ("北京，○，○是", "北京，是"),
        ("東京（○、○：○）は【○】", "東京は"),
        ("「○」という本。『○』《○》〈○〉", "という本。"),
        ("القاهرة (○، ○؛ ○) هي", "القاهرة هي"),
        ('A «○» B “○, ○”, C „○“ D ‘○’ E "○" F »○« G', "A B, C D E F G"),
        ("A («○» / “○”) is", "A is"),
        ("Mulan (○ / ○ – ○) is", "Mulan is"),
        ("((○))", ""),
        ('said "a" ○ "b" »c« ○ »d«', 'said "a" "b" »c« »d«'),
        # no comma after a stop, or at the beginning
        ("C-130. ○ (○), Moro", "C-130. Moro"),
        ("首都。○，北京", "首都。北京"),
        ("apples, etc., ○, And", "apples, etc., And"),
        ("c. ○, born", "c., born"),
        ("○, born in", "born in"),
    ],
)
def test_holes_are_closed(text: str, expected: str) -> None:
    assert close_holes(text.replace("○", HOLE)) == expected
