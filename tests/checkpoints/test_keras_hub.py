"""Presets against those that keras-hub wrote and, where it is installed, by reading them there."""

import json

import h5py
import numpy as np
import pytest
import torch
from known_weights import IDS, MASK, SEGMENTS, weights

from albertlm import (
    AlbertConfig,
    AlbertForMaskedLM,
    AlbertForSequenceClassification,
    AlbertModel,
    AlbertTokenizer,
    checkpoints,
)
from albertlm.checkpoints import keras_hub, model_conversion

PRESETS = ["keras_hub", "keras_hub_masked_lm", "keras_hub_classifier"]
INPUTS = [torch.tensor(array) for array in (IDS, MASK, SEGMENTS)]
NAMED = {"token_ids": IDS, "segment_ids": SEGMENTS, "padding_mask": MASK}


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def assert_near(found, expected, real=1):
    assert (np.abs(found - expected) * real).max() < 1e-5 * np.abs(expected).max()


def datasets(path):
    """What a file holds, with the names of layers, but no optimizer and no layer without arrays."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer/"):
            found[name] = item[()]
            found[f"{name}: layer"] = np.array(item.parent.attrs["name"])

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def is_within(ours, theirs):
    """Whether a description says nothing that another one does not say, too."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(name in theirs and is_within(ours[name], theirs[name]) for name in ours)
    return ours == theirs


def test_the_backbone_computes_what_keras_hub_does(written_elsewhere):
    folder = written_elsewhere / "keras_hub"
    with torch.no_grad():
        output = AlbertModel.from_pretrained(folder)(*INPUTS)
    expected = np.load(folder / "outputs.npz")
    states = output.last_hidden_state.numpy()
    assert_near(states, expected["sequence_output"], MASK[..., None])
    assert_near(output.pooler_output.numpy(), expected["pooled_output"])


def test_heads_compute_what_keras_hub_s_do(written_elsewhere):
    folder = written_elsewhere / "keras_hub_classifier"
    classifier = AlbertForSequenceClassification.from_pretrained(folder, num_labels=3)
    assert classifier.loading is not None
    assert classifier.loading.new == ()
    with torch.no_grad():
        logits = classifier(*INPUTS).logits.numpy()
    assert_near(logits, np.load(folder / "outputs.npz")["logits"])
    folder = written_elsewhere / "keras_hub_masked_lm"
    masked_lm = AlbertForMaskedLM.from_pretrained(folder)
    masked_lm.predictions.LayerNorm.eps = 1e-5  # as in keras-hub's head, and nowhere else
    with torch.no_grad():
        logits = masked_lm(*INPUTS).logits.numpy()
    assert_near(logits, np.load(folder / "outputs.npz")["logits"], MASK[..., None])


def test_what_is_left_aside(written_elsewhere):
    found = checkpoints.open_contents(written_elsewhere / "keras_hub_masked_lm")
    assert found.format == "keras-hub"
    assert all(name.startswith("optimizer/") for name in found.left_aside)


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_is_what_keras_hub_writes(tmp_path, written_elsewhere, preset):
    source = written_elsewhere / preset
    with model_conversion.opened(str(source)) as model:
        done = model_conversion.write(model, tmp_path, "keras-hub")
    assert set(done.left_aside) <= {"optimizer/vars/0", "optimizer/vars/1"}
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    names = {path.relative_to(tmp_path) for path in written}
    theirs = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    assert {path.as_posix() for path in names ^ theirs} == {"metadata.json", "outputs.npz"}
    for path in names & theirs:
        match path.suffix:
            case ".h5":
                assert_equal(datasets(tmp_path / path), datasets(source / path))
            case ".json":
                ours, expected = (
                    json.loads((each / path).read_text()) for each in (tmp_path, source)
                )
                assert is_within(ours, expected), path
            case _:
                assert (tmp_path / path).read_bytes() == (source / path).read_bytes()
    assert AlbertConfig.from_folder(tmp_path) == AlbertConfig.from_folder(source)


def test_heads_that_a_preset_has_no_place_for(tmp_path, written_elsewhere):
    config = AlbertConfig.from_folder(written_elsewhere / "keras_hub").changed(num_labels=3)
    backbone = ("embeddings", "projection", "layer", "pooler")
    tensors = weights((*backbone, "mlm", "sop", "classifier"))
    aside = keras_hub.write(tmp_path / "both", config, tensors)
    assert {name.partition(".")[0] for name in aside} == {"sop_classifier", "classifier"}
    assert json.loads((tmp_path / "both/task.json").read_text())["config"]["preprocessor"] is None
    tokens = config.changed(architectures=("AlbertForTokenClassification",))
    tensors = weights((*backbone, "classifier"))
    aside = keras_hub.write(tmp_path / "tokens", tokens, tensors)
    assert set(aside) == {"classifier.weight", "classifier.bias"}
    assert not (tmp_path / "tokens" / "task.json").exists()


def test_a_model_without_a_pooler_is_no_preset(tmp_path, written_elsewhere):
    config = AlbertConfig.from_folder(written_elsewhere / "keras_hub")
    with pytest.raises(ValueError, match="has no pooler, which keras-hub's AlbertBackbone needs"):
        keras_hub.write(tmp_path, config, weights(("embeddings",)))


@pytest.mark.parametrize("kept", [0, 100, 3000, -100])
def test_a_cut_file(tmp_path, written_elsewhere, kept):
    content = (written_elsewhere / "keras_hub" / "model.weights.h5").read_bytes()
    (tmp_path / "model.weights.h5").write_bytes(content[:kept])
    with pytest.raises(ValueError, match=r"weights.h5 is truncated or damaged \(.*\); fetch it"):
        checkpoints.read(tmp_path)


@pytest.fixture(scope="module")
def models():
    """The models of keras-hub."""
    return pytest.importorskip("keras_hub", reason="keras-hub is not installed").models


def converted(source, target):
    with model_conversion.opened(str(source)) as model:
        model_conversion.write(model, target, "keras-hub")
    return str(target)


def test_keras_hub_opens_a_model_with_its_head_and_vocabulary(models, tmp_path, tiny_folder):
    preset = converted(tiny_folder, tmp_path)
    model = models.MaskedLM.from_preset(preset)
    assert type(model) is models.AlbertMaskedLM
    assert model.preprocessor.sequence_length == 64
    positions = np.tile(np.arange(IDS.shape[1]), (len(IDS), 1))
    logits = np.asarray(model({**NAMED, "mask_positions": positions}))
    ours = AlbertForMaskedLM.from_pretrained(tiny_folder)
    ours.predictions.LayerNorm.eps = 1e-5
    with torch.no_grad():
        assert_near(logits, ours(*INPUTS).logits.numpy(), MASK[..., None])
    tokenizer = AlbertTokenizer.from_pretrained(tiny_folder)
    text = "she painted the harbour at night"
    ids = np.asarray(models.AlbertTokenizer.from_preset(preset)(text)).tolist()
    assert ids == tokenizer(text, add_special_tokens=False)["input_ids"]
    prepared = models.TextClassifierPreprocessor.from_preset(preset, sequence_length=32)([text])
    padded = tokenizer(text, padding="max_length", max_length=32)
    assert np.asarray(prepared["token_ids"])[0].tolist() == padded["input_ids"]
    assert np.asarray(prepared["padding_mask"])[0].tolist() == padded["attention_mask"]


@pytest.mark.parametrize("source", ["classifier", "google"])
def test_keras_hub_opens_google_s_models(models, tmp_path, written_elsewhere, source):
    preset = converted(written_elsewhere / source, tmp_path)
    output = models.AlbertBackbone.from_preset(preset).predict(NAMED, verbose=0)
    with torch.no_grad():
        expected = AlbertModel.from_pretrained(written_elsewhere / source)(*INPUTS)
    states = expected.last_hidden_state.numpy()
    assert_near(output["sequence_output"], states, MASK[..., None])
    assert_near(output["pooled_output"], expected.pooler_output.numpy())
    if source == "classifier":
        classifier = models.TextClassifier.from_preset(preset)
        ours = AlbertForSequenceClassification.from_pretrained(
            written_elsewhere / source, num_labels=3
        )
        with torch.no_grad():
            logits = ours(*INPUTS).logits.numpy()
        assert_near(np.asarray(classifier(NAMED)), logits)
