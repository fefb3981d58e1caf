"""Checkpoints of ALBERT that TensorFlow wrote, and those that are written for it."""

import json
import shutil
import tarfile

import numpy as np
import pytest
import torch
from known_weights import SIZES, weights

from albertlm import (
    AlbertConfig,
    AlbertForPreTraining,
    AlbertForQuestionAnswering,
    AlbertForSequenceClassification,
    AlbertForSquadV2,
    checkpoints,
)
from albertlm.checkpoints import bundles, tensorflow

BACKBONE = ("embeddings", "projection", "layer", "pooler")
PRETRAINING = (*BACKBONE, "mlm", "sop")


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], strict=True)


@pytest.mark.parametrize(
    ("folder", "parts", "labels"),
    [
        ("google", PRETRAINING, 2),
        ("sharded", PRETRAINING, 2),
        ("single_file", PRETRAINING, 2),
        ("saved_model", PRETRAINING, 2),
        ("objects", PRETRAINING, 2),
        ("classifier", (*BACKBONE, "classifier"), 3),
        ("race", (*BACKBONE, "classifier"), 1),
        ("squad", (*BACKBONE, "qa"), 2),
        ("squad_v2", (*BACKBONE, "squad_v2"), 2),
    ],
)
def test_every_kind_of_checkpoint(written_elsewhere, folder, parts, labels):
    found = checkpoints.open_contents(written_elsewhere / folder)
    assert found.format == "tf1"
    assert_equal(found.tensors, weights(parts, labels))


def test_the_optimizer_is_left_aside(written_elsewhere):
    found = checkpoints.open_contents(written_elsewhere / "google")
    assert "global_step" in found.left_aside
    assert "bert/pooler/dense/kernel/adam_m" in found.left_aside
    assert len(found.left_aside) == 2 * len(found.tensors) + 1


@pytest.mark.parametrize(
    ("folder", "kind", "changes"),
    [
        ("google", AlbertForPreTraining, {}),
        ("saved_model", AlbertForPreTraining, {}),
        ("classifier", AlbertForSequenceClassification, {"num_labels": 3}),
        ("squad", AlbertForQuestionAnswering, {}),
        ("squad_v2", AlbertForSquadV2, {}),
    ],
)
def test_models_open_the_folder(written_elsewhere, folder, kind, changes):
    model = kind.from_pretrained(written_elsewhere / folder, **changes)
    assert model.loading.new == ()
    assert model.config.hidden_act == "gelu_new"  # Google's gelu is the tanh form
    assert model.config.extra["down_scale_factor"] == 1
    assert torch.isfinite(model(torch.tensor([[2, 5, 3]]))[0]).all()


def test_a_config_of_another_size(written_elsewhere):
    with pytest.raises(ValueError, match=r"wrong shape .*ffn.bias \(12,\) where \(24,\) is"):
        AlbertForPreTraining.from_pretrained(written_elsewhere / "google", intermediate_size=24)


def test_what_is_written_is_what_was_read(tmp_path, written_elsewhere):
    source = written_elsewhere / "squad_v2"
    config = AlbertConfig.from_folder(source)
    assert tensorflow.write(tmp_path, config, checkpoints.read(source)) == ()
    for ending in (".index", ".data-00000-of-00001"):
        theirs = (source / f"model.ckpt-10{ending}").read_bytes()
        assert (tmp_path / f"model.ckpt{ending}").read_bytes() == theirs
    theirs, ours = (
        json.loads((folder / "albert_config.json").read_text()) for folder in (source, tmp_path)
    )
    assert ours == theirs
    assert checkpoints.open_contents(tmp_path).format == "tf1"


def test_what_google_has_no_variable_for_is_told(tmp_path):
    config = AlbertConfig.from_dict(SIZES)
    assert tensorflow.write(tmp_path, config, {"extra": np.zeros(1)}) == ("extra",)


@pytest.mark.parametrize(
    "name", ["model.ckpt-best", "model.ckpt-best.index", "model.ckpt-best.data-00000-of-00001"]
)
def test_a_prefix_or_one_of_its_files(written_elsewhere, name):
    prefix = written_elsewhere / "google" / "model.ckpt-best"
    assert tensorflow.find(written_elsewhere / "google" / name) == prefix


def test_the_last_of_several_checkpoints(tmp_path):
    for name in ("model.ckpt-1", "model.ckpt-2"):
        bundles.write(tmp_path / name, {})
    with pytest.raises(ValueError, match=r"\(model.ckpt-1, model.ckpt-2\); name one of them"):
        tensorflow.find(tmp_path)
    state = tmp_path / "checkpoint"
    state.write_text('model_checkpoint_path: "/elsewhere/model.ckpt-2"\n')
    assert tensorflow.find(tmp_path) == tmp_path / "model.ckpt-2"
    state.write_text('model_checkpoint_path: "model.ckpt-3"\n')
    with pytest.raises(ValueError, match="holds several checkpoints"):
        tensorflow.find(tmp_path)


def test_an_archive(tmp_path, written_elsewhere):
    for folder in ("google", "saved_model"):
        path = tmp_path / f"{folder}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            archive.add(written_elsewhere / folder, "albert_tiny")
        with tensorflow.unpacked(path) as unpacked:
            assert AlbertConfig.from_folder(unpacked).vocab_size == 20
            found = checkpoints.read(unpacked)
        assert_equal(found, weights(PRETRAINING, 2))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"saved_model.tar.gz is cut or damaged \(.*\); fetch it"):
        tensorflow.unpacked(path).__enter__()


def test_an_archive_that_leads_out_of_its_folder(tmp_path):
    (tmp_path / "file").touch()
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.add(tmp_path / "file", "../outside")
    with pytest.raises(ValueError, match="cut or damaged"):
        tensorflow.unpacked(tmp_path / "bad.tar").__enter__()


def refused(folder, problem, error=ValueError):
    with pytest.raises(error, match=problem) as caught:
        checkpoints.read(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_with_only_a_graph_or_without_a_description(tmp_path, written_elsewhere):
    shutil.copy(written_elsewhere / "saved_model" / "saved_model.pb", tmp_path)
    refused(tmp_path, "holds a graph and no weights; add the", FileNotFoundError)
    data = "model.ckpt-best.data-00000-of-00001"
    shutil.copy(written_elsewhere / "google" / data, tmp_path)
    refused(tmp_path, "holds the values of a checkpoint but not its .index", FileNotFoundError)


def test_unknown_variables(tmp_path):
    bundles.write(tmp_path / "model.ckpt", {"bert/mystery/kernel": np.zeros((2, 3), np.float32)})
    (tmp_path / "albert_config.json").write_text(json.dumps(SIZES))
    with pytest.raises(ValueError, match=r"unknown tensors \(.*\): bert/mystery/kernel"):
        AlbertForPreTraining.from_pretrained(tmp_path)


def test_a_parameter_that_is_no_float(tmp_path):
    bundles.write(tmp_path / "model.ckpt", {"output_bias": np.zeros(3, np.int64)})
    refused(tmp_path, "model.ckpt: output_bias is not floating-point")
