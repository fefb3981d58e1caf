"""Zero-shot classification: transformers' own pipeline, labels by name, ties and templates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from albertlm import pipeline
from albertlm.inference.pipelines.zero_shot_classification import ZeroShotClassification

TEXTS = ["The old fisherman walked to the river.", "She sold 12 pictures."]
CANDIDATES = ["river", "island", "doctor"]


NAMES = ["contradiction", "neutral", "entailment"]
"""In this order, transformers finds entailment and contradiction as well."""


@pytest.fixture(scope="module")
def folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForSequenceClassification", NAMES)


@pytest.fixture(scope="module")
def classify(folder: Path) -> ZeroShotClassification:
    return pipeline("zero-shot-classification", folder)


def by_label(results: list[Any]) -> dict[str, float]:
    return {each["label"]: each["score"] for each in results}


def expected(folder: Path, text: str, candidates: list[str], columns: list[int]) -> torch.Tensor:
    """The logits of transformers' model for each candidate, in the given columns."""
    model = transformers.AlbertForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = pipeline("zero-shot-classification", folder).tokenizer
    rows = [
        tokenizer(text, f"This example is {label}.", return_tensors="pt") for label in candidates
    ]
    with torch.no_grad():
        return torch.cat([model(**row).logits for row in rows])[:, columns].double()


def test_one_of_several_labels(folder: Path, classify: ZeroShotClassification) -> None:
    for text, found in zip(TEXTS, classify(TEXTS, CANDIDATES, batch_size=2), strict=True):
        probabilities = expected(folder, text, CANDIDATES, [2])[:, 0].softmax(0)
        scores = [each["score"] for each in found]
        assert scores == sorted(scores, reverse=True)
        for label, probability in zip(CANDIDATES, probabilities.tolist(), strict=True):
            assert by_label(found)[label] == pytest.approx(probability, abs=1e-5)


def test_several_labels_or_a_single_one(folder: Path, classify: ZeroShotClassification) -> None:
    probabilities = expected(folder, TEXTS[0], CANDIDATES, [2, 0]).softmax(1)[:, 0].tolist()
    several = by_label(classify(TEXTS[0], CANDIDATES, multi_label=True))
    single = [classify(TEXTS[0], label)[0]["score"] for label in CANDIDATES]
    np.testing.assert_allclose([several[label] for label in CANDIDATES], probabilities, atol=1e-5)
    np.testing.assert_allclose(single, probabilities, atol=1e-5)


@pytest.mark.parametrize("multi_label", [False, True])
def test_results_are_those_of_transformers(
    multi_label: bool, fine_tuned: Callable[..., Path]
) -> None:
    """With a model for which segment ids do not matter, since theirs leaves them out."""
    folder = fine_tuned("AlbertForSequenceClassification", NAMES)
    model = transformers.AlbertForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        segments = model.albert.embeddings.token_type_embeddings.weight
        segments[1] = segments[0]
    model.save_pretrained(folder)
    theirs = transformers.pipeline("zero-shot-classification", str(folder), device="cpu")
    ours = pipeline("zero-shot-classification", folder, multi_label=multi_label)
    for text in TEXTS:
        wanted = theirs(text, CANDIDATES, multi_label=multi_label)
        found = ours(text, CANDIDATES)
        assert [each["label"] for each in found] == wanted["labels"]
        np.testing.assert_allclose([each["score"] for each in found], wanted["scores"], atol=1e-5)


@pytest.mark.parametrize("multi_label", [False, True])
def test_labels_are_found_by_name(multi_label: bool, with_logits: Callable[..., Path]) -> None:
    """Neutral is first, where transformers looks for contradiction."""
    folder = with_logits((9, 1.0, -1.0), ["NEUTRAL", "Entailment", "CONTRADICTION"])
    classify = pipeline("zero-shot-classification", folder, multi_label=multi_label)
    found = classify(TEXTS[0], ["b", "a"])
    assert [each["label"] for each in found] == ["b", "a"]  # ties keep the order given
    share = 1 / (1 + np.exp(-2)) if multi_label else 0.5
    np.testing.assert_allclose([each["score"] for each in found], share)


def test_of_two_labels_the_other_is_the_opposite(with_logits: Callable[..., Path]) -> None:
    folder = with_logits((1.0, 3.0), ["not_entailment", "entailment"])
    (only,) = pipeline("zero-shot-classification", folder)(TEXTS[0], "river")
    assert only["score"] == pytest.approx(1 / (1 + np.exp(-2)))


def test_a_model_without_entailment_is_refused(with_logits: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match="the labels of the model are good, bad; zero-shot"):
        pipeline("zero-shot-classification", with_logits((0, 1), ["good", "bad"]))


def test_contradiction_is_needed_only_to_compare_with(with_logits: Callable[..., Path]) -> None:
    folder = with_logits((0, 1, 2), ["entailment", "neutral", "other"])
    classify = pipeline("zero-shot-classification", folder)
    assert len(classify(TEXTS[0], CANDIDATES)) == 3
    with pytest.raises(ValueError, match="none is contradiction, which a single label and multi_"):
        classify(TEXTS[0], "river")


def test_candidates(classify: ZeroShotClassification) -> None:
    wanted = classify(TEXTS[0], ["river", "island"])
    assert classify(TEXTS[0], "river, island,") == wanted
    assert classify(TEXTS[0], (each for each in ("river", "island", "river"))) == wanted
    assert classify(TEXTS[0], ["{}", "{x}"]) == classify(TEXTS[0], ["{}", "{x}"])
    by_default = ZeroShotClassification(
        classify.engine, classify.tokenizer, candidate_labels=["river", "island"]
    )
    assert by_default(TEXTS[0]) == wanted
    assert classify([], "river") == []


def test_long_texts_are_truncated_with_a_warning(classify: ZeroShotClassification) -> None:
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than 64 tokens"):
        found = classify(["The river walked. " * 40, TEXTS[0]], CANDIDATES)
    assert len(found[0]) == 3


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        (None, {}, "there are no candidate labels; give some"),
        (" , ", {}, "all candidate labels are empty"),
        ([], {}, "all candidate labels are empty"),
        ([5], {}, "the label 5 has type int"),
        (["a"], {"hypothesis_template": "It is so."}, "hypothesis_template='It is so.' is not all"),
        (["a"], {"hypothesis_template": "{} is {}."}, "it must be a sentence with one {}"),
    ],
)
def test_bad_input(
    labels: Any, options: dict[str, Any], said: str, classify: ZeroShotClassification
) -> None:
    with pytest.raises(ValueError, match=said):
        classify(TEXTS[0], labels, **options)
