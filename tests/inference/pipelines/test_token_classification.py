"""Token classification: transformers' own pipeline, words, windows, and offsets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from albertlm import pipeline
from albertlm.inference.pipelines.token_classification import TokenClassification

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
TEXTS = [
    "The old fisherman (the doctor) sold 12 pictures of an island.",
    "She painted the harbour at night, then got up - and left.",
    "Nobody",
]
ODD = "👩‍👩‍👧 The ﬁsherman's cafe\u0301 sold 97 5,7 № 5\u200b."


@pytest.fixture(scope="module")
def folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForTokenClassification", LABELS)


@pytest.fixture(scope="module")
def tag(folder: Path) -> TokenClassification:
    return pipeline("token-classification", folder)


def spans(results: list[Any], kind: str) -> list[tuple[Any, ...]]:
    return [(each[kind], each["start"], each["end"]) for each in results]


@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize("strategy", ["none", "simple"])
def test_results_are_those_of_transformers(engine: str, strategy: Any, folder: Path) -> None:
    theirs = transformers.pipeline("token-classification", str(folder), device="cpu")
    ours = pipeline("ner", folder, engine=engine, dtype="float32", aggregation_strategy=strategy)
    kind = "entity" if strategy == "none" else "entity_group"
    found_any = False
    for text, found in zip(TEXTS, ours(TEXTS), strict=True):
        expected: Any = theirs(text, aggregation_strategy=strategy)
        assert [each[kind] for each in found] == [each[kind] for each in expected]
        np.testing.assert_allclose(
            [each["score"] for each in found], [each["score"] for each in expected], atol=1e-5
        )
        if strategy == "none":
            for name in ("index", "word"):
                assert [each[name] for each in found] == [each[name] for each in expected]
            for each, other in zip(found, expected, strict=True):
                # there, the piece for a space alone has the span of the character behind it
                assert each["end"] == other["end"] or each["word"] == "▁"
        found_any = found_any or bool(found)
    assert found_any


@pytest.mark.parametrize("strategy", ["first", "average", "max"])
def test_words_have_one_label(strategy: Any, folder: Path, tag: TokenClassification) -> None:
    """Against a loop over the words, with the logits of transformers' model."""
    model = transformers.AlbertForTokenClassification.from_pretrained(folder).eval()
    words = ["The", "old", "fisherman", "sold", "12", "pictures"]
    encoded = tag.tokenizer(words, is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        probabilities = model(**encoded).logits[0].softmax(-1)
    expected = []
    for number in range(len(words)):
        at = [i for i, word in enumerate(encoded.word_ids()) if word == number]
        rows = probabilities[at]
        row = rows.mean(0) if strategy == "average" else rows[0]
        if strategy == "max":
            row = rows[int(rows.max(1).values.argmax())]
        expected.append(LABELS[int(row.argmax())])
    text = " ".join(words)
    starts = [text.index(word) for word in words]
    of_words = [(start, start + len(word)) for start, word in zip(starts, words, strict=True)]
    assert tag.label_words([text], [of_words], strategy=strategy) == [expected]
    groups = tag(words, is_split_into_words=True, aggregation_strategy=strategy)
    assert tag([words], is_split_into_words=True, aggregation_strategy=strategy) == [groups]
    assert tag(text, aggregation_strategy=strategy) == groups
    assert {name.removeprefix("B-").removeprefix("I-") for name in expected if name != "O"} == {
        each["entity_group"] for each in groups
    }


def test_entities_are_parts_of_the_text(tag: TokenClassification) -> None:
    """Also behind emoji, ligatures and combining marks; nothing is left out but space."""
    found = tag(ODD, ignore_labels=())
    assert found
    for each in found:
        assert ODD[each["start"] : each["end"]] == each["word"]
    covered = {at for each in found for at in range(each["start"], each["end"])}
    assert {ODD[at] for at in set(range(len(ODD))) - covered} <= {" ", "\u200b"}


def test_ignored_labels(tag: TokenClassification) -> None:
    everything = tag(TEXTS[0], ignore_labels=())
    kept = tag(TEXTS[0])
    assert [each for each in everything if each["entity_group"] != "O"] == kept
    assert tag(TEXTS[0], ignore_labels="O") == kept
    people = tag(TEXTS[0], ignore_labels=("O", "LOC"))
    assert [each for each in kept if each["entity_group"] != "LOC"] == people


def test_a_batch_of_one_is_a_batch_of_many_in_any_order(tag: TokenClassification) -> None:
    alone = [tag(text) for text in TEXTS]
    for order in ([0, 1, 2], [2, 0, 1]):
        for at, found in zip(order, tag([TEXTS[at] for at in order], batch_size=2), strict=True):
            assert spans(found, "entity_group") == spans(alone[at], "entity_group")
            np.testing.assert_allclose(
                [each["score"] for each in found], [each["score"] for each in alone[at]], atol=1e-6
            )
    assert tag([]) == []


def test_long_texts_are_read_in_windows(tag: TokenClassification) -> None:
    """Each token once, and the first window's as if the rest were not there."""
    text = " ".join(TEXTS[:2] * 4)
    found = tag(text, aggregation_strategy="none", ignore_labels=())
    whole = tag.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    assert len(whole["input_ids"]) > 3 * 64
    assert [(each["start"], each["end"]) for each in found] == whole["offset_mapping"]
    assert [each["index"] for each in found] == list(range(1, len(found) + 1))
    beginning = text[: whole["offset_mapping"][61][1]]
    of_beginning = tag(beginning, aggregation_strategy="none", ignore_labels=())
    assert len(of_beginning) == 62
    assert spans(found[:31], "entity") == spans(of_beginning[:31], "entity")


def test_a_text_without_tokens_has_no_entities(tag: TokenClassification) -> None:
    assert tag("\u200b", ignore_labels=()) == []
    assert tag.label_words(["\u200b a"], [[(0, 1), (2, 3)]])[0][0] == "O"


@pytest.mark.parametrize(
    ("texts", "options", "said"),
    [
        ("", {}, "a text is empty"),
        ([5], {}, "5 has type int; give a string"),
        ("a", {"aggregation_strategy": "last"}, "aggregation_strategy='last' is not allowed"),
        ("a b", {"is_split_into_words": True}, "texts is .* give a list of words"),
        ([["a", 5]], {"is_split_into_words": True}, "give strings"),
        ([[""]], {"is_split_into_words": True}, "a text is empty"),
    ],
)
def test_bad_input(
    texts: Any, options: dict[str, Any], said: str, tag: TokenClassification
) -> None:
    with pytest.raises(ValueError, match=said):
        tag(texts, **options)


def test_the_head_of_another_task_is_refused(
    fine_tuned: Callable[..., Path], tiny_folder: Path
) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", LABELS)
    with pytest.raises(ValueError, match="is that of an AlbertForSequenceClassification; use a"):
        pipeline("token-classification", folder)
    with pytest.raises(ValueError, match=r"no trained classifier\.weight"):
        pipeline("token-classification", tiny_folder)
