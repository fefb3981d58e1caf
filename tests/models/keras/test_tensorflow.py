"""The model card's TensorFlow snippet, tf.function, tf.data and SavedModel."""

import subprocess
import sys

import numpy as np
import pytest
from known_weights import IDS, MASK, SEGMENTS, SIZES

tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
keras = pytest.importorskip("keras", reason="Keras is not installed")
if keras.backend.backend() != "tensorflow":
    pytest.skip("KERAS_BACKEND is another backend", allow_module_level=True)

import albertlm  # noqa: E402
from albertlm import AlbertConfig, AlbertTokenizer, TFAlbertModel  # noqa: E402
from albertlm.checkpoints import bundles  # noqa: E402
from albertlm.models.keras import tensorflow as classes  # noqa: E402

INPUTS = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": SEGMENTS}
SMALL = {**SIZES, "num_hidden_layers": 1, "num_hidden_groups": 1, "inner_group_num": 1}


def test_the_card_s_snippet(tiny_folder):
    tokenizer = AlbertTokenizer.from_pretrained(tiny_folder)
    model = TFAlbertModel.from_pretrained(tiny_folder)
    encoded_input = tokenizer("Replace me by any text you'd like.", return_tensors="tf")
    assert encoded_input["input_ids"].dtype == tf.int32
    output = model(encoded_input)
    assert output[0] is output.last_hidden_state
    assert output.last_hidden_state.numpy().shape[2] == model.config.hidden_size
    expected = albertlm.AlbertModel.from_pretrained(tiny_folder)(
        **tokenizer("Replace me by any text you'd like.", return_tensors="pt")
    )
    difference = output[0].numpy() - expected.last_hidden_state.detach().numpy()
    assert np.abs(difference).max() < 1e-5 * np.abs(output[0].numpy()).max()
    with pytest.raises(ValueError, match="cannot form a tensor; set padding=True"):
        tokenizer(["a", "a b c d"], return_tensors="tf")


def test_the_names_of_transformers():
    for name in (each for each in albertlm.__all__ if each.startswith("TF")):
        assert getattr(albertlm, name) is getattr(classes, name)


def test_a_function_and_a_saved_model(tmp_path):
    model = TFAlbertModel(AlbertConfig.from_dict(SMALL))
    expected = model(INPUTS)[0]
    compiled = tf.function(lambda inputs: model(inputs).last_hidden_state)
    tensors = {name: tf.constant(value, tf.int32) for name, value in INPUTS.items()}
    np.testing.assert_allclose(compiled(tensors), expected, atol=1e-5)
    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    served = tf.saved_model.load(tmp_path / "saved").signatures["serving_default"](**tensors)
    assert set(served) == {"last_hidden_state", "pooler_output"}
    np.testing.assert_allclose(served["last_hidden_state"], expected, atol=1e-5)


def test_a_dataset_that_calls_our_tokenizer(tiny_folder):
    tokenizer = AlbertTokenizer.from_pretrained(tiny_folder)
    model = albertlm.TFAlbertForSequenceClassification.from_pretrained(tiny_folder)

    def encode(text):
        row = tokenizer(text.numpy().decode(), padding="max_length", max_length=12, truncation=True)
        return [row[name] for name in INPUTS]

    def inputs(text, label):
        rows = tf.py_function(encode, [text], [tf.int32] * len(INPUTS))
        return dict(zip(INPUTS, (tf.ensure_shape(row, (12,)) for row in rows), strict=True)), label

    texts = tf.data.Dataset.from_tensor_slices((["She sold boats.", "Nobody."] * 4, [0, 1] * 4))
    batches = texts.map(inputs, num_parallel_calls=4).batch(3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss=loss)
    for _ in range(2):
        assert np.isfinite(model.fit(batches, verbose=0).history["loss"]).all()


def test_tensorflow_reads_what_is_written_here(tmp_path):
    tensors: dict[str, np.ndarray] = {
        "bert/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
        "step": np.array(7),
        "empty": np.zeros((0, 4)),
        "half": np.ones((2, 3), np.float16),
        "flags": np.array([True, False]),
    }
    bundles.write(tmp_path / "ours", tensors)
    reader = tf.train.load_checkpoint(str(tmp_path / "ours"))
    assert set(reader.get_variable_to_shape_map()) == set(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(reader.get_tensor(name), tensor)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, tensor in tensors.items():
            tf.compat.v1.get_variable(name, initializer=tensor)
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver()
        saver.save(session, str(tmp_path / "theirs"), write_meta_graph=False)
    for ending in (".index", ".data-00000-of-00001"):
        ours, theirs = (tmp_path / f"{each}{ending}" for each in ("ours", "theirs"))
        assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize(
    ("backend", "problem"),
    [
        ("jax", "need Keras's backend tensorflow, and it is jax; set KERAS_BACKEND=tensorflow"),
        ("theano", "Keras cannot be imported (Unable to import backend : theano); set KERAS_BACK"),
    ],
)
def test_another_backend_is_refused_in_one_line(backend, problem, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    code = "from albertlm import TFAlbertModel"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert problem in done.stderr.splitlines()[-1]
