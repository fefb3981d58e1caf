"""Every head against the outputs and losses of transformers' TensorFlow classes."""

import numpy as np
import pytest
from known_weights import IDS, MASK, SEGMENTS, SIZES
from recorded import FOLDERS, recorded

keras = pytest.importorskip("keras", reason="Keras is not installed")

from albertlm import AlbertConfig, checkpoints  # noqa: E402
from albertlm.models.keras import heads  # noqa: E402


def array(value):
    if isinstance(value, tuple):
        return np.stack([array(each) for each in value])
    return keras.ops.convert_to_numpy(value)


@pytest.mark.parametrize("name", FOLDERS)
def test_outputs_and_losses_are_those_of_transformers(written_elsewhere, name, tmp_path):
    """Fields, their order and shapes, hidden states, attention weights, and what is saved again."""
    folder = written_elsewhere / name
    call = recorded(folder)
    kind = getattr(heads, f"Keras{call.kind}")
    model = kind.from_pretrained(folder)
    given = {**call.inputs, **call.labels}
    output = model(given, output_hidden_states=True, output_attentions=True)
    assert list(output) == list(call.outputs)
    for field, expected in call.outputs.items():
        found = array(output[field])
        assert found.shape == expected.shape, field
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max(), field
    model.save_pretrained(tmp_path)
    again, before = (checkpoints.read(each) for each in (tmp_path, folder))
    assert again.keys() == before.keys()
    assert all(np.array_equal(again[name], before[name]) for name in before)
    assert AlbertConfig.from_folder(tmp_path).architectures == (kind.__name__[5:],)


def test_the_backbone_computes_what_keras_hub_s_does(written_elsewhere):
    folder = written_elsewhere / "keras_hub"
    output = heads.KerasAlbertModel.from_pretrained(folder)(IDS, MASK, SEGMENTS)
    expected = np.load(folder / "outputs.npz")
    names = {"last_hidden_state": "sequence_output", "pooler_output": "pooled_output"}
    for ours, theirs in names.items():
        difference = np.abs(array(output[ours]) - expected[theirs])
        assert difference.max() <= 1e-5 * np.abs(expected[theirs]).max()


def test_without_labels_there_is_no_loss():
    model = heads.KerasAlbertForPreTraining(AlbertConfig.from_dict(SIZES))
    assert model(IDS).loss is None
    assert model(IDS, labels=IDS).loss is None  # one of the two labels


def test_losses_where_all_is_ignored_or_a_number_is_predicted():
    config = AlbertConfig.from_dict({**SIZES, "num_labels": 1})
    tokens = heads.KerasAlbertForTokenClassification(config)
    assert array(tokens(IDS, labels=0 * IDS - 100).loss).tolist() == [0]
    answers = heads.KerasAlbertForQuestionAnswering(config)
    past = np.array([IDS.shape[1], -100])
    loss = answers(IDS, start_positions=past, end_positions=past).loss
    assert array(loss).tolist() == [0, 0]
    number = heads.KerasAlbertForSequenceClassification(config)
    output = number(IDS, labels=np.array([0.5, -1], np.float32))
    expected = (array(output.logits)[:, 0] - [0.5, -1]) ** 2
    np.testing.assert_allclose(array(output.loss), expected, rtol=1e-5)


def test_choices_as_embeddings():
    model = heads.KerasAlbertForMultipleChoice(AlbertConfig.from_dict(SIZES))
    embedded = np.zeros((2, 3, 5, 4), np.float32)
    assert array(model({"inputs_embeds": embedded}).logits).shape == (2, 3)
