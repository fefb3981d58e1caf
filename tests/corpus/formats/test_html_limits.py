"""Test that pages on which a parser would work for minutes are refused, and no others."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from albertlm.corpus.formats import html_limits

MANY = 2000


@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * MANY,
        "<div></i>" * MANY,
        "<h2></table>" * MANY,
        "<div><!--</div>-->" * MANY,
        "<div><!--></div>" * MANY + "<div><!x</div>" * MANY,
        "<div a='</div>'>" * MANY,
        '<div a = "</div>">' * MANY,
        "<div><script></div></script>" * MANY,
        "<div><table></div></table>" * MANY,
        "<object><table></object></table>" * MANY,
        "<table><template></table></template>" * MANY,
        "<svg><foreignObject></svg>" * MANY,
        "<svg><div></svg>" * MANY,
        "<svg><style><g></style>" * MANY,
        "".join(f"<b a{i}>" for i in range(900)) + "<p>x</p>" * 2 * MANY,
    ],
)
def test_elements_that_nest_are_counted(markup):
    assert html_limits.reason(markup) == "nested too deeply"


@pytest.mark.parametrize(
    "markup",
    [
        "<div></div>" * MANY,
        "<DIV></div>" * MANY,
        "<p>x" * MANY + "<br>" * MANY,
        "<h1></h2>" * MANY,
        "<ul><li>x<li>y</ul>" * MANY,
        "<table><tr><td>x<td>y<caption>z</table>" * (html_limits.MAX_DEPTH // 2),
        "<!-- <div> -->" * MANY,
        "<div title='<div>'></div>" * MANY,
        "<script>'<div>'; a<b</script>" * MANY,
        "<svg><title>x</title><g></g></svg>" * MANY,
        "<b><i>x</b></i>" * MANY,
        "<script>" + "<div>" * MANY,
        "</table></object></svg>" * MANY,
        "a < b </ c> <3 " * MANY,
        "",
    ],
)
def test_elements_that_do_not_nest_are_not_counted(markup):
    assert html_limits.reason(markup) == ""


@pytest.mark.parametrize(
    "attributes",
    [
        " ".join(f"a{i}" for i in range(MANY)),
        "a " * MANY,
        "a=1 b='>'c=\">\"" * MANY,
        "/".join("ab" * MANY),
        "=a" + "= =b" * MANY,
    ],
)
@pytest.mark.parametrize("end", [">x</p>", "", "<p>"])
def test_attributes_are_counted(attributes, end):
    assert html_limits.reason(f"<p {attributes}{end}") == "too many attributes"


def test_different_attributes_are_counted():
    tags = [f"<p a{i}=''>x" for i in range(html_limits.MAX_ATTRIBUTE_NAMES + 1)]
    assert html_limits.reason("".join(tags)) == "too many attributes"
    assert html_limits.reason("".join(tags[:-1]) * 2) == ""


def test_words_in_attributes_are_not_counted():
    words = "long text, with 'quotes' = and <b> " * MANY
    assert html_limits.reason(f'<img alt="{words}"><a href=a/b/c?d=e{"/f" * MANY}>x</a>') == ""


def test_elements_that_overlap_are_counted():
    markup = "".join(f"<font size={i}><div>" for i in range(400)) + "</font>" * MANY
    assert html_limits.reason(markup) == "badly nested"


def test_tags_are_counted():
    assert html_limits.reason("<p>" * html_limits.MAX_TAGS) == ""
    assert html_limits.reason("<p>" * html_limits.MAX_TAGS + "<") == "too many elements"


PARTS = [
    *("<div>", "</div>", "<b>", "</b>", "<i a>", "</i>", "<table>", "</table>", "<tr><td>"),
    *("<svg>", "</svg>", "<g>", "</g>", "<object>", "</object>", "<p>", "</p>", "x", "<!--", "-->"),
    *("<select>", "</select>", "<button>", "</button>", "<script>", "</script>", "<h1>", "</h2>"),
    *("<template>", "</template>", "<span a='", "'>", '<span b="', '">', "<title>", "</title>"),
]


@settings(max_examples=30)
@example(["<svg>", "<title>"])
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=6))
def test_a_page_within_the_limits_is_never_deep(parts):
    """Compare with the depth that the parser arrives at."""
    markup = "".join(parts) * 1200
    deepest, node = 0, LexborHTMLParser(markup).body
    while node:  # what is open at the end is the last of its parent
        deepest, node = deepest + 1, node.last_child
    if deepest > 1.1 * html_limits.MAX_DEPTH:
        assert html_limits.reason(markup) != ""
