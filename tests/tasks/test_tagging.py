"""Tags mark entities in every scheme, and are scored as conlleval scores them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.tasks.tagging import TaggedSpan, as_iob2, chunks, marks_chunks, score_tags
from albertlm.tasks.task import Example, Prediction, ScoringOptions

LENIENT = [
    ("I-P I-P", [("P", 0, 2)]),
    ("B-P I-P", [("P", 0, 2)]),
    ("B-P B-P", [("P", 0, 1), ("P", 1, 2)]),
    ("O I-P O I-P", [("P", 1, 2), ("P", 3, 4)]),
    ("B-P I-L I-L", [("P", 0, 1), ("L", 1, 3)]),
    ("B-PER I-PER I-LOC O I-LOC", [("PER", 0, 2), ("LOC", 2, 3), ("LOC", 4, 5)]),
    ("B-P I-P E-P S-L", [("P", 0, 3), ("L", 3, 4)]),
    ("B-P L-P U-L I-L", [("P", 0, 2), ("L", 2, 3), ("L", 3, 4)]),
    ("I-P I-P B-P I-P", [("P", 0, 2), ("P", 2, 4)]),  # IOB1
    ("E-P I-P", [("P", 0, 1), ("P", 1, 2)]),
    ("O O", []),
    ("", []),
]


@pytest.mark.parametrize(("tags", "expected"), LENIENT)
def test_lenient_entities(tags: str, expected: list[tuple[str, int, int]]) -> None:
    assert chunks(tags.split()) == [TaggedSpan(*each) for each in expected]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("I-P I-P", []),
        ("B-P I-P", [("P", 0, 2)]),
        ("B-P I-L", [("P", 0, 1)]),
        ("O I-P B-P I-P", [("P", 2, 4)]),
    ],
)
def test_strict_entities(tags: str, expected: list[tuple[str, int, int]]) -> None:
    assert chunks(tags.split(), strict=True) == [TaggedSpan(*each) for each in expected]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB1", "I-P I-P B-P O I-L I-P"),
        ("BIOES", "B-P E-P S-P O S-L S-P"),
        ("BILOU", "B-P L-P U-P O U-L U-P"),
        ("IOB2", "B-P I-P B-P O B-L B-P"),
    ],
)
def test_every_scheme_becomes_iob2(scheme: str, tags: str) -> None:
    assert " ".join(as_iob2(tags.split())) == "B-P I-P B-P O B-L B-P"


def test_classes_of_words_are_no_entities() -> None:
    assert as_iob2(["NOUN", "X", "O"]) == ("NOUN", "X", "O")
    assert not marks_chunks(["O"])
    assert not marks_chunks(["B-P", "NOUN"])
    assert marks_chunks(["O", "B-P"])


@given(st.lists(st.sampled_from(["O", "B-P", "I-P", "B-L", "I-L", "E-P", "S-L"])))
def test_iob2_keeps_the_entities_and_is_strict(tags: list[str]) -> None:
    written = as_iob2(tags)
    assert chunks(written) == chunks(tags)
    assert chunks(written, strict=True) == chunks(tags)
    assert as_iob2(written) == written


def sentences(*tags: str) -> list[Example[tuple[str, ...]]]:
    return [Example(str(i), ("x",), tuple(each.split()), f"d:{i}") for i, each in enumerate(tags)]


def predictions(*tags: object) -> list[Prediction]:
    return [Prediction(str(i), each, where=f"p:{i}") for i, each in enumerate(tags)]


def test_i_without_b_is_right_unless_strict() -> None:
    gold = sentences("B-P I-P")
    assert score_tags(gold, predictions("I-P I-P"))["f1"] == 1.0
    with pytest.warns(UserWarning, match="no entity is predicted; F1 is 0"):
        scores = score_tags(gold, predictions("I-P I-P"), ScoringOptions(strict=True))
    assert (scores["f1"], scores["precision"], scores["recall"]) == (0.0, 0.0, 0.0)


def test_scores_of_entities() -> None:
    gold = sentences("B-P I-P O B-L", "O B-L O")
    found = score_tags(gold, predictions(["B-P", "I-P", "O", "O"], ["B-P", "I-P", "O"]))
    assert found == pytest.approx(
        {
            "f1": 2 * 1 / (2 + 3),
            "precision": 1 / 2,
            "recall": 1 / 3,
            "accuracy": 4 / 7,
            "f1_L": 0,
            "f1_P": 2 * 1 / (2 + 1),
        }
    )


def test_scores_of_classes_of_words() -> None:
    assert score_tags(sentences("NOUN VERB"), predictions("NOUN X")) == {"accuracy": 0.5}
    assert score_tags(sentences(""), predictions([])) == {"accuracy": 0}


@pytest.mark.parametrize("value", ["B-P", ["B-P"], 3])
def test_each_word_needs_a_tag(value: object) -> None:
    with pytest.raises(ValueError, match=r"p:0 predicts .*; it must be a list of 2 tags"):
        score_tags(sentences("B-P I-P"), predictions(value))
