"""Examples of tasks as rows of tokens with labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from albertlm import AlbertTokenizer
from albertlm.config import IGNORED
from albertlm.tasks.squad import GoldAnswer
from albertlm.tasks.tagging import OUTSIDE
from albertlm.tasks.task import Example
from albertlm.training.features import Reading
from albertlm.training.labelled import Feature

WORDS = ["Nobody", "painted", "the", "harbour", "at", "night"]


def example(label: Any, *texts: str, **fields: Any) -> Example[Any]:
    return Example("0", texts, label, "here:1", **fields)


def tagged(words: list[str], tags: list[str]) -> Example[Any]:
    text, spans = "", []
    for word in words:
        text += " " * bool(text) + word
        spans.append((len(text) - len(word), len(text)))
    return example(tuple(tags), text, spans=tuple(spans))


def test_texts_and_pairs(tiny_tokenizer: AlbertTokenizer) -> None:
    reading = Reading(
        head="sequence-classification",
        problem="single_label_classification",
        labels=("no", "yes"),
        length=12,
    )
    (feature,) = reading.features(tiny_tokenizer, [example("yes", "She", "the boats")])
    pair = tiny_tokenizer("She", "the boats", truncation=True, max_length=12)
    assert [*feature.rows[0].input_ids] == pair["input_ids"]
    assert [*feature.rows[0].token_type_ids] == pair["token_type_ids"]
    assert feature.labels.tolist() == [1]
    (feature,) = reading.features(tiny_tokenizer, [example("no", "the river " * 9)])
    whole = tiny_tokenizer("the river " * 9)["input_ids"]
    assert feature.length == 12
    assert feature.left_out == len(whole) - 12


def test_numbers_and_several_labels(tiny_tokenizer: AlbertTokenizer) -> None:
    reading = Reading(head="sequence-classification", problem="regression")
    (feature,) = reading.features(tiny_tokenizer, [example(4.2, "She", "Nobody")])
    assert feature.labels.dtype == np.float32
    assert feature.labels.tolist() == pytest.approx([4.2])
    reading = Reading(
        head="sequence-classification",
        problem="multi_label_classification",
        labels=("a", "b", "c"),
    )
    found = reading.features(tiny_tokenizer, [example(("c", "a"), "She"), example((), "She")])
    assert [each.labels.tolist() for each in found] == [[1, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize(("cut", "shift"), [({}, 5), ({"overlap": 3}, 7), ({"shift": 9}, 9)])
def test_windows_have_the_label_of_their_text(
    cut: dict[str, Any], shift: int, tiny_tokenizer: AlbertTokenizer
) -> None:
    reading = Reading(
        head="sequence-classification",
        problem="single_label_classification",
        labels=("no", "yes"),
        length=12,
        windows=True,
        **cut,
    )
    long, short = example("yes", "the river walked " * 9), example("no", "She")
    found = reading.features(tiny_tokenizer, [long, short])
    assert [each.labels.tolist() for each in found] == [*[[1]] * (len(found) - 1), [0]]
    ids = tiny_tokenizer(long.texts[0], add_special_tokens=False)["input_ids"]
    assert [[*each.rows[0].input_ids[1:-1]] for each in found[:-1]] == [
        ids[start : start + 10] for start in range(0, len(ids) - 10 + shift, shift)
    ]
    assert all(each.left_out == 0 for each in found)
    with pytest.raises(ValueError, match="windows=True is not allowed; it must be false for pairs"):
        reading.features(tiny_tokenizer, [example("yes", "She", "the boats")])


@pytest.mark.parametrize("length", [60, 16])
def test_each_word_is_labelled_once(length: int, tiny_tokenizer: AlbertTokenizer) -> None:
    words = WORDS * 2
    tags = [OUTSIDE, "B-ACT", OUTSIDE, "B-PLACE", OUTSIDE, "B-TIME"] * 2
    labels = ("B-ACT", "B-PLACE", "B-TIME", OUTSIDE)
    reading = Reading(head="token-classification", labels=labels, length=length)
    given = tagged(words, tags)
    found = reading.features(tiny_tokenizer, [given])
    assert (len(found) > 1) == (length == 16)
    first = {word: tiny_tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in WORDS}
    seen = []
    for feature in found:
        assert feature.length <= length
        for token, label in zip(feature.rows[0].input_ids, feature.labels, strict=True):
            if label != IGNORED:
                seen.append((token, labels[label]))
    expected = [(first[word], tag) for word, tag in zip(words, tags, strict=True)]
    assert sorted(seen) == sorted(expected)


def test_choices(tiny_tokenizer: AlbertTokenizer) -> None:
    reading = Reading(head="multiple-choice", length=30)
    given = example("B", "She walked to the river.", "the river", "a town")
    (feature,) = reading.features(tiny_tokenizer, [given])
    assert len(feature.rows) == 2
    assert feature.labels.tolist() == [1]
    pair = tiny_tokenizer("She walked to the river.", "the river")["input_ids"]
    assert [*feature.rows[0].input_ids] == pair or feature.left_out
    given = example("A", "the river " * 30, "She", "She walked to the town")
    for equal in (True, False):
        reading = Reading(head="multiple-choice", length=30, equal_contexts=equal)
        (feature,) = reading.features(tiny_tokenizer, [given])
        contexts = {[*row.token_type_ids].count(0) for row in feature.rows}
        assert (len(contexts) == 1) == equal
        assert feature.left_out > 0


def span(feature: Feature, tokenizer: AlbertTokenizer) -> str:
    first, last = feature.labels
    return tokenizer.decode([*feature.rows[0].input_ids[first : last + 1]])


@pytest.mark.parametrize("length", [64, 24])
def test_answers_are_where_they_are(length: int, tiny_tokenizer: AlbertTokenizer) -> None:
    context = "She sold 12 pictures of the boats. A young model painted the river. Nobody left."
    text = "the river"
    answer = GoldAnswer(text, context.index(text))
    reading = Reading(head="question-answering", length=length, shift=6 if length == 24 else None)
    found = reading.features(tiny_tokenizer, [example((answer,), "She", context)])
    there = [feature for feature in found if feature.labels.any()]
    assert there
    assert {span(feature, tiny_tokenizer) for feature in there} == {text}
    if length == 24:
        assert len(there) < len(found)
    (impossible,) = reading.features(tiny_tokenizer, [example((), "She", "Nobody left.")])
    assert impossible.labels.tolist() == [0, 0]


def test_what_is_not_divided_or_twice() -> None:
    with pytest.raises(ValueError, match="windows=True is not allowed; it must be false for mult"):
        Reading(head="multiple-choice", windows=True)
    with pytest.raises(ValueError, match="shift=3 and overlap=2 are not allowed; they must be"):
        Reading(head="question-answering", shift=3, overlap=2)


def test_absurd_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="length=4 is not allowed; it must be 8 or more"):
        Reading(head="multiple-choice", length=4)
