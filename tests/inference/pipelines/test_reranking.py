"""Reranking: the logits of transformers' classifier of pairs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from albertlm import AlbertTokenizer, pipeline
from albertlm.inference.pipelines.reranking import Reranking

QUERY = "Nobody left."
TEXTS = ["A young model painted a small town.", "She remembered the boats.", "the river"]


@pytest.fixture(scope="module")
def folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForSequenceClassification", ["match"])


@pytest.fixture(scope="module")
def rerank(folder: Path) -> Reranking:
    return pipeline("rerank", folder)


@pytest.mark.parametrize("raw_scores", [True, False])
def test_scores_are_those_of_transformers(
    raw_scores: bool, rerank: Reranking, folder: Path
) -> None:
    model = transformers.AlbertForSequenceClassification.from_pretrained(folder)
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    expected = {}
    for number, text in enumerate(TEXTS):
        with torch.no_grad():
            logit = model(**tokenizer(QUERY, text, return_tensors="pt")).logits[0, 0].double()
        expected[number] = float(logit if raw_scores else logit.sigmoid())
    found = rerank(QUERY, TEXTS, raw_scores=raw_scores)
    assert {each["index"]: each["score"] for each in found} == pytest.approx(expected, abs=1e-5)
    assert [each["index"] for each in found] == sorted(expected, key=lambda at: -expected[at])


def test_equal_texts_stay_in_order_and_long_ones_are_cut(rerank: Reranking) -> None:
    found = rerank(QUERY, [TEXTS[0], TEXTS[0]], batch_size=1)
    assert [each["index"] for each in found] == [0, 1]
    assert rerank(QUERY, []) == []
    with pytest.warns(UserWarning, match="their end was not read"):
        (cut,) = rerank(QUERY, ["river " * 100])
    assert cut == rerank(QUERY, ["river " * 90], max_length=64)[0]


def test_a_model_of_several_labels_is_refused(fine_tuned: Callable[..., Path]) -> None:
    several = fine_tuned("AlbertForSequenceClassification", ["good", "bad"])
    with pytest.raises(ValueError, match="good, bad; reranking needs a classifier of pairs"):
        pipeline("rerank", several)


def test_bad_input_is_named(rerank: Reranking, tiny_folder: Path) -> None:
    texts: Any
    for texts, message in (([" "], "empty"), ([3], "give a string")):
        with pytest.raises(ValueError, match=message):
            rerank(QUERY, texts)
    with pytest.raises(ValueError, match="long"):
        rerank("river " * 100, TEXTS)
    with pytest.raises(ValueError, match=r"no trained classifier\.weight"):
        pipeline("rerank", tiny_folder)
