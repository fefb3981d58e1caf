"""Test how valid and broken comments, tags, tables and elements are removed.

A circle stands for a hole.
"""

import pytest

from albertlm.corpus.wikitext.marks import HOLE, INDENT, restore
from albertlm.corpus.wikitext.tags import (
    unwrap_elements,
    without_elements,
    without_tables,
    without_tags,
)


def shown(text: str) -> str:
    return restore(text.replace(HOLE, "○"))


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("no tags", "no tags"),
        # comments
        ("A <!-- {{ [[ --> B", "A  B"),
        ("A\n<!-- alone on its line -->\nB", "A\nB"),
        ("<!-- alone on the first line -->\nB", "B"),
        ("A<!-- at the end of a line -->\nB", "A\nB"),
        ("A <!-- never closed {{x\nB", "A "),
        ("A <!---->B", "A B"),
        # nowiki
        ("<nowiki>[[a]] '''b''' {{c}}</nowiki>", "[[a]] '''b''' {{c}}"),
        ("A<nowiki />B <nowiki>&amp;<ref></nowiki>", "AB &<ref>"),
        ("<nowiki><!-- shown --></nowiki>", "<!-- shown -->"),
        ("<nowiki> never closed", " never closed"),
        # references
        ("A.<ref>Note, p. 5.</ref> B.<ref name=x /> C.<REF name='y'>{{c}}</REF >", "A.○ B.○ C.○"),
        ("A.<ref>never closed {{cite|a}} B.\nC.<ref>x</ref> D.", "A.○\nC.○ D."),
        ("<references>\n<ref name=a>Note</ref>\n</references>Text", "○Text"),
        # what holds no prose
        ("<math>\\frac{a}{b}</math>.", "○."),
        ("A\n<math>never\nclosed\n\nB", "A\n○\n\nB"),
        ("<gallery>\nFile:a.jpg|A caption\n</gallery>Text", "○Text"),
        ("<gallery>\nFile:a.jpg|never closed", "○\nFile:a.jpg|never closed"),
        ("<poem>\nOne\nTwo\n</poem>Three", "○Three"),
        ("<pre>{{{</pre>Text<math></ce>", "○Text○"),
        # what is invisible to readers leaves no hole
        ("A<includeonly>{{x}}</includeonly>B<templatestyles src='x' />C", "ABC"),
        # code
        ("<syntaxhighlight lang=c>\nint x;\n</syntaxhighlight>Text", "○Text"),
        ("call <source lang=c inline>f(x[[0]])</source> now", "call f(x[[0]]) now"),
        # other tags are left to later passes
        ("<b>bold</b> <unknown> a < b", "<b>bold</b> <unknown> a < b"),
    ],
)
def test_without_tags(wikitext: str, expected: str) -> None:
    assert shown(without_tags(wikitext)) == expected


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("\nA | b |} c", "\nA | b |} c"),
        ("\n{| class=x\n! a !! b\n|-\n| c || d\n|}\nText", "\n○\nText"),
        ("\n{|\n| a\n{|\n| b\n|}\n| c\n|}Text", "\n○Text"),
        ("\n:{|\n| a\n|}Text", "\n○Text"),
        (f"\n{HOLE}{INDENT}{{|\n|}}\n", "\n○\n"),
        ("\n{|\n| a\nText", "\n{|\n| a\nText"),  # never closed
        ("\n|}\nText {|\n|}", "\n|}\nText {|\n|}"),  # never opened at the start of a line
        ("\n{|\n{|\n|}\nA", "\n{|\n○\nA"),
    ],
)
def test_without_tables(wikitext: str, expected: str) -> None:
    assert shown(without_tables(wikitext)) == expected


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("<table><tr><td>x<table><td>y</table></table>Text", "○Text"),
        ("<s>struck</s><del>out</del> kept <u>this</u>", "○○ kept <u>this</u>"),
        ("<UL class=a><li>x<ol><li>y</ol></UL >Text", "○Text"),
        ("<h2>Heading</h2>Text", "○Text"),
        ("A <ol><li>never closed", "A <ol><li>never closed"),
        ("closed only</ul> B", "closed only</ul> B"),
        ("<s>one <ul><li>two</s> three</ul> four", "○ four"),  # they overlap
        ("<small>s</small><span>t</span>", "<small>s</small><span>t</span>"),
    ],
)
def test_without_elements(wikitext: str, expected: str) -> None:
    assert shown(without_elements(wikitext)) == expected


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("H<sub>2</sub>O, <SPAN style='a'>b</span>, <b>c</b >", "H2O, b, c"),
        ("A<br>B<br/>C<BR clear=all />D", "A\n\nB\n\nC\n\nD"),
        ("One <p>two</p> three", "One \n\ntwo\n\n three"),
        ("<blockquote>Said.</blockquote>", "\n\nSaid.\n\n"),
        ("left over </ref> and <math>", "left over  and "),
        ("a < b and c > d, <unknown> <b and <5>", "a < b and c > d, <unknown> <b and <5>"),
    ],
)
def test_unwrap_elements(wikitext: str, expected: str) -> None:
    assert unwrap_elements(wikitext) == expected
