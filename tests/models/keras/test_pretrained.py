"""Folders of the hub in Keras, training, and files of Keras."""

import logging
import subprocess
import sys
from collections import UserDict
from pathlib import Path

import numpy as np
import pytest
import torch
from known_weights import IDS, MASK, SEGMENTS, SIZES

keras = pytest.importorskip("keras", reason="Keras is not installed")

from albertlm import (  # noqa: E402
    AlbertConfig,
    AlbertForPreTraining,
    AlbertForSequenceClassification,
    AlbertModel,
)
from albertlm.models.keras import heads, pretrained  # noqa: E402

INPUTS = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": SEGMENTS}
SMALL = {**SIZES, "num_hidden_layers": 1, "num_hidden_groups": 1, "inner_group_num": 1}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("shared", [None, "attention", "ffn"])
def test_pytorch_computes_the_same_from_the_same_folder(tmp_path, shared):
    config = AlbertConfig.from_dict(
        {**SIZES, "shared_across_groups": shared, "initializer_range": 0.3}
    )
    ours = heads.KerasAlbertForPreTraining(config)
    ours.save_pretrained(tmp_path)
    theirs = AlbertForPreTraining.from_pretrained(tmp_path)
    assert theirs.loading is not None
    assert theirs.loading.new == ()
    with torch.no_grad():
        expected = theirs(*map(torch.tensor, INPUTS.values()))
    found = ours(INPUTS)
    for name in ("prediction_logits", "sop_logits"):
        real = MASK[..., None] if name == "prediction_logits" else 1
        difference = (array(found[name]) - expected[name].numpy()) * real
        assert np.abs(difference).max() < 1e-5 * expected[name].abs().max()
    theirs.save_pretrained(tmp_path / "again")
    again = heads.KerasAlbertForPreTraining.from_pretrained(tmp_path / "again", from_pt=True)
    np.testing.assert_array_equal(array(again(INPUTS)[0]), array(found[0]))


def test_a_head_that_the_file_does_not_hold(tmp_path, caplog):
    heads.KerasAlbertModel(AlbertConfig.from_dict(SMALL)).save_pretrained(tmp_path)
    with caplog.at_level(logging.WARNING):
        model = heads.KerasAlbertForSequenceClassification.from_pretrained(tmp_path)
    assert model.loading is not None
    assert model.loading.new == ("classifier.bias", "classifier.weight")
    assert "holds no classifier.bias, classifier.weight; random until trained" in caplog.text
    assert AlbertModel.from_pretrained(tmp_path).config == model.config


def test_a_folder_of_other_sizes_or_of_groups_that_differ(tmp_path):
    heads.KerasAlbertModel(AlbertConfig.from_dict(SIZES)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"wrong shape .*ffn.bias \(12,\) where \(24,\)"):
        heads.KerasAlbertModel.from_pretrained(tmp_path, intermediate_size=24)
    with pytest.raises(ValueError, match=r"ffn.* differs from .*, but groups share it"):
        heads.KerasAlbertModel.from_pretrained(tmp_path, shared_across_groups="ffn")


@pytest.mark.parametrize("eagerly", [True, False])
def test_training_with_labels_among_the_inputs(eagerly):
    config = AlbertConfig.from_dict({**SMALL, "initializer_range": 0.3, "num_labels": 3})
    model = heads.KerasAlbertForSequenceClassification(config)
    model.compile(keras.optimizers.Adam(0.005), run_eagerly=eagerly)
    batch = UserDict({**INPUTS, "labels": np.array([2, 0])})
    losses = model.fit(batch, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    expected = np.mean(array(model(batch).loss))
    assert model.evaluate(batch, verbose=0) == pytest.approx(expected, rel=1e-5)
    output = model.predict(UserDict(INPUTS), verbose=0)
    np.testing.assert_allclose(output.logits, array(model(INPUTS).logits), atol=1e-5)


def test_the_snippet_of_the_page(tiny_folder, tmp_path, monkeypatch):
    page = (Path(__file__).parents[3] / "docs" / "checkpoints.md").read_text(encoding="utf-8")
    snippet = page.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    exec(snippet.replace("albert-base-v2", str(tiny_folder)), {})
    found = AlbertForSequenceClassification.from_pretrained(tmp_path / "models" / "sentiment")
    assert found.loading is not None
    assert found.loading.new == ()


def test_training_with_a_loss_of_keras():
    model = heads.KerasAlbertForSequenceClassification(AlbertConfig.from_dict(SMALL))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss=loss, metrics=["accuracy"], run_eagerly=True)
    assert set(model.fit(INPUTS, np.array([1, 0]), verbose=0).history) == {"accuracy", "loss"}
    answers = heads.KerasAlbertForQuestionAnswering(AlbertConfig.from_dict(SMALL))
    losses = {"start_logits": loss, "end_logits": loss}
    answers.compile("adam", loss=losses, run_eagerly=True)
    labels = {"start_logits": np.array([3, 1]), "end_logits": np.array([4, 2])}
    assert "end_logits_loss" in answers.fit(INPUTS, labels, verbose=0).history


@pytest.mark.slow
def test_a_file_of_keras_opens_in_another_process_and_takes_other_shapes(tmp_path):
    config = AlbertConfig.from_dict({**SMALL, "num_labels": 3}).changed(
        id2label={0: "a", 1: "b", 2: "c"}
    )
    model = heads.KerasAlbertForSequenceClassification(config)
    model.compile("adam", run_eagerly=True)
    model.fit({**INPUTS, "labels": np.array([2, 0])}, verbose=0)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "ids.npy", IDS[:1, :5])
    code = (
        "import sys, keras, numpy as np, albertlm.models.keras.heads;"
        "model = keras.saving.load_model('model.keras');"
        "assert dict(model.config.id2label) == {0: 'a', 1: 'b', 2: 'c'};"
        "np.save('out.npy', keras.ops.convert_to_numpy(model(np.load('ids.npy')).logits))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)
    found = np.load(tmp_path / "out.npy")
    np.testing.assert_allclose(found, array(model(IDS[:1, :5]).logits), atol=1e-6)


def test_a_functional_model_with_ours_in_it(tmp_path):
    ours = heads.KerasAlbertModel(AlbertConfig.from_dict(SMALL))
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in INPUTS}
    numbers = keras.layers.Dense(2)(ours(inputs).pooler_output)
    model = keras.Model(inputs, numbers)
    model.compile("adam", loss="mse")
    model.fit(INPUTS, np.zeros((2, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    shorter = {name: value[:1, :5] for name, value in INPUTS.items()}
    np.testing.assert_allclose(array(again(shorter)), array(model(shorter)), atol=1e-6)


def test_the_base_has_no_head():
    base = pretrained.KerasPreTrainedModel(AlbertConfig.from_dict(SMALL))
    with pytest.raises(NotImplementedError):
        base.head({}, {}, training=False)
    with pytest.raises(NotImplementedError):
        base.loss_of({}, {})
    assert base.head_layers() == []


def test_a_tuple_is_returned_on_request():
    model = heads.KerasAlbertModel(AlbertConfig.from_dict(SMALL))
    states, pooled = model(INPUTS, return_dict=False)
    assert (tuple(states.shape), tuple(pooled.shape)) == ((2, 11, 8), (2, 8))
