"""The heads on states of each engine, against those of transformers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from known_weights import IDS, MASK, SEGMENTS
from recorded import FOLDERS, at_tokens, recorded

from albertlm import (
    AlbertConfig,
    AlbertForMaskedLM,
    AlbertForMultipleChoice,
    AlbertForPreTraining,
    AlbertForSequenceClassification,
    AlbertForSquadV2,
    AlbertForTokenClassification,
)
from albertlm.inference import heads
from albertlm.inference.engines import ENGINES, open_engine
from albertlm.inference.engines.base import TokenizedText, read_trained
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.inference.engines.torch import TorchEngine

TEXTS = [
    TokenizedText([2, 9, 4, 3], [0] * 4),
    TokenizedText([2, 5, 3, 6, 7, 3], [0, 0, 0, 1, 1, 1]),
]


@pytest.mark.parametrize("name", ENGINES)
def test_logits_are_those_of_transformers(name: str, tiny_folder: Path) -> None:
    engine = open_engine(name, tiny_folder, dtype="float32")
    model = transformers.AlbertForPreTraining.from_pretrained(tiny_folder).eval()
    orders = heads.order_logits(engine, TEXTS)
    pooled = heads.pooled(engine, TEXTS)
    for number, text in enumerate(TEXTS):
        with torch.no_grad():
            ids, segments = (torch.tensor([row]) for row in text)
            expected = model(ids, token_type_ids=segments)
            pooler = model.albert(ids, token_type_ids=segments).pooler_output
        (states,) = engine.states([text])
        logits = heads.mask_logits(engine, states)
        np.testing.assert_allclose(logits, expected.prediction_logits[0], atol=1e-4)
        np.testing.assert_allclose(orders[number], expected.sop_logits[0], atol=1e-4)
        np.testing.assert_allclose(pooled[number], pooler[0], atol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 1e4])  # where exponentials overflow
@pytest.mark.parametrize("block", [7, heads.BLOCK])
def test_log_probabilities_of_some_pieces(
    block: int, scale: float, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, parameters = read_trained(tiny_folder)
    table = "embeddings.word_embeddings.weight"
    known = config.vocab_size - 5
    engine = NumpyEngine(config, {**parameters, table: scale * parameters[table]})
    x_PD = np.random.default_rng(0).normal(size=(9, config.hidden_size)).astype(np.float32)
    rows, pieces = np.array([0, 0, 3, 8, 5]), np.array([1, known - 1, 6, 7, 1])
    logits = heads.mask_logits(engine, x_PD)[:, :known].astype(np.float64)
    expected = torch.log_softmax(torch.from_numpy(logits), -1).numpy()[rows, pieces]
    monkeypatch.setattr(heads, "BLOCK", block)
    found = heads.mask_log_probs(engine, x_PD, rows, pieces, known)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(logits).max())


def test_a_model_that_is_trained_on_answers_as_it_is_now(
    tiny_config: Callable[..., AlbertConfig],
) -> None:
    model = AlbertForMaskedLM(tiny_config())
    engine = TorchEngine(model)
    before = heads.mask_logits(engine, engine.states(TEXTS)[0])
    with torch.no_grad():
        model.predictions.bias[7] += 5
    after = heads.mask_logits(engine, engine.states(TEXTS)[0])
    assert (after - before)[:, 7] == pytest.approx(5, abs=1e-4)


def test_parts_that_were_not_trained_are_named(tiny_config: Callable[..., AlbertConfig]) -> None:
    engine = TorchEngine(AlbertForMaskedLM(tiny_config()))
    heads.require_trained(engine, "mlm")
    with pytest.raises(ValueError, match=r"no trained pooler\.weight, pooler\.bias, sop_class"):
        heads.require_trained(engine, "pooler", "sop")
    heads.require_trained(TorchEngine(AlbertForPreTraining(tiny_config())), "pooler", "sop", "mlm")


def outputs_of_transformers(architecture: str, folder: Path) -> list[Any]:
    model = getattr(transformers, architecture).from_pretrained(folder).eval()
    with torch.no_grad():
        return [
            model(torch.tensor([ids]), token_type_ids=torch.tensor([segments]))
            for ids, segments in TEXTS
        ]


@pytest.mark.parametrize("name", ENGINES)
def test_logits_of_texts(name: str, fine_tuned: Callable[..., Path]) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", ["a", "b", "c"])
    engine = open_engine(name, folder, dtype="float32")
    expected = outputs_of_transformers("AlbertForSequenceClassification", folder)
    heads.require_trained(
        engine, "pooler", "classifier", architecture="AlbertForSequenceClassification"
    )
    for logits, output in zip(heads.text_logits(engine, TEXTS), expected, strict=True):
        np.testing.assert_allclose(logits, output.logits[0], atol=1e-5)


@pytest.mark.parametrize("name", ENGINES)
def test_logits_of_tokens(name: str, fine_tuned: Callable[..., Path]) -> None:
    folder = fine_tuned("AlbertForTokenClassification", ["a", "b", "c"])
    engine = open_engine(name, folder, dtype="float32")
    expected = outputs_of_transformers("AlbertForTokenClassification", folder)
    for x_TD, output in zip(engine.states(TEXTS), expected, strict=True):
        np.testing.assert_allclose(heads.token_logits(engine, x_TD), output.logits[0], atol=1e-5)


@pytest.mark.parametrize("name", ENGINES)
def test_logits_of_spans(name: str, fine_tuned: Callable[..., Path]) -> None:
    folder = fine_tuned("AlbertForQuestionAnswering")
    engine = open_engine(name, folder, dtype="float32")
    expected = outputs_of_transformers("AlbertForQuestionAnswering", folder)
    heads.require_trained(engine, "qa")
    for x_TD, output in zip(engine.states(TEXTS), expected, strict=True):
        starts, ends = heads.span_logits(engine, x_TD)
        np.testing.assert_allclose(starts, output.start_logits[0], atol=1e-5)
        np.testing.assert_allclose(ends, output.end_logits[0], atol=1e-5)


@pytest.mark.parametrize("name", ENGINES)
def test_logits_of_choices(name: str, fine_tuned: Callable[..., Path]) -> None:
    folder = fine_tuned("AlbertForMultipleChoice")
    engine = open_engine(name, folder, dtype="float32")
    heads.require_trained(engine, "pooler", "classifier", architecture="AlbertForMultipleChoice")
    model = transformers.AlbertForMultipleChoice.from_pretrained(folder).eval()
    for text, (logit,) in zip(TEXTS, heads.text_logits(engine, TEXTS), strict=True):
        ids, segments = (torch.tensor([[row]]) for row in text)
        with torch.no_grad():
            expected = model(ids, token_type_ids=segments).logits
        assert logit == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize("name", FOLDERS)
def test_logits_in_numpy_are_those_of_transformers_classes_for_tensorflow(
    name: str, written_elsewhere: Path
) -> None:
    call = recorded(written_elsewhere / name)
    engine = open_engine("numpy", written_elsewhere / name)
    texts = [
        TokenizedText(IDS[row, :length].tolist(), SEGMENTS[row, :length].tolist())
        for row, length in enumerate(MASK.sum(1))
    ]
    x_ND = np.concatenate(list(engine.states(texts)))
    found: dict[str, np.ndarray] = {}
    match call.kind:
        case "AlbertModel":
            found = {"last_hidden_state": x_ND, "pooler_output": heads.pooled(engine, texts)}
        case "AlbertForPreTraining":
            found["prediction_logits"] = heads.mask_logits(engine, x_ND)
            found["sop_logits"] = heads.order_logits(engine, texts)
        case "AlbertForMaskedLM":
            found["logits"] = heads.mask_logits(engine, x_ND)
        case "AlbertForTokenClassification":
            found["logits"] = heads.token_logits(engine, x_ND)
        case "AlbertForQuestionAnswering":
            found["start_logits"], found["end_logits"] = heads.span_logits(engine, x_ND)
        case _:
            found["logits"] = heads.text_logits(engine, texts)
    assert found.keys() == call.outputs.keys() - {"loss", "hidden_states", "attentions"}
    for field, logits in found.items():
        expected = at_tokens(call.outputs[field])
        difference = logits.reshape(expected.shape) - expected
        assert np.abs(difference).max() <= 1e-5 * np.abs(expected).max(), field


@pytest.mark.parametrize("name", ENGINES)
def test_the_beam_is_that_of_the_torch_model(
    name: str, tmp_path: Path, tiny_config: Callable[..., AlbertConfig]
) -> None:
    torch.manual_seed(0)
    model = AlbertForSquadV2(tiny_config()).eval()
    model.save_pretrained(tmp_path)
    engine = open_engine(name, tmp_path, dtype="float32")
    heads.require_trained(engine, "squad_v2")
    text = TokenizedText([2, 5, 8, 3, *range(20, 36), 3], [0] * 4 + [1] * 17)
    allowed = np.array([True, False, False, False, *[True] * 16, False])
    (states,) = engine.states([text])
    beam = heads.answer_beam(engine, states, allowed)
    with torch.no_grad():
        ids, segments = (torch.tensor([row]) for row in text)
        barred = torch.from_numpy(~allowed)[None]
        expected = model(ids, None, segments, no_answer_mask=barred)
    np.testing.assert_array_equal(beam.starts, expected.start_positions[0])
    np.testing.assert_array_equal(beam.ends, expected.end_positions[0])
    np.testing.assert_allclose(beam.start_log_probs, expected.start_log_probs[0], atol=1e-5)
    np.testing.assert_allclose(beam.end_log_probs, expected.end_log_probs[0], atol=1e-5)
    assert beam.unanswerable == pytest.approx(expected.unanswerable_logits.item(), abs=1e-5)


def test_the_classifier_of_another_task_is_refused(
    tiny_config: Callable[..., AlbertConfig], fine_tuned: Callable[..., Path]
) -> None:
    """The heads of three tasks have the same names."""
    tokens = TorchEngine(AlbertForTokenClassification(tiny_config(num_labels=3)))
    heads.require_trained(tokens, "classifier", architecture="AlbertForTokenClassification")
    texts = open_engine("numpy", fine_tuned("AlbertForSequenceClassification", ["a", "b"]))
    for engine in (tokens, texts):
        with pytest.raises(ValueError, match=r"is that of an AlbertFor(Tok|Seq).* as AlbertForMul"):
            heads.require_trained(engine, "classifier", architecture="AlbertForMultipleChoice")


def test_an_object_is_of_its_own_class_whatever_it_was_made_from(
    fine_tuned: Callable[..., Path],
) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", ["a", "b"])
    model = AlbertForMultipleChoice(AlbertConfig.from_pretrained(folder))
    engine = TorchEngine(model)
    heads.require_trained(engine, "classifier", architecture="AlbertForMultipleChoice")


def test_a_classifier_of_another_size_is_refused(tiny_config: Callable[..., AlbertConfig]) -> None:
    model = AlbertForSequenceClassification(tiny_config(num_labels=3))
    engine = TorchEngine(model)
    model.config = tiny_config(num_labels=2)
    with pytest.raises(
        ValueError, match=r"classifier\.weight has the shape \(3, 32\) where \(2, 3"
    ):
        heads.require_trained(
            TorchEngine(model), "classifier", architecture="AlbertForSequenceClassification"
        )
    heads.require_trained(engine, "classifier", architecture="AlbertForSequenceClassification")
