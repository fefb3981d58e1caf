"""The factory: tasks, models and options by name, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
import transformers
from fill_calls import fills, scores

import albertlm
from albertlm import (
    AlbertConfig,
    AlbertForMaskedLM,
    AlbertForPreTraining,
    AlbertForSentenceOrder,
    AlbertModel,
    AlbertTokenizer,
)
from albertlm.inference.factory import PIPELINES, canonical_task, pipeline
from albertlm.inference.pipelines.features import FeatureExtraction
from albertlm.inference.pipelines.fill_mask import FillMask
from albertlm.inference.pipelines.multiple_choice import MultipleChoice
from albertlm.inference.pipelines.question_answering import QuestionAnswering
from albertlm.inference.pipelines.sentence_order import SentenceOrder
from albertlm.inference.pipelines.text_classification import TextClassification
from albertlm.inference.pipelines.token_classification import TokenClassification
from albertlm.inference.pipelines.zero_shot_classification import ZeroShotClassification

TEXT = "The old [MASK] walked to the river."

Task = Literal["fill-mask", "feature-extraction", "sentence-order"]


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("fill-mask", FillMask),
        ("feature-extraction", FeatureExtraction),
        ("sentence-order", SentenceOrder),
    ],
)
def test_a_task_is_a_pipeline(task: Task, kind: type, tiny_folder: Path) -> None:
    assert type(pipeline(task, tiny_folder)) is kind


@pytest.mark.parametrize(
    ("task", "architecture", "kind"),
    [
        ("text-classification", "AlbertForSequenceClassification", TextClassification),
        ("sentiment-analysis", "AlbertForSequenceClassification", TextClassification),
        ("token-classification", "AlbertForTokenClassification", TokenClassification),
        ("ner", "AlbertForTokenClassification", TokenClassification),
        ("question-answering", "AlbertForQuestionAnswering", QuestionAnswering),
        ("multiple-choice", "AlbertForMultipleChoice", MultipleChoice),
        ("zero-shot-classification", "AlbertForSequenceClassification", ZeroShotClassification),
    ],
)
def test_a_task_of_a_fine_tuned_model_is_a_pipeline(
    task: Any, architecture: str, kind: type, fine_tuned: Callable[..., Path]
) -> None:
    labels = ["entailment", "neutral", "contradiction"]
    folder = fine_tuned(
        architecture, [] if "Cho" in architecture or "Qu" in architecture else labels
    )
    assert type(pipeline(task, folder)) is kind
    model = getattr(albertlm, architecture).from_pretrained(folder)
    assert type(pipeline(task, model, folder)) is kind


def test_both_engines_give_the_same_numbers(tiny_folder: Path) -> None:
    numpy, torch = (
        pipeline("feature-extraction", str(tiny_folder), engine=engine, dtype="float32")(TEXT)
        for engine in ("numpy", "torch")
    )
    np.testing.assert_allclose(numpy, torch, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [AlbertForMaskedLM, AlbertForPreTraining])
def test_a_model_given_as_an_object_fills_masks(
    kind: type[AlbertForMaskedLM | AlbertForPreTraining], tiny_folder: Path
) -> None:
    tokenizer = AlbertTokenizer.from_pretrained(tiny_folder)
    model = kind.from_pretrained(tiny_folder)
    by_object = fills(pipeline("fill-mask", model, tokenizer), TEXT)
    by_name = fills(pipeline("fill-mask", tiny_folder), TEXT)
    assert [fill["token"] for fill in by_object] == [fill["token"] for fill in by_name]
    np.testing.assert_allclose(scores(by_object), scores(by_name), rtol=1e-4)


def test_a_model_given_as_an_object_orders_sentences(tiny_folder: Path) -> None:
    model = AlbertForSentenceOrder.from_pretrained(tiny_folder)
    order = pipeline("sentence-order", model, tiny_folder)
    assert order("a", "b") == pytest.approx(
        pipeline("sentence-order", tiny_folder)("a", "b"), abs=1e-5
    )


def test_a_model_given_as_an_object_needs_a_tokenizer(tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match="needs its tokenizer; give tokenizer="):
        pipeline("fill-mask", AlbertForMaskedLM.from_pretrained(tiny_folder))


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_a_head_that_was_never_trained_is_refused(
    engine: str, tmp_path: Path, tiny_folder: Path
) -> None:
    AlbertModel.from_pretrained(tiny_folder).save_pretrained(tmp_path)
    AlbertTokenizer.from_pretrained(tiny_folder).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"no trained predictions\.dense\.weight"):
        pipeline("fill-mask", tmp_path, engine=engine)
    with pytest.raises(ValueError, match=r"no trained sop_classifier\.classifier\.weight"):
        pipeline("sentence-order", tmp_path, engine=engine)
    assert pipeline("feature-extraction", tmp_path, engine=engine)(TEXT, pooling="pooled").any()


def test_an_untrained_head_of_an_object_is_refused(tmp_path: Path, tiny_folder: Path) -> None:
    AlbertModel.from_pretrained(tiny_folder).save_pretrained(tmp_path)
    model = AlbertForMaskedLM.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"no trained predictions\.dense\.weight"):
        pipeline("fill-mask", model, tiny_folder)


def test_a_tokenizer_of_another_model_is_refused(
    tiny_folder: Path, tiny_config: Callable[..., AlbertConfig]
) -> None:
    model = AlbertForMaskedLM(tiny_config(vocab_size=69))
    with pytest.raises(ValueError, match="tokenizer has 70 pieces and the model 69"):
        pipeline("fill-mask", model, tiny_folder)


def test_a_hub_id_that_cannot_be_had_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="albert-large-v1"):
        pipeline("fill-mask", "albert-large-v1", cache_dir=tmp_path, local_files_only=True)


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("translation", {}, "unknown task 'translation'; the tasks are fill-mask"),
        ("fillmask", {}, "unknown task 'fillmask'; did you mean 'fill-mask'"),
        ("fill-mask", {"engine": "abacus"}, "engine='abacus' .* must be one of auto, numpy, o"),
        (
            "fill-mask",
            {"topk": 3},
            r"no option 'topk'; did you mean 'top_k'\?; the hub options are revis",
        ),
        ("fill-mask", {"torch_dtype": "auto"}, "no option 'torch_dtype'; did you mean 'dtype'"),
        (
            "fill-mask",
            {"pooling": "mean"},
            "no option 'pooling'; .* the options of a fill-mask call are top",
        ),
        ("fill-mask", {"top_k": 0}, "top_k=0 is not allowed"),
        ("fill-mask", {"batch_size": 0}, "batch_size=0 is not allowed"),
        (
            "fill-mask",
            {"engine": "numpy", "device": "cuda"},
            "cpu with engine='numpy'; use engine='torch'",
        ),
        ("fill-mask", {"device": "abacus"}, "device='abacus' is not here"),
    ],
)
def test_unknown_names_are_refused(
    task: str, options: dict[str, Any], message: str, tiny_folder: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        pipeline(task, tiny_folder, **options)(TEXT)  # type: ignore[call-overload]


def test_options_go_to_their_owners(tiny_folder: Path) -> None:
    options: dict[str, Any] = {
        "local_files_only": True,
        "hub_mode": True,
        "top_k": 2,
        "clean": True,
    }
    unmasker = pipeline("fill-mask", tiny_folder, device=-1, **options)
    assert unmasker.tokenizer.hub_mode
    assert len(unmasker(TEXT)) == 2
    assert unmasker(TEXT) == unmasker(TEXT, top_k=2, clean=True)
    assert len(unmasker(TEXT, top_k=7)) == 7
    with pytest.raises(ValueError, match="FillMask has no option 'topk'; did you mean 'top_k'"):
        unmasker(TEXT, topk=7)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "numpy"}, "engine='numpy' is not allowed; it must be torch for a model given"),
        ({"hub_mode": True}, "hub_mode cannot be applied to what is given as an object"),
        ({"revision": "main"}, "revision cannot be applied to what is given as an object"),
        ({"device": "abacus"}, "device='abacus' is not here"),
        ({"dtype": "int4"}, "dtype='int4' is not allowed; it must be one of auto, float32"),
    ],
)
def test_what_belongs_to_names_is_refused_with_objects(
    options: dict[str, Any], message: str, tiny_folder: Path
) -> None:
    model = AlbertForMaskedLM.from_pretrained(tiny_folder)
    tokenizer = AlbertTokenizer.from_pretrained(tiny_folder)
    with pytest.raises(ValueError, match=message):
        pipeline("fill-mask", model, tokenizer, **options)
    if "hub_mode" in options:
        assert pipeline("fill-mask", model, tiny_folder, **options).tokenizer.hub_mode


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 3},
        {"batch_size": 2, "top_k": 2},
        {"device": -1},
        {"device": "cpu", "dtype": "float32"},
        {"dtype": torch.float32, "top_k": 1},
        {"tokenizer_kwargs": {"truncation": True, "max_length": 12}},
        {"targets": ["▁river", "▁boats"]},
        {"revision": "main"},
    ],
    ids=" ".join,
)
def test_options_are_those_of_transformers(options: dict[str, Any], tiny_folder: Path) -> None:
    texts = [TEXT, "Nobody is [MASK]ing at night.", "She sold the [MASK]"]
    theirs: Any = transformers.pipeline("fill-mask", model=str(tiny_folder), **options)
    ours = pipeline("fill-mask", model=str(tiny_folder), hub_mode=True, clean=True, **options)
    for own, expected in zip(ours(texts), theirs(texts), strict=True):
        for fill, other in zip(own, expected, strict=True):
            assert isinstance(fill, dict)
            assert fill["score"] == pytest.approx(other["score"], rel=1e-4)
            for field in ("token", "token_str", "sequence"):
                assert fill[field] == other[field]


def test_a_folder_within_that_of_a_model(tiny_folder: Path) -> None:
    options: dict[str, Any] = {"subfolder": tiny_folder.name, "top_k": 1}
    found = pipeline("fill-mask", tiny_folder.parent, **options)(TEXT)
    assert found == pipeline("fill-mask", tiny_folder, top_k=1)(TEXT)
    tokenizer = AlbertTokenizer.from_pretrained(tiny_folder.parent, subfolder=tiny_folder.name)
    assert len(tokenizer) == 70


@pytest.mark.parametrize("how", ["name", "folder", "object"])
@pytest.mark.parametrize(
    ("device", "dtype"),
    [
        ("cpu", "bfloat16"),
        (-1, torch.bfloat16),
        (torch.device("cpu"), "torch.bfloat16"),
    ],
)
def test_device_and_type_are_names_or_those_of_torch(
    how: str, device: Any, dtype: Any, tiny_folder: Path
) -> None:
    models: dict[str, Any] = {
        "name": str(tiny_folder),
        "folder": tiny_folder,
        "object": AlbertForMaskedLM.from_pretrained(tiny_folder),
    }
    unmasker = pipeline("fill-mask", models[how], tiny_folder, device=device, dtype=dtype, top_k=70)
    exact, found = (fills(each, TEXT) for each in (pipeline("fill-mask", tiny_folder), unmasker))
    by_token = {fill["token"]: fill["score"] for fill in found}
    assert scores(found[:5]) != scores(exact)
    assert [by_token[fill["token"]] for fill in exact] == pytest.approx(scores(exact), rel=0.2)
    if how == "object":
        assert models[how].dtype == torch.bfloat16


def test_a_number_is_that_of_a_gpu(tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"device='cuda:99' is not here .* name another, such as"):
        pipeline("fill-mask", tiny_folder, device=99)


@pytest.mark.parametrize(
    ("engine", "dtype", "message"),
    [
        ("numpy", "bfloat16", "dtype='bfloat16' .* must be one of auto, float32 with engine='nu"),
        ("torch", "int8", "dtype='int8' .* auto, float32, bfloat16 with engine='torch' on cpu"),
        (None, "float16", "dtype='float16' .* auto, float32, bfloat16 with engine='torch' on cpu"),
    ],
)
def test_a_type_that_an_engine_lacks_is_refused(
    engine: str | None, dtype: str, message: str, tiny_folder: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        pipeline("fill-mask", tiny_folder, engine=engine, dtype=dtype)


def test_objects_of_other_libraries_are_refused_with_what_to_do(tiny_folder: Path) -> None:
    model: Any = transformers.AlbertForMaskedLM.from_pretrained(tiny_folder)
    with pytest.raises(
        ValueError,
        match=r"^model is of type transformers\.AlbertForMaskedLM; "
        r"save it with model\.save_pretrained\(folder\) and name the folder$",
    ):
        pipeline("fill-mask", model, tiny_folder)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(tiny_folder)
    with pytest.raises(
        ValueError, match=r"of type transformers.*; save it with tokenizer\.save_pretr"
    ):
        pipeline("fill-mask", tiny_folder, tokenizer)
    other: Any = torch.nn.Linear(2, 2)
    with pytest.raises(
        ValueError, match=r"is of type torch\.Linear; give a folder, a hub id or an obj"
    ):
        pipeline("fill-mask", other, tiny_folder)


def test_a_task_of_two_names_has_a_canonical_one() -> None:
    assert {task: canonical_task(task) for task in PIPELINES if canonical_task(task) != task} == {
        "sentiment-analysis": "text-classification",
        "ner": "token-classification",
    }
