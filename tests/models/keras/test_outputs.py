"""Outputs by name, key and position, and what Keras sees in them."""

import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed")

from albertlm.models.keras.outputs import KerasOutput  # noqa: E402


def test_fields_by_name_key_and_position():
    output = KerasOutput(logits=1, attentions=(2, 3))
    assert (output.logits, output["logits"], output[0], output[1:]) == (1, 1, 1, ((2, 3),))
    assert (output.loss, output.hidden_states) == (None, None)
    assert output.to_tuple() == (1, (2, 3))
    with pytest.raises(AttributeError, match="the output holds logits, attentions, not 'pooler'"):
        output.pooler  # noqa: B018


def test_keras_looks_into_them_as_into_dictionaries():
    fields = {"logits": 1, "attentions": (2, 3)}
    output = KerasOutput(fields)
    assert keras.tree.flatten(output) == keras.tree.flatten(fields)
    doubled = keras.tree.map_structure(lambda x: 2 * x, output)
    assert type(doubled) is KerasOutput
    assert list(doubled.items()) == [("logits", 2), ("attentions", (4, 6))]
