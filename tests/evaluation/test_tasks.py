"""Evaluation through the pipelines: labels by name, all heads, and scores of known predictions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from albertlm import AlbertTokenizer, pipeline
from albertlm.evaluation.tasks import TaskEvaluation, evaluate_task
from albertlm.inference.engines import open_engine
from albertlm.tasks.catalogue import TASKS
from albertlm.tasks.own import OwnData, own_task
from albertlm.tasks.squad import GoldAnswer
from albertlm.tasks.tagging import OUTSIDE
from albertlm.tasks.task import Example, Task

pytestmark = pytest.mark.filterwarnings("ignore:.*(equal|never|no entity)")

FineTuned = Callable[..., Path]
TEXTS = ["She walked to the river.", "Nobody painted a small town.", "A young model sold it."]


def evaluate(
    folder: Path, task: Task[Any], examples: list[Example[Any]], **options: Any
) -> TaskEvaluation:
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    return evaluate_task(
        open_engine("torch", folder, dtype="float32"), tokenizer, task, examples, **options
    )


def texts(labels: list[Any], *seconds: str) -> list[Example[Any]]:
    return [
        Example(str(number), (text, *seconds), label, f"x:{number}")
        for number, (text, label) in enumerate(zip(TEXTS, labels, strict=True))
    ]


def permuted(folder: Path, target: Path, order: list[int]) -> Path:
    """A copy of a classifier's folder with its classes in another order."""
    shutil.copytree(folder, target)
    tensors = load_file(target / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        tensors[name] = tensors[name][order].copy()
    save_file(tensors, target / "model.safetensors")
    config = json.loads((target / "config.json").read_text("utf-8"))
    names = [config["id2label"][str(number)] for number in order]
    config["id2label"] = dict(enumerate(names))
    config["label2id"] = {name: number for number, name in enumerate(names)}
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return target


@pytest.fixture(scope="module")
def nli(fine_tuned: FineTuned) -> Path:
    names = ["contradiction", "entailment", "neutral"]
    return fine_tuned("AlbertForSequenceClassification", names)


def test_classes_are_found_by_name(nli: Path, tmp_path: Path) -> None:
    examples = texts(["neutral", "entailment", "contradiction"], "A river.")
    first = evaluate(nli, TASKS["mnli"], examples)
    other = permuted(nli, tmp_path / "other", [2, 0, 1])
    second = evaluate(other, TASKS["mnli"], examples)
    assert [each.value for each in first.predictions] == [each.value for each in second.predictions]
    assert first.scores == second.scores
    for one, two in zip(first.predictions, second.predictions, strict=True):
        assert one.probabilities == pytest.approx(two.probabilities)
        assert sum((one.probabilities or {}).values()) == pytest.approx(1)
    classify = pipeline("text-classification", nli)
    (best,) = classify({"text": TEXTS[0], "text_pair": "A river."})
    assert first.predictions[0].value == best["label"]
    assert (first.predictions[0].probabilities or {})[best["label"]] == pytest.approx(best["score"])
    assert first.predictions[0].gold == "neutral"


def test_classes_without_names_are_refused_or_named(fine_tuned: FineTuned) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", num_labels=3)
    examples = texts(["neutral", "entailment", "contradiction"], "A river.")
    with pytest.raises(ValueError, match="does not name its classes"):
        evaluate(folder, TASKS["mnli"], examples)
    given = ["entailment", "neutral", "contradiction"]
    found = evaluate(folder, TASKS["mnli"], examples, given=given)
    (best,) = pipeline("text-classification", folder)({"text": TEXTS[0], "text_pair": "A river."})
    assert found.predictions[0].value == given[int(best["label"].removeprefix("LABEL_"))]
    with pytest.raises(ValueError, match="name a checkpoint that was trained on this task"):
        evaluate(folder, TASKS["sst2"], texts(["negative"] * 3), given=given)


@pytest.mark.parametrize(("task", "other"), [("hans", "non-entailment"), ("rte", "not_entailment")])
def test_two_of_three_classes_are_joined(task: str, other: str, nli: Path) -> None:
    found = evaluate(nli, TASKS[task], texts(["entailment", other, "entailment"], "x"))
    assert {each.value for each in found.predictions} <= {"entailment", "neutral", "contradiction"}
    right = [
        (each.value == "entailment") == (gold == "entailment")
        for each, gold in zip(found.predictions, ["entailment", other, "entailment"], strict=True)
    ]
    assert found.scores["accuracy"] == pytest.approx(np.mean(right))


def test_a_model_of_two_classes_of_inference_is_scored_on_hans(fine_tuned: FineTuned) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", ["entailment", "not_entailment"])
    examples = texts(["entailment", "non-entailment", "entailment"], "x")
    found = evaluate(folder, TASKS["hans"], examples)
    right = [
        (each.value == "entailment") == (example.label == "entailment")
        for each, example in zip(found.predictions, examples, strict=True)
    ]
    assert found.scores["accuracy"] == pytest.approx(np.mean(right))


def own(path: Path, content: str, **data: Any) -> tuple[Task[Any], list[Example[Any]]]:
    path.write_text(content, encoding="utf-8")
    task = own_task(path, OwnData(**data))
    return task, task.read(path)


def test_numbers_stay_as_they_are(fine_tuned: FineTuned, tmp_path: Path) -> None:
    folder = fine_tuned(
        "AlbertForSequenceClassification", ["score"], num_labels=1, problem_type="regression"
    )
    tensors = load_file(folder / "model.safetensors")
    tensors["classifier.weight"][:] = 0
    tensors["classifier.bias"] = np.array([4.2], np.float32)
    save_file(tensors, folder / "model.safetensors")
    task, examples = own(tmp_path / "a.tsv", "text\tscore\nShe left.\t4.0\nNobody left.\t4.5\n")
    found = evaluate(folder, task, examples)
    assert [each.value for each in found.predictions] == pytest.approx([4.2, 4.2])
    assert found.scores["mean_squared_error"] == pytest.approx((0.2**2 + 0.3**2) / 2, rel=1e-4)


def test_a_single_label_without_a_problem_type_is_a_number(
    fine_tuned: FineTuned, tmp_path: Path
) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", ["score"], num_labels=1)
    task, examples = own(tmp_path / "a.tsv", "text\tscore\nShe left.\t4.0\nNobody left.\t4.5\n")
    found = evaluate(folder, task, examples)
    raw: Any = pipeline("text-classification", folder, engine="torch", dtype="float32")(
        [each.texts[0] for each in examples], function_to_apply="none"
    )
    assert [each.value for each in found.predictions] == [row["score"] for (row,) in raw]


def test_another_problem_is_refused(fine_tuned: FineTuned, tmp_path: Path) -> None:
    numbers = "text\tscore\nShe left.\t4.0\nNobody left.\t4.5\n"
    task, examples = own(tmp_path / "a.tsv", numbers)
    classifier = fine_tuned("AlbertForSequenceClassification", ["a", "b", "c"])
    with pytest.raises(ValueError, match="num_labels=3 is not allowed; it must be 1 for a regre"):
        evaluate(classifier, task, examples)
    of_numbers = fine_tuned(
        "AlbertForSequenceClassification", ["score"], num_labels=1, problem_type="regression"
    )
    task, examples = own(tmp_path / "b.tsv", "text\tlabel\nShe left.\t4\nNobody left.\t5\n")
    message = "was made for regression, the data is for single_label_classification; .* --kind"
    with pytest.raises(ValueError, match=message):
        evaluate(of_numbers, task, examples)


def test_an_empty_text_is_told_with_its_line(fine_tuned: FineTuned, tmp_path: Path) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", ["a", "b"])
    task, examples = own(tmp_path / "a.csv", "text,label\nShe left.,a\n ,b\n")
    with pytest.raises(ValueError, match=r"a\.csv:3 has an empty text, for which a model has no"):
        evaluate(folder, task, examples)


def test_several_labels(fine_tuned: FineTuned, tmp_path: Path) -> None:
    folder = fine_tuned(
        "AlbertForSequenceClassification",
        ["a", "b", "c"],
        problem_type="multi_label_classification",
    )
    tensors = load_file(folder / "model.safetensors")
    tensors["classifier.weight"][:] = 0
    tensors["classifier.bias"] = np.array([2, -1, 0.5], np.float32)
    save_file(tensors, folder / "model.safetensors")
    table = "text\tlabel\nShe left.\ta;c\nNobody left.\tb\n"
    task, examples = own(tmp_path / "a.tsv", table, kind="multi-label")
    found = evaluate(folder, task, examples)
    assert [each.value for each in found.predictions] == [["a", "c"]] * 2
    assert found.predictions[0].probabilities == pytest.approx(
        {"a": 0.881, "b": 0.269, "c": 0.622}, abs=1e-3
    )
    assert found.scores["accuracy"] == 0.5


def test_words(fine_tuned: FineTuned, tmp_path: Path) -> None:
    folder = fine_tuned("AlbertForTokenClassification", ["O", "B-PER", "I-PER"])
    lines = "She B-PER\nwalked O\nto O\nNobody B-PER\n\nA O\ntown I-PER\n"
    task, examples = own(tmp_path / "a.conll", lines)
    found = evaluate(folder, task, examples, classes=("B-PER", "I-PER", "O"))
    assert [len(each.value) for each in found.predictions] == [4, 2]
    gold = [tag for each in examples for tag in each.label or ()]
    tags = [tag for each in found.predictions for tag in each.value]
    right = np.mean([a == b for a, b in zip(gold, tags, strict=True)])
    assert found.scores["accuracy"] == pytest.approx(right)


def test_a_word_without_tokens_is_outside(fine_tuned: FineTuned, tmp_path: Path) -> None:
    folder = fine_tuned("AlbertForTokenClassification", ["NOUN", "VERB"])
    task, examples = own(tmp_path / "a.conll", "She NOUN\nleft VERB\n\u200b NOUN\n")
    found = evaluate(folder, task, examples)
    assert [tag == OUTSIDE for tag in found.predictions[0].value] == [False, False, True]


def test_choices(fine_tuned: FineTuned) -> None:
    folder = fine_tuned("AlbertForMultipleChoice")
    choices = ("the river", "a town", "the boats", "nobody")
    examples = [Example("q", ("She walked.", *choices), "C", "x:1", "middle")]
    found = evaluate(folder, TASKS["race"], examples)
    (best, *_) = pipeline("multiple-choice", folder)(
        {"context": "She walked.", "choices": list(choices)}
    )
    assert found.predictions[0].value == "ABCD"[best["index"]]
    assert [*(found.predictions[0].probabilities or {})] == [*"ABCD"]
    assert found.scores["accuracy"] == found.scores["middle"]
    long = [Example("q", ("It rained. " * 40, *choices[:3], "She left. " * 9), "C", "x:1")]
    with pytest.warns(UserWarning, match="contexts are longer"):
        alike, alone = (
            evaluate(folder, TASKS["race"], long, equal_contexts=each) for each in (True, False)
        )
    assert alike.predictions[0].probabilities != alone.predictions[0].probabilities
    with pytest.raises(ValueError, match="equal_contexts=False is not allowed; it must be true"):
        evaluate(folder, TASKS["sst2"], [], equal_contexts=False)


def test_answers(fine_tuned: FineTuned) -> None:
    folder = fine_tuned("AlbertForQuestionAnswering")
    context = "She walked to the river."
    answer = pipeline("question-answering", folder)(question="Who?", context=context)["answer"]
    golds = (GoldAnswer(answer, context.index(answer)),)
    examples: list[Example[Any]] = [
        Example("a", ("Who?", context), golds, "x: a"),
        Example("b", ("Who?", context), (GoldAnswer("walked", 4),), "x: b"),
    ]
    found = evaluate(folder, TASKS["squad1"], examples)
    assert found.predictions[0].value == answer
    assert found.scores["exact_match"] >= 50
    assert found.null_odds is None
    impossible = [replace(examples[0], label=()), examples[1]]
    found = evaluate(folder, TASKS["squad2"], impossible)
    assert found.null_odds is not None
    served = pipeline("question-answering", folder)(
        question="Who?", context=context, handle_impossible_answer=True
    )
    assert (served["answer"] == "") == (found.null_odds["a"] > 0)
    assert found.scores["NoAns_exact"] == 100 * (found.null_odds["a"] > 0)
    assert found.answers == {"a": answer, "b": answer}
    assert found.predictions[0].value == served["answer"]
    again = TASKS["squad2"].score(impossible, found.predictions)
    assert again == {name: found.scores[name] for name in again}


def test_batches_and_order_change_no_prediction(nli: Path) -> None:
    examples = texts(["neutral"] * 3, "A river.")
    first = evaluate(nli, TASKS["mnli"], examples, batch_size=1)
    second = evaluate(nli, TASKS["mnli"], examples[::-1], batch_size=16)
    assert [each.value for each in first.predictions] == [
        each.value for each in second.predictions[::-1]
    ]


def test_long_texts_in_windows(fine_tuned: FineTuned, tmp_path: Path) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", ["bad", "good"])
    long = "The river walked. She sold 12 pictures. " * 12
    task, examples = own(tmp_path / "a.tsv", f"text\tlabel\n{long}\tgood\nShe left.\tbad\n")
    found = evaluate(folder, task, examples, windows=True)
    served: Any = pipeline("text-classification", folder, engine="torch", dtype="float32")(
        [each.texts[0] for each in examples], top_k=None, windows=True
    )
    for each, scores in zip(found.predictions, served, strict=True):
        assert each.probabilities == pytest.approx({row["label"]: row["score"] for row in scores})
    with pytest.raises(ValueError, match="windows=True is not allowed; it must be false for race"):
        evaluate(folder, TASKS["race"], [], windows=True)


def test_another_head_is_refused(fine_tuned: FineTuned) -> None:
    folder = fine_tuned("AlbertForTokenClassification", ["negative", "positive"])
    with pytest.raises(ValueError, match="is that of an AlbertForTokenClassification"):
        evaluate(folder, TASKS["sst2"], texts(["negative"] * 3))
