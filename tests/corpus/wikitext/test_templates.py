"""Test how runs of braces are matched, and which templates show text.

A circle stands for a hole.
"""

import pytest

from albertlm.corpus.wikitext.marks import HOLE
from albertlm.corpus.wikitext.templates import without_templates
from albertlm.corpus.wikitext.wikis import ENGLISH, Wiki


def shown(wikitext: str, wiki: Wiki = ENGLISH) -> str:
    return without_templates(wikitext, "Title", wiki).replace(HOLE, "○")


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("no { template } here", "no { template } here"),
        ("A {{cite|x={{y|z}}|}} B", "A ○ B"),
        ("{{Infobox\n| a = b\n|}}\nText", "○\nText"),
        ("{{#if:x|{{{1}}}|b}}Text", "○Text"),
        # https://www.mediawiki.org/wiki/Preprocessor_ABNF: three braces are a parameter and two a
        # template; in a longer run, the innermost are matched first
        ("A {{{1|default}}} B", "A ○ B"),
        ("{{{{{1}}}}}", "○"),
        ("{{nowrap|{{{1}}}}}", "○"),
        ("{{{nowrap|a}}", "{a"),
        ("{ {{nowrap|a}} }", "{ a }"),
        # broken
        ("{{Infobox\n| name = x\n\nText.", "\n| name = x\n\nText."),
        ("He {{cn|date=May}} was born. {{open", "He ○ was born. "),
        ("{{a|b} c", " c"),
        ("closed }} twice }}", "closed }} twice }}"),
        ("{{nowrap|a}}} b", "a} b"),
        ("{{x}}}} b", "○}} b"),
        ("{{nowrap|a {{open}} b\nc", "\nc"),
    ],
)
def test_braces(wikitext: str, expected: str) -> None:
    assert shown(wikitext) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("nowrap|a [[b|c]]", "a [[b|c]]"),
        ("Nowrap | 1=a = b", "a = b"),
        ("interlanguage_link|A|de", "A"),
        ("small|{{big|x}}", "x"),
        ("lang|grc|λόγος", "λόγος"),
        ("lang-fr|mot", "French: mot"),
        ("lang-sr-Latn|reč", "Serbian: reč"),
        ("lang-xx|mot", "mot"),
        ("langx|fr|mot", "French: mot"),
        ("script/Arabic|كلمة", "كلمة"),
        ("convert|5|km", "5 km"),
        ("HMS|Ajax", "HMS Ajax"),
        ("€|5", "€5"),
        ("snd", " – "),
        ("'", "'"),
        ("(!", "{|"),
        ("angbr|a", "⟨a⟩"),
        ("PAGENAME", "Title"),
        ("formatnum:3003.5", "3,003.5"),
        ("uc:word", "word"),
        # invisible to readers, so no hole
        ("anchor|x", ""),
        ("Use dmy dates|date=May 2010", ""),
        # no text, or an unknown template
        ("cite web|title=x", "○"),
        ("#expr:1+1", "○"),
        ("convert", "○"),
        ("lang|grc", "○"),
        ("langx|fr", "○"),
        ("nowrap", "○"),
        ("", "○"),
    ],
)
def test_what_templates_show(template: str, expected: str) -> None:
    assert shown(f"Before {{{{{template}}}}} after.") == f"Before {expected} after."


@pytest.mark.parametrize("name", ["quote|", "Blockquote|text="])
def test_quotations_are_paragraphs(name: str) -> None:
    assert shown(f"He said:{{{{{name}Words.|Author}}}}Then.") == "He said:\n\nWords.\n\nThen."


def test_languages_are_named_on_english_wikis_only() -> None:
    german = Wiki.of("de", {"1": "Diskussion"})
    assert shown("({{lang-la|verbum}})") == "(Latin: verbum)"
    assert shown("({{lang-la|verbum}})", german) == "(verbum)"


def test_nested_templates_are_expanded_to_a_limited_depth() -> None:
    assert shown("{{nowrap|" * 40 + "x" + "}}" * 40) == "x"
    assert shown("{{nowrap|" * 41 + "x" + "}}" * 41) == "○"
