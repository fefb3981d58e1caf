"""Test properties that hold for every page, valid or not."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from albertlm.corpus.wikitext import extract

MARKUP = [
    *("[[", "]]", "[", "]", "{{", "}}", "{", "}", "{{{", "}}}", "{|", "|}", "|", "|-", "!", "!!"),
    *("'", "''", "'''", "'''''", "=", "==", "\n", "\n\n", "\n*", "\n#", "\n:", "\n;", "\n ", "\n="),
    *("\n----", "\n{|", "\n|}", "\n|", " ", "  ", "-{", "}-", "__TOC__", "__", "(", ")", ",", ":"),
    *(
        "<!--",
        "-->",
        "<",
        ">",
        "<ref>",
        "<ref name=a>",
        "<ref name=a />",
        "</ref>",
        "<br>",
        "<div>",
    ),
    *(
        "</div>",
        "<table>",
        "</table>",
        "<s>",
        "</s>",
        "<math>",
        "</math>",
        "<gallery>",
        "<ul>",
        "<li>",
    ),
    *(
        "File:",
        "Category:",
        "fr:",
        ":",
        "http://a",
        "#REDIRECT",
        "lang|",
        "nowrap|",
        "convert|",
        "quote|",
    ),
    *("5", "km", "1=", "a", "word", "Two words", "É", "漢字", "\u00a0", "\ufdd0", "\ufde5", "\0"),
]
RESIDUE = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{\||\|\}|'''|<ref")

pages = st.lists(st.sampled_from(MARKUP), max_size=60).map("".join)
words = st.from_regex(r"[A-Za-zÀ-ÿ0-9]{1,8}('s|-[a-z]{1,4}|[.,;:!?)]|\.\.\.)?", fullmatch=True)
lines = st.lists(words, min_size=1, max_size=8).map(" ".join)
prose = lines.filter(lambda line: any(map(str.isalnum, line)))  # a single sign is not prose


@given(pages)
@example("a {<math></math>{ '{{x}}'' [<s></s>[ <{{x}}ref> |{{x}}}")
def test_no_markup_is_left(page):
    text = extract(page, title="Title")
    assert not RESIDUE.search(text)
    assert all(line == " ".join(line.split()) != "" for line in text.split("\n") if text)
    assert not re.search("[\ufdd0-\ufdef]", text)


@given(st.text())
def test_any_text_can_be_read(page):
    extract(page)


@given(st.lists(st.lists(prose, min_size=1, max_size=3), max_size=4))
@pytest.mark.slow
def test_plain_prose_is_unchanged(paragraphs):
    page = "\n\n".join("\n".join(lines) for lines in paragraphs)
    assert extract(page) == "\n".join(" ".join(lines) for lines in paragraphs)


@given(pages)
def test_a_page_after_a_broken_one_keeps_its_prose(page):
    # only an unclosed comment may hide what follows it
    closing = ("<!--", "</", "}}", "]]", "|}", "}-")
    opened = "".join(token for token in page.split(" ") if not any(c in token for c in closing))
    assert extract(f"{opened}\n\nThe last paragraph.").endswith("The last paragraph.")


@pytest.mark.parametrize(
    "token",
    [
        *("[[", "{{", "{{a|", "[[a|", "{{{a|", "<ref>", "<!--", "{|", "\n{|", "'''", "<div>"),
        *("&amp;", "-{", "==", "\n==", "<ref ", "<nowiki>", "<math>", "<table>", "[http://a [["),
        *("{{nowrap|x", "[[File:a|", "({{a}}, ", "[[a|b|", "{", "[", "<", "'", " ", "{{a}}", "__A"),
        *("{{ ", "{{a|[[", "<s><ul>", "<ref></ref>", "''a'''", "\n:{|", "-{H|", "-{zh:"),
        *("({{a}}，", "「{{a}}", "«{{a}}»", "((", ", ", "; ", "pronounced ", '"{{a}} ', "}} "),
    ],
)
@pytest.mark.slow
def test_a_page_of_one_token_terminates(token):
    # a pass of quadratic time would take hours here
    extract(token * (1_000_000 // len(token)))


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        *(("{{", "}}"), ("{{nowrap|a", "}}"), ("{{lang|a|[[", "}}"), ("{{{", "}}}"), ("{", "}")),
        *(("[[", "]]"), ("[[a|b", "c]]"), ("[[File:", "x]]"), ("\n{|", "\n|}"), ("<ul>", "</ul>")),
        *(("(", "{{a}})"), ("<ref>", "</ref>"), ("<math>", "</ce>"), ("-{", "}-"), ("<!--", "-->")),
        *(("-{zh-cn:a", ";}-"), ("「{{a}}", "」"), ("(", "{{a}} )"), ("«", "»{{a}}"), ("“", "”")),
    ],
)
@pytest.mark.slow
def test_a_page_of_nested_tokens_terminates(opening, closing):
    count = 1_000_000 // len(opening + closing)
    extract(opening * count + "x" + closing * count)
