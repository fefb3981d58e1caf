"""The shared layer in Keras: what it counts, what groups share, and what padding may do."""

import numpy as np
import pytest
from known_weights import IDS, MASK, SEGMENTS, SIZES

keras = pytest.importorskip("keras", reason="Keras is not installed")

from albertlm import AlbertConfig, costs  # noqa: E402
from albertlm.models.keras import backbone  # noqa: E402
from albertlm.models.keras.heads import KerasAlbertForMaskedLM, KerasAlbertModel  # noqa: E402


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("shared", [None, "attention", "ffn"])
def test_the_one_layer_is_counted_once(shared):
    config = AlbertConfig.from_dict({**SIZES, "shared_across_groups": shared})
    parts = costs.parameters_by_part(config)
    heads = sum(count for part, count in parts.items() if part not in ("mlm head", "sop head"))
    assert KerasAlbertModel(config).count_params() <= heads
    layers = [
        block for group in KerasAlbertModel(config).albert.encoder.albert_layer_groups
        for block in group.albert_layers
    ]  # fmt: skip
    assert len({id(block.attention) for block in layers}) == (2 if shared == "attention" else 4)
    assert len({id(block.ffn) for block in layers}) == (2 if shared == "ffn" else 4)


def test_padding_changes_nothing_and_a_row_of_padding_is_finite():
    model = KerasAlbertModel(AlbertConfig.from_dict({**SIZES, "initializer_range": 0.3}))
    whole = array(model(IDS, MASK, SEGMENTS)[0])
    alone = array(model(IDS[:1, :9], token_type_ids=SEGMENTS[:1, :9])[0])
    np.testing.assert_allclose(whole[:1, :9], alone, atol=1e-5)
    assert np.isfinite(array(model(IDS, 0 * MASK, SEGMENTS)[0])).all()


def test_half_precision():
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = KerasAlbertForMaskedLM(AlbertConfig.from_dict(SIZES))
        output = model(IDS, 0 * MASK, labels=IDS)
        model.compile("adam", run_eagerly=True)
        history = model.fit({"input_ids": IDS, "labels": IDS}, verbose=0).history
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert keras.backend.standardize_dtype(output.logits.dtype) == "float16"
    assert keras.backend.standardize_dtype(output.loss.dtype) == "float32"
    assert {variable.dtype for variable in model.weights} == {"float32"}
    assert np.isfinite(array(output.logits)).all()
    assert np.isfinite(history["loss"]).all()


def test_dropout_only_in_training():
    changes = {"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5}
    model = KerasAlbertModel(AlbertConfig.from_dict({**SIZES, **changes}))
    first, second = (array(model(IDS)[0]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, array(model(IDS, training=True)[0]))


@pytest.mark.parametrize("name", sorted(backbone.ACTIVATIONS))
def test_activations_are_those_of_the_numpy_engine(name):
    from albertlm.inference.arithmetic import ACTIVATIONS

    x = np.linspace(-4, 4, 41, dtype=np.float32)
    theirs = array(backbone.ACTIVATIONS[name](keras.ops.convert_to_tensor(x)))
    np.testing.assert_allclose(theirs, ACTIVATIONS[name](x.copy()), atol=2e-6)
