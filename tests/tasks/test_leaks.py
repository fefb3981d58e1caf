"""Rows that training and dev data share are told and dropped, and one file is divided in two."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.tasks.glue import MNLI
from albertlm.tasks.leaks import drop_leaks, find_leaks, normalised, parse_share, split
from albertlm.tasks.squad import GoldAnswer
from albertlm.tasks.task import Example, TaskHead

Pair = Example[str]

HEAD: TaskHead = "sequence-classification"


def rows(file: str, *texts: tuple[str, ...], label: str = "x") -> list[Pair]:
    return [Example(str(i), each, label, f"{file}:{i + 2}") for i, each in enumerate(texts)]


TRAIN = rows("train.tsv", ("One.", "two"), ("Three", "four"), ("five", "six"), ("...", "seven"))
DEV = rows("dev.tsv", ("one", "TWO !"), ("Three", "four"), ("five", "other"), ("!!!", "eight"))


def test_leaks_are_counted_with_their_lines() -> None:
    leaks = find_leaks(TRAIN, DEV, HEAD)
    assert leaks.exact == [("dev.tsv:3", "train.tsv:3")]
    assert leaks.normalised == [("dev.tsv:2", "train.tsv:2")]
    assert leaks.same_label == 2
    assert leaks.shared == ["train.tsv:2", "train.tsv:3", "train.tsv:4"]
    report = "\n".join(leaks.report())
    assert (
        "1 dev rows are in the training data exactly, such as\n  dev.tsv:3 = train.tsv:3" in report
    )
    assert "3 training rows share a text with dev, the first is train.tsv:2" in report
    assert "2 of these rows have the same label in both" in report


def test_nothing_is_reported_where_nothing_leaks() -> None:
    leaks = find_leaks(TRAIN, rows("dev.tsv", ("new", "newer")), HEAD)
    assert leaks.report() == []
    assert drop_leaks(TRAIN, rows("dev.tsv", ("new", "newer")), HEAD) == TRAIN


def test_labels_that_differ_are_not_counted_as_the_same() -> None:
    dev = rows("dev.tsv", ("One.", "two"), label="y")
    assert find_leaks(TRAIN, dev, HEAD).same_label == 0


def test_training_rows_that_share_a_text_are_dropped() -> None:
    assert drop_leaks(TRAIN, DEV, HEAD) == TRAIN[3:]
    with pytest.raises(ValueError, match="every training row shares a text"):
        drop_leaks(TRAIN[:1], DEV, HEAD)


def test_choices_are_not_shared_texts() -> None:
    train = rows("train.jsonl", ("Is it warm?", "Yes", "No"), ("Is it late?", "Yes", "No"))
    dev = rows("dev.jsonl", ("Is it late?", "Yes", "No"))
    leaks = find_leaks(train, dev, "multiple-choice")
    assert leaks.exact == [("dev.jsonl:2", "train.jsonl:3")]
    assert leaks.shared == ["train.jsonl:3"]
    assert drop_leaks(train, dev, "multiple-choice") == train[:1]


def test_normalised_texts_are_never_empty() -> None:
    assert normalised("It's  10 O'Clock!") == "its10oclock"
    assert normalised("...") == "..."
    assert normalised("Über 東京") == "über東京"


def test_the_real_subset_of_mnli(shared_data: Path) -> None:
    folder = shared_data / "glue" / "MNLI-subset"
    train, matched, mismatched = (
        MNLI.read(MNLI.find(folder, name)) for name in ("train", "dev_matched", "dev_mismatched")
    )
    leaks = find_leaks(train, matched, HEAD)
    assert len(leaks.exact) + len(leaks.normalised) == leaks.same_label == 640
    assert find_leaks(train, mismatched, HEAD).report() == []
    assert (len(train), len(drop_leaks(train, [*matched, *mismatched], HEAD))) == (6870, 5082)


@pytest.mark.parametrize(("text", "share"), [("10%", 0.1), ("0.25", 0.25), ("12.5%", 0.125)])
def test_shares(text: str, share: float) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["10", "0%", "100%", "ten", "-1%", "nan"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(ValueError, match="is no share of a file; write one between 0% and 100%"):
        parse_share(text)


def labelled(count: int) -> list[Pair]:
    return [Example(str(i), (f"text {i}",), "ab"[i % 4 == 0], f"d:{i}") for i in range(count)]


def test_classes_have_the_same_share_whatever_the_order() -> None:
    examples = labelled(400)
    train, dev = split(examples, 0.1, "sequence-classification")
    assert Counter(each.label for each in dev) == {"a": 30, "b": 10}
    assert len(train) == 360
    again = split(examples[::-1], 0.1, "sequence-classification")
    assert {each.id for each in again[1]} == {each.id for each in dev}
    assert not {each.id for each in dev} & {each.id for each in train}


@given(st.lists(st.integers(0, 10), min_size=20, max_size=60))
def test_equal_texts_stay_together(texts: list[int]) -> None:
    examples = [Example(str(i), (str(text),), "x", "") for i, text in enumerate(texts)]
    if len(set(texts)) < 5:
        return
    train, dev = split(examples, 0.4, "sequence-classification")
    assert not {each.texts for each in train} & {each.texts for each in dev}


def test_questions_of_an_article_and_of_a_passage_stay_together() -> None:
    asked: list[Example[Any]] = [
        Example(f"{i}", (f"q{i}", f"context {i}"), (GoldAnswer("x", 0),), "", f"article {i % 7}")
        for i in range(70)
    ]
    train, dev = split(asked, 0.3, "question-answering")
    assert not {each.group for each in train} & {each.group for each in dev}
    assert len(dev) == 20
    untitled: list[Example[Any]] = [
        Example(f"{i}", (f"q{i}", f"context {i % 7}"), (), "") for i in range(70)
    ]
    train, dev = split(untitled, 0.3, "question-answering")
    assert not {each.texts[1] for each in train} & {each.texts[1] for each in dev}
    chosen: list[Example[Any]] = [
        Example(f"{i}", (f"passage {i % 7}", f"{i}", "x"), "A", "") for i in range(70)
    ]
    train, dev = split(chosen, 0.3, "multiple-choice")
    assert not {each.texts[0] for each in train} & {each.texts[0] for each in dev}


def test_a_file_that_is_too_small() -> None:
    with pytest.raises(
        ValueError, match=r"a share of 0\.1 of 2 examples leaves 2 to train on and 0"
    ):
        split(labelled(2), 0.1, "sequence-classification")
    with pytest.raises(ValueError, match=r"leaves 0 to train on and 1 for dev"):
        split(labelled(1), 0.9, "sequence-classification")
    with pytest.raises(
        ValueError, match=r"and 0 for dev \(passages are not divided\); choose another"
    ):
        split(labelled(1), 0.1, "multiple-choice")
