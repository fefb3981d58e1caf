"""Compare extracted pages with texts written by hand, one by one and together."""

from collections import Counter
from pathlib import Path

import pytest

from albertlm.corpus.sentences import split_sentences
from albertlm.corpus.wikitext import extract

PAGES = sorted((Path(__file__).parent / "gold").glob("*.wiki"))


def gold_sentences(page: Path) -> Counter[str]:
    lines = page.with_suffix(".txt").read_text(encoding="utf-8").split("\n")
    return Counter(line for line in lines if line)


def extracted_sentences(page: Path) -> Counter[str]:
    title = page.stem.replace("_", " ").capitalize()
    text = extract(page.read_text(encoding="utf-8"), title=title)
    return Counter(sentence for part in split_sentences(text, "en") for sentence in part)


def test_twelve_pages_of_three_hundred_words() -> None:
    assert len(PAGES) == 12
    for page in PAGES:
        assert sum(len(sentence.split()) for sentence in gold_sentences(page)) >= 300, page.name


def test_the_splitter_agrees_with_the_gold_sentences() -> None:
    for page in PAGES:
        text = page.with_suffix(".txt").read_text(encoding="utf-8")
        paragraphs = [part.split("\n") for part in text.strip().split("\n\n")]
        joined = "\n".join(" ".join(sentences) for sentences in paragraphs)
        assert split_sentences(joined, "en") == paragraphs, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_page_is_far_from_its_gold_text(page: Path) -> None:
    gold, found = gold_sentences(page), extracted_sentences(page)
    assert 2 * (gold & found).total() / (gold.total() + found.total()) >= 0.9


def test_sentence_f1_over_all_pages() -> None:
    gold = [gold_sentences(page) for page in PAGES]
    found = [extracted_sentences(page) for page in PAGES]
    common = sum((wanted & got).total() for wanted, got in zip(gold, found, strict=True))
    sentences = sum(wanted.total() + got.total() for wanted, got in zip(gold, found, strict=True))
    assert 2 * common / sentences >= 0.97
