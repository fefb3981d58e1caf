"""The factory: what is loaded by which name, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from albertlm import (
    AlbertConfig,
    AlbertForMaskedLM,
    AlbertForPreTraining,
    AlbertForSentenceOrder,
    AlbertModel,
    AlbertTokenizer,
    pipeline,
)
from albertlm.inference.feature_extraction import FeatureExtraction
from albertlm.inference.fill_mask import FillMask
from albertlm.inference.sentence_order import SentenceOrder

TEXT = "The old [MASK] walked to the river."


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("fill-mask", FillMask),
        ("feature-extraction", FeatureExtraction),
        ("sentence-order", SentenceOrder),
    ],
)
def test_a_task_is_a_pipeline(task: str, kind: type, tiny_folder: Path) -> None:
    assert type(pipeline(task, tiny_folder)) is kind


def test_both_engines_give_the_same_numbers(tiny_folder: Path) -> None:
    numpy, torch = (
        pipeline("feature-extraction", str(tiny_folder), engine=engine)(TEXT)
        for engine in ("numpy", "torch")
    )
    np.testing.assert_allclose(numpy, torch, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [AlbertForMaskedLM, AlbertForPreTraining])
def test_a_model_given_as_an_object_fills_masks(kind: type, tiny_folder: Path) -> None:
    tokenizer = AlbertTokenizer.from_pretrained(tiny_folder)
    by_object = pipeline("fill-mask", kind.from_pretrained(tiny_folder), tokenizer)(TEXT)
    by_name = pipeline("fill-mask", tiny_folder)(TEXT)
    assert [fill["token"] for fill in by_object] == [fill["token"] for fill in by_name]
    scores = [[fill["score"] for fill in fills] for fills in (by_object, by_name)]
    np.testing.assert_allclose(*scores, rtol=1e-4)


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
        ("fill-mask", {"engine": "abacus"}, "unknown engine 'abacus'"),
    ],
)
def test_unknown_names_are_refused(
    task: str, options: dict[str, str], message: str, tiny_folder: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        pipeline(task, tiny_folder, **options)
