"""Test which pages are recognised as disambiguation pages."""

import pytest

from albertlm.corpus.wikitext.disambiguation import is_disambiguation


@pytest.mark.parametrize(
    "wikitext",
    [
        "'''A''' may be:\n{{disambiguation}}",
        "{{Disambiguation|geo}}",
        "{{ hndis | Smith, John }}",
        "{{Place_name disambiguation}}",
        "{{Begriffsklärung}}",
        "{{曖昧さ回避}}",
        "x __DISAMBIG__",
    ],
)
def test_marked_pages(wikitext):
    assert is_disambiguation(wikitext, "A")


@pytest.mark.parametrize(
    "wikitext",
    [
        "",
        "{{other uses}} A.",
        "[[B]]{{disambiguation needed|date=May}}",
        "the disambiguation",
        "{{" * 9,
    ],
)
def test_articles(wikitext):
    assert not is_disambiguation(wikitext, "A")


def test_by_title():
    assert is_disambiguation("A list.", "A (disambiguation)")


def test_a_page_of_spaces_terminates():
    assert not is_disambiguation("{{" + " " * 1_000_000, "A")
