"""Configurations of Google and keras-hub, there and back."""

import json

import pytest

from albertlm import AlbertConfig, config_formats

BASE = {
    "attention_probs_dropout_prob": 0,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0,
    "embedding_size": 128,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "num_hidden_groups": 1,
    "net_structure_type": 0,
    "gap_size": 0,
    "num_memory_blocks": 0,
    "inner_group_num": 1,
    "down_scale_factor": 1,
    "type_vocab_size": 2,
    "vocab_size": 30000,
}
"""As Google released it with version 2."""


def fields_of(config):
    return {**config.extra, **config.to_dict(), "hidden_act": config.activation}


def test_google_s_there_and_back(tmp_path):
    path = tmp_path / "albert_config.json"
    path.write_text(json.dumps(BASE))
    config = AlbertConfig.from_folder(tmp_path)
    assert config == AlbertConfig.preset("albert-base-v2")
    assert config.extra["net_structure_type"] == 0
    assert config_formats.to_google(fields_of(config)) == BASE


@pytest.mark.parametrize("given", ["relu", "tanh"])
def test_other_activations_of_google_are_what_they_say(given):
    fields = config_formats.from_google({**BASE, "hidden_act": given})
    assert fields["hidden_act"] == given
    assert config_formats.to_google(fields)["hidden_act"] == given


@pytest.mark.parametrize("to", [config_formats.to_google, config_formats.to_keras_hub])
def test_the_erf_form_is_a_warning_and_others_are_refused(to):
    with pytest.warns(UserWarning, match="the tanh form of GELU and the model its erf form"):
        to(fields_of(AlbertConfig.preset("albert-base-v1")))
    with pytest.raises(ValueError, match=r"hidden_act='silu' is not allowed; it must be one of"):
        to(fields_of(AlbertConfig(hidden_act="silu")))


def test_keras_hub_s_there_and_back():
    config = AlbertConfig.preset("albert-large-v2", hidden_dropout_prob=0.1)
    written = config_formats.to_keras_hub(fields_of(config))
    assert written["config"]["num_inner_repetitions"] == 1
    assert config_formats.is_keras_hub(written)
    fields = config_formats.from_keras_hub(written)
    assert fields["attention_probs_dropout_prob"] == 0.1
    assert AlbertConfig.from_dict(fields) == config.changed(attention_probs_dropout_prob=0.1)


def test_another_model_of_keras_hub(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"class_name": "BertBackbone", "config": {}}))
    with pytest.raises(ValueError, match=r"config.json: .*'BertBackbone'; only 'AlbertBackbone'"):
        AlbertConfig.from_folder(tmp_path)
