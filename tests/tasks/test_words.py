"""Words and entities: the rules by example, and transformers' own grouping."""

from typing import Any, cast

import numpy as np
import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st
from transformers.pipelines.token_classification import AggregationStrategy

from albertlm.tasks.words import (
    Strategy,
    Tag,
    entities,
    letter_runs,
    token_tags,
    word_spans,
    word_tags,
)

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("97 5,7", ["97", "5,7"]),
        ("In (Paris).", ["In", "(", "Paris", ")", "."]),
        ("  O'Brien-Smith\tsaid:\n“no”...", ["O'Brien-Smith", "said", ":", "“", "no", "”", *"..."]),
        ("👩‍👩‍👧 cafe\u0301", ["👩‍👩‍👧", "cafe\u0301"]),
        ("北京 is in 中国。", ["北", "京", "is", "in", "中", "国", "。"]),
        (" \n", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_every_visible_character_is_in_one_word(text: str) -> None:
    inside = [at for start, end in word_spans(text) for at in range(start, end)]
    assert inside == [at for at, char in enumerate(text) if not char.isspace()]


def test_letter_runs() -> None:
    text = "Jos\u00e9's cafe\u0301s_5 \u20132,700\u2014 \u5317\u4eac"
    assert [text[start:end] for start, end in letter_runs(text)] == [
        *("José", "s", "cafe\u0301s", "5", "2", "700", "北", "京"),
    ]


def one_hot(*labels: int) -> np.ndarray:
    """Probabilities of 0.8 for a label of each token."""
    rows = np.full((len(labels), len(LABELS)), 0.05)
    rows[np.arange(len(labels)), labels] = 0.8
    return rows


def test_words_are_those_of_the_input_and_not_of_the_pieces() -> None:
    """Four pieces with B make two words, and not four entities."""
    tokens = [(0, 2), (3, 4), (4, 5), (5, 6)]
    tags = word_tags(one_hot(1, 1, 1, 1), tokens, word_spans("97 5,7"), LABELS)
    assert tags == [Tag("B-PER", 0.8, 0, 2), Tag("B-PER", 0.8, 3, 6)]
    assert len(entities([tag for tag in tags if tag])) == 2


def test_the_lone_piece_before_a_word_is_its_first() -> None:
    """As in training, where the first piece of a word has its label."""
    tokens = [(0, 0), (0, 1), (2, 3)]
    (tag, after) = word_tags(one_hot(3, 0, 1), tokens, [(0, 1), (2, 3)], LABELS)
    assert tag is not None
    assert after is not None
    assert (tag.label, after.label) == ("B-LOC", "B-PER")


def test_entities_end_with_another_kind_or_begin() -> None:
    labels = ["B-PER", "I-PER", "I-LOC", "O", "I-LOC"]
    tags = [Tag(label, 0.1 * n, n, n + 1) for n, label in enumerate(labels, start=1)]
    found = [(kind, start, end) for kind, _, start, end in entities(tags) if kind != "O"]
    assert found == [("PER", 1, 3), ("LOC", 3, 4), ("LOC", 5, 6)]
    assert entities(tags)[0].score == pytest.approx(0.15)


def test_a_word_whose_token_began_before_has_none_and_its_neighbour_reaches_farther() -> None:
    tags = word_tags(one_hot(3), [(0, 4)], word_spans("U.S."), LABELS)
    assert tags == [Tag("B-LOC", 0.8, 0, 4), None]


@pytest.mark.parametrize(
    ("strategy", "label", "score"), [("first", 0, 0.5), ("average", 1, 0.4), ("max", 2, 0.8)]
)
def test_strategies(strategy: Strategy, label: int, score: float) -> None:
    rows = np.array([[0.5, 0.4, 0.1], [0.3, 0.7, 0.0], [0.1, 0.1, 0.8]])
    labels = ("a", "b", "c")
    (tag,) = word_tags(rows, [(0, 1), (1, 2), (2, 3)], [(0, 3)], labels, strategy)
    assert tag is not None
    assert tag.label == labels[label]
    assert tag.score == pytest.approx(score)


def test_nothing_has_no_tags() -> None:
    assert word_tags(np.zeros((0, 5)), [], [], LABELS) == []
    assert word_tags(np.zeros((0, 5)), [], [(0, 1)], LABELS) == [None]
    assert token_tags(np.zeros((0, 5)), [], LABELS) == []
    assert entities([]) == []


class WithoutModel(transformers.TokenClassificationPipeline):
    """That of transformers, without a model."""

    def __init__(self) -> None:
        self.tokenizer = cast(Any, type("Joins", (), {"convert_tokens_to_string": " ".join}))
        config = type("Config", (), {"id2label": dict(enumerate(LABELS))})
        self.model = cast(Any, type("Model", (), {"config": config}))


@given(labels=st.lists(st.sampled_from([*LABELS, "VERB", "NOUN"]), max_size=12))
def test_entities_are_those_of_transformers(labels: list[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"entity": label, "score": 0.1 + n / 20, "word": "w", "start": n, "end": n + 1, "index": n}
        for n, label in enumerate(labels)
    ]
    expected: Any = [
        (each["entity_group"], pytest.approx(each["score"]), each["start"], each["end"])
        for each in WithoutModel().group_entities(rows)
    ]
    tags = [Tag(row["entity"], row["score"], row["start"], row["end"]) for row in rows]
    assert [tuple(entity) for entity in entities(tags)] == expected


@given(data=st.data(), strategy=st.sampled_from(["first", "average", "max"]))
def test_words_are_aggregated_as_in_transformers(data: st.DataObject, strategy: Strategy) -> None:
    count = data.draw(st.integers(1, 5))
    weights = st.lists(st.floats(0.01, 1), min_size=5, max_size=5)
    rows = np.array([data.draw(weights) for _ in range(count)])
    rows /= rows.sum(1, keepdims=True)
    tokens = [{"scores": row, "word": "w", "start": n, "end": n + 1} for n, row in enumerate(rows)]
    expected = WithoutModel().aggregate_word(tokens, AggregationStrategy(strategy))
    spans = [(n, n + 1) for n in range(count)]
    (tag,) = word_tags(rows, spans, [(0, count)], LABELS, strategy)
    assert tag is not None
    assert tag.label == expected["entity"]
    assert tag.score == pytest.approx(float(expected["score"]))
    assert (tag.start, tag.end) == (0, count)
