"""Text classification: transformers' own pipeline, functions by problem type, and long texts."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from albertlm import pipeline
from albertlm.inference import heads
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.pipelines.text_classification import TextClassification, scores

LABELS = ["bad", "good", "neither"]
TEXTS = ["The old fisherman walked to the river.", "She sold 12 pictures.", "Nobody painted", "a"]


@pytest.fixture(scope="module")
def folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForSequenceClassification", LABELS)


@pytest.fixture(scope="module")
def classify(folder: Path) -> TextClassification:
    return pipeline("text-classification", folder)


def values(results: list[Any]) -> list[float]:
    return [each["score"] for each in results]


def names(results: list[Any]) -> list[str]:
    return [each["label"] for each in results]


@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize("function", [None, "sigmoid", "softmax", "none"])
def test_results_are_those_of_transformers(engine: str, function: Any, folder: Path) -> None:
    theirs = transformers.pipeline("text-classification", str(folder), device="cpu")
    ours = pipeline("text-classification", folder, engine=engine, dtype="float32")
    expected: Any = theirs(TEXTS, top_k=None, function_to_apply=function)
    found = ours(TEXTS, top_k=None, function_to_apply=function)
    for of_text, others in zip(found, expected, strict=True):
        assert names(of_text) == names(others)
        np.testing.assert_allclose(values(of_text), values(others), atol=1e-5)


def test_one_text_has_the_best_label(classify: TextClassification) -> None:
    (best,) = classify(TEXTS[0])
    assert best == classify(TEXTS[0], top_k=None)[0]
    assert names(classify(TEXTS[0], top_k=2)) == names(classify(TEXTS[0], top_k=None))[:2]
    assert classify([TEXTS[0]]) == [[best]]
    assert classify([]) == []


def test_pairs(folder: Path, classify: TextClassification) -> None:
    """A pair has segment ids, which transformers' pipeline leaves out, and stands among texts."""
    model = transformers.AlbertForSequenceClassification.from_pretrained(folder).eval()
    pair = {"text": TEXTS[0], "text_pair": TEXTS[1]}
    encoded = classify.tokenizer(*pair.values(), return_tensors="pt")
    with torch.no_grad():
        expected = model(**encoded).logits.softmax(-1)[0]
    found = classify([TEXTS[2], pair, {"text": TEXTS[3]}], top_k=None)
    by_name = {each["label"]: each["score"] for each in found[1]}
    np.testing.assert_allclose([by_name[name] for name in LABELS], expected, atol=1e-5)
    assert names(found[0]) == names(classify(TEXTS[2], top_k=None))
    assert names(found[2]) == names(classify(TEXTS[3], top_k=None))
    assert names(classify(pair, top_k=None)) == names(found[1])


def test_a_batch_of_one_is_a_batch_of_many_in_any_order(classify: TextClassification) -> None:
    one_by_one = [classify(text, top_k=None) for text in TEXTS]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        found = classify((TEXTS[at] for at in order), top_k=None, batch_size=3)
        for at, of_text in zip(order, found, strict=True):
            assert names(of_text) == names(one_by_one[at])
            np.testing.assert_allclose(values(of_text), values(one_by_one[at]), atol=1e-6)


@pytest.mark.parametrize(
    ("problem_type", "expected"),
    [
        ("multi_label_classification", [0.881, 0.622, 0.269]),
        ("single_label_classification", [0.786, 0.175, 0.039]),
        (None, [0.786, 0.175, 0.039]),
        ("regression", [2.0, 0.5, -1.0]),
    ],
)
def test_functions_of_problem_types(
    problem_type: str | None, expected: list[float], with_logits: Callable[..., Path]
) -> None:
    folder = with_logits((2, -1, 0.5), LABELS, problem_type=problem_type)
    found = pipeline("text-classification", folder)(TEXTS[0], top_k=None)
    assert names(found) == ["bad", "neither", "good"]
    np.testing.assert_allclose(values(found), expected, atol=5e-4)


def test_a_regression_is_raw_and_a_single_label_is_binary(
    with_logits: Callable[..., Path],
) -> None:
    raw = pipeline("sentiment-analysis", with_logits([4.2], ["stars"], problem_type="regression"))
    assert raw(TEXTS[0]) == [{"label": "stars", "score": pytest.approx(4.2, abs=1e-6)}]
    binary = pipeline("sentiment-analysis", with_logits([4.2], ["spam"]))
    assert binary(TEXTS[0])[0]["score"] == pytest.approx(1 / (1 + np.exp(-4.2)))


def test_scores_of_extreme_logits() -> None:
    assert scores(np.array([1000.0, -1000.0]), "sigmoid").tolist() == [1, 0]
    assert scores(np.array([1000.0, -1000.0]), "softmax").tolist() == [1, 0]


def test_equal_scores_stay_in_the_order_of_the_labels(with_logits: Callable[..., Path]) -> None:
    found = pipeline("text-classification", with_logits((0, 1, 1), LABELS))(TEXTS[0], top_k=None)
    assert names(found) == ["good", "neither", "bad"]


def test_labels_without_names(fine_tuned: Callable[..., Path]) -> None:
    folder = fine_tuned("AlbertForSequenceClassification")
    found = pipeline("text-classification", folder)(TEXTS[0], top_k=None)
    assert sorted(names(found)) == ["LABEL_0", "LABEL_1"]


def test_long_texts_are_truncated_with_a_warning(classify: TextClassification) -> None:
    long, whole = "The river walked. " * 40, "The river walked. " * 2
    beginning = classify.tokenizer(long, truncation=True, max_length=64)["input_ids"]
    assert len(beginning) == 64
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than 64 tokens; their end was"):
        found = classify([whole, long, long], top_k=None)
    assert names(found[1]) == names(found[2])
    with pytest.warns(UserWarning, match="2 of 2 texts are longer than 5 tokens"):
        classify([whole, long], max_length=5)
    with pytest.warns(UserWarning, match="1 of 1 texts"):
        classify({"text": long, "text_pair": "The boats"})
    with pytest.raises(ValueError, match="but the model reads at most 64; shorten or split it"):
        classify(long, truncation=False)


def test_long_texts_are_read_in_windows(classify: TextClassification) -> None:
    long = "The river walked. She sold 12 pictures. " * 12
    ids = classify.tokenizer(long, add_special_tokens=False)["input_ids"]
    assert len(ids) > 62

    def means(starts: list[int], room: int, function: Any) -> dict[str, float]:
        cls, sep = classify.tokenizer.cls_token_id, classify.tokenizer.sep_token_id
        parts = [[cls, *ids[at : at + room], sep] for at in starts]
        rows = [TokenizedText(part, [0] * len(part)) for part in parts]
        logits = np.concatenate([heads.text_logits(classify.engine, [row]) for row in rows])
        return dict(zip(LABELS, scores(logits, function).mean(0).tolist(), strict=True))

    cases: list[tuple[dict[str, Any], int, int]] = [
        ({}, 31, 62),
        ({"overlap": 2}, 60, 62),
        ({"shift": 10, "max_length": 32}, 10, 30),
        ({"function_to_apply": "none"}, 31, 62),
    ]
    for options, shift, room in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = classify([TEXTS[0], long], top_k=None, windows=True, **options)
        function: Any = options.get("function_to_apply", "softmax")
        expected = means([*range(0, len(ids) - room + shift, shift)], room, function)
        assert {each["label"]: each["score"] for each in found[1]} == pytest.approx(
            expected, abs=1e-5
        )
        short = classify(TEXTS[0], top_k=None, function_to_apply=function)
        assert names(found[0]) == names(short)
        assert values(found[0]) == pytest.approx(values(short), abs=1e-5)
    (one,) = classify({"text": long}, windows=True)
    assert one == classify(long, windows=True)[0]


def test_texts_that_just_fit_are_not_counted(classify: TextClassification) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = "a " * 62
        assert len(classify.tokenizer.encode(text)) == 64
        classify([text, TEXTS[0]])


@pytest.mark.parametrize(
    ("texts", "options", "said"),
    [
        ("", {}, "a text is empty"),
        ([5], {}, "5 has type int; give a string"),
        ({"text": "a", "pair": "b"}, {}, r"is not a text or a pair; give a string, or \{.text.: …"),
        ({"text_pair": "b"}, {}, "is not a text or a pair"),
        ({"text": "a", "text_pair": ""}, {}, "a text is empty"),
        (7, {}, "texts is of type int"),
        ("a", {"top_k": 0}, "top_k=0 is not allowed"),
        ("a", {"function_to_apply": "tanh"}, "function_to_apply='tanh' is not allowed; it must be"),
        ({"text": "a", "text_pair": "b"}, {"windows": True}, "windows=True is not allowed"),
        ("", {"windows": True}, "a text is empty"),
        ("a", {"shift": 3}, "shift=3 is not allowed; it must be given with windows=True only"),
        ("a " * 90, {"windows": True, "shift": 63}, "shift=63 is not allowed; it must be at most"),
        ("a", {"windows": True, "shift": 3, "overlap": 3}, "given one at a time"),
        ("a", {"topk": 1}, "TextClassification has no option 'topk'; did you mean 'top_k'"),
    ],
)
def test_bad_input(
    texts: Any, options: dict[str, Any], said: str, classify: TextClassification
) -> None:
    with pytest.raises(ValueError, match=said):
        classify(texts, **options)


def test_a_head_that_was_never_trained_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"no trained classifier\.weight, classifier\.bias; use a"):
        pipeline("text-classification", tiny_folder)


def test_the_head_of_another_task_is_refused(fine_tuned: Callable[..., Path]) -> None:
    folder = fine_tuned("AlbertForTokenClassification", LABELS)
    with pytest.raises(ValueError, match="is that of an AlbertForTokenClassification; use a model"):
        pipeline("text-classification", folder)
