"""Conversions between all formats, opened again by this library and by transformers."""

import shutil
import tarfile

import numpy as np
import pytest
import torch
import transformers
from known_weights import IDS, MASK, SEGMENTS

from albertlm import AlbertForPreTraining, AlbertTokenizer, checkpoints
from albertlm.checkpoints import model_conversion

INPUTS = [torch.tensor(array) for array in (IDS, MASK, SEGMENTS)]


@pytest.fixture
def google(tmp_path, written_elsewhere, tiny_vocabulary):
    """A folder as in Google's archives; the vocabulary is another model's."""
    folder = tmp_path / "albert_tiny"
    shutil.copytree(written_elsewhere / "google", folder)
    shutil.copy(tiny_vocabulary / "spiece.model", folder / "30k-clean.model")
    return folder


def convert(source, target, to="hub"):
    with model_conversion.opened(str(source)) as model:
        return model_conversion.write(model, target, to)


@pytest.mark.parametrize("way", ["folder", "prefix", "archive"])
def test_google_s_model_becomes_one_that_transformers_opens(google, tmp_path, way):
    source = google if way == "folder" else google / "model.ckpt-best"
    if way == "archive":
        source = tmp_path / "albert_tiny.tar.gz"
        with tarfile.open(source, "w:gz") as archive:
            archive.add(google, google.name)
    done = convert(source, tmp_path / "hub")
    assert (len(done.left_aside), done.missing, done.vocabulary) == (161, (), "spiece.model")
    theirs = transformers.AlbertForPreTraining.from_pretrained(tmp_path / "hub")
    ours = AlbertForPreTraining.from_pretrained(google)
    with torch.no_grad():
        expected, found = theirs(*INPUTS), ours(*INPUTS)
    for name in ("prediction_logits", "sop_logits"):
        real = torch.tensor(MASK)[..., None] if name == "prediction_logits" else 1
        assert ((expected[name] - found[name]) * real).abs().max() < 1e-5
    assert AlbertTokenizer.from_pretrained(tmp_path / "hub").vocab_size == 70


@pytest.mark.parametrize("to", model_conversion.FORMATS)
@pytest.mark.parametrize(
    "source", ["google", "TFAlbertForPreTraining-gelu_new", "saved_model", "keras_hub"]
)
def test_every_format_in_every_other(written_elsewhere, tmp_path, source, to):
    done = convert(written_elsewhere / source, tmp_path, to)
    before, after = (checkpoints.read(each) for each in (written_elsewhere / source, tmp_path))
    assert set(done.taken) == set(after)
    assert set(before) - set(after) == {n for n in done.left_aside if n in before}
    for name, tensor in after.items():
        np.testing.assert_array_equal(tensor, before[name])


@pytest.mark.parametrize(
    ("source", "kind", "labels"),
    [
        ("google", "AlbertForPreTraining", 2),
        ("classifier", "AlbertForSequenceClassification", 3),
        ("race", "AlbertForSequenceClassification", 1),
        ("squad", "AlbertForQuestionAnswering", 2),
        ("squad_v2", "AlbertForSquadV2", 2),
        ("keras_hub", "AlbertModel", 2),
        ("TFAlbertForMultipleChoice-gelu_new", "AlbertForMultipleChoice", 1),
    ],
)
def test_the_architecture_and_its_labels(written_elsewhere, tmp_path, source, kind, labels):
    with model_conversion.opened(str(written_elsewhere / source)) as model:
        model_conversion.write(model, tmp_path, "hub")
        assert model.config.num_labels == labels
    with model_conversion.opened(str(tmp_path)) as model:
        assert model.config.architectures == (kind,)
        assert model.config.num_labels == labels


def test_a_file_of_a_saved_model(written_elsewhere):
    index = written_elsewhere / "saved_model" / "variables" / "variables.index"
    with model_conversion.opened(str(index)) as model:
        assert model.folder == written_elsewhere / "saved_model"


def test_vocabularies(google, tmp_path, tiny_folder):
    content = (google / "30k-clean.model").read_bytes()
    assert convert(google, tmp_path / "tf1", "tf1").vocabulary == "30k-clean.model"
    assert (tmp_path / "tf1" / "30k-clean.model").read_bytes() == content
    preset = convert(google, tmp_path / "keras", "keras-hub").vocabulary
    assert preset == "assets/tokenizer/vocabulary.spm"
    assert (tmp_path / "keras" / preset).read_bytes() == content
    assert convert(tmp_path / "keras", tmp_path / "hub").vocabulary == "spiece.model"
    assert (tmp_path / "hub" / "spiece.model").read_bytes() == content
    convert(tiny_folder, tmp_path / "again")
    for file in ("spiece.model", "tokenizer.json"):
        assert (tmp_path / "again" / file).read_bytes() == (tiny_folder / file).read_bytes()


def test_what_cannot_be_converted(google, tmp_path):
    with pytest.raises(ValueError, match=r"to='onnx' is not allowed; it must be one of hub, tf1"):
        convert(google, tmp_path / "new", "onnx")
    with pytest.raises(ValueError, match="already holds files; name a new folder"):
        convert(google, google)
    with pytest.raises(FileNotFoundError, match=r"there is no folder \.?/?missing"):
        convert("./missing", tmp_path / "new")
    for name in ("google/model.ckpt-7", "albert_base.tar.gz"):
        with pytest.raises(FileNotFoundError, match=f"no checkpoint or archive {name}; check"):
            convert(name, tmp_path / "new")
    (google / "albert_config.json").write_text('{"hidden_size": 64}')
    with pytest.raises(ValueError, match=r"albert_tiny: tensors .*: encoder"):
        convert(google, tmp_path / "new")
    (google / "albert_config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"albert_tiny has no config.json"):
        convert(google, tmp_path / "new")
