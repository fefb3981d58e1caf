"""HDF5 files of transformers 4."""

import h5py
import numpy as np
import pytest
from known_weights import weights

from albertlm import checkpoints
from albertlm.checkpoints import keras_h5

BACKBONE = ("embeddings", "projection", "layer", "pooler")
PRETRAINING = (*BACKBONE, "mlm", "sop")


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize(
    ("folder", "parts", "labels"),
    [
        ("TFAlbertModel-gelu_new", BACKBONE, 2),
        ("TFAlbertForPreTraining-gelu", PRETRAINING, 2),
        ("safetensors", PRETRAINING, 2),
        ("TFAlbertForMaskedLM-gelu_new", (*BACKBONE[:3], "mlm"), 2),
        ("TFAlbertForSequenceClassification-gelu_new", (*BACKBONE, "classifier"), 3),
        ("TFAlbertForQuestionAnswering-gelu_new", (*BACKBONE[:3], "qa"), 2),
        ("TFAlbertForMultipleChoice-gelu_new", (*BACKBONE, "classifier"), 1),
    ],
)
def test_folders_of_transformers(written_elsewhere, folder, parts, labels):
    found = checkpoints.read(written_elsewhere / folder)
    assert_equal(found, weights(parts, labels))


@pytest.mark.parametrize("kept", [0, 100, 3000, -100])
def test_a_cut_file(tmp_path, written_elsewhere, kept):
    file = keras_h5.FILE
    content = (written_elsewhere / "TFAlbertModel-gelu_new" / file).read_bytes()
    (tmp_path / file).write_bytes(content[:kept])
    with pytest.raises(ValueError, match=rf"{file} is truncated or damaged \(.*\); fetch it again"):
        checkpoints.read(tmp_path)


def test_unknown_and_integer_variables(tmp_path, written_elsewhere):
    path = tmp_path / "tf_model.h5"
    with h5py.File(path, "w") as file:
        file["layer/tf_model/extra/kernel:0"] = np.zeros((2, 2), np.float32)
    assert list(checkpoints.read(tmp_path)) == ["layer/tf_model/extra/kernel"]
    with h5py.File(path, "w") as file:
        file["counts"] = np.zeros(2, np.int64)
    with pytest.raises(ValueError, match=r"tf_model.h5: counts is int64; only floating-point"):
        checkpoints.read(tmp_path)
