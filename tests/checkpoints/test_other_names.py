"""Names in other formats, against those in files of Google's code, transformers 4 and keras-hub."""

import numpy as np
import pytest
from known_weights import weights

from albertlm.checkpoints import names, other_names

PARTS = {row.part: None for row in names.PARAMETERS}

GOOGLE = {
    "bert/embeddings/word_embeddings": "embeddings.word_embeddings.weight",
    "bert/embeddings/LayerNorm/gamma": "embeddings.LayerNorm.weight",
    "bert/encoder/embedding_hidden_mapping_in/bias": "encoder.embedding_hidden_mapping_in.bias",
    "bert/encoder/transformer/group_1/inner_group_0/attention_1/self/key/kernel": (
        "encoder.albert_layer_groups.1.albert_layers.0.attention.key.weight"
    ),
    "bert/encoder/transformer/group_0/inner_group_0/LayerNorm/beta": (
        "encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm.bias"
    ),
    "bert/encoder/transformer/group_0/inner_group_1/ffn_1/intermediate/output/dense/bias": (
        "encoder.albert_layer_groups.0.albert_layers.1.ffn_output.bias"
    ),
    "bert/encoder/transformer/group_0/inner_group_0/LayerNorm_1/gamma": (
        "encoder.albert_layer_groups.0.albert_layers.0.full_layer_layer_norm.weight"
    ),
    "bert/pooler/dense/kernel": "pooler.weight",
    "cls/predictions/transform/dense/kernel": "predictions.dense.weight",
    "cls/predictions/output_bias": "predictions.bias",
    "cls/seq_relationship/output_weights": "sop_classifier.classifier.weight",
    "output_weights": "classifier.weight",
    "cls/squad/output_bias": "qa_outputs.bias",
    "end_logits/LayerNorm/gamma": "end_logits.LayerNorm.weight",
    "answer_class/dense_1/kernel": "answer_class.dense_1.weight",
}
KERAS = {
    "albert/embeddings/word_embeddings/weight": "embeddings.word_embeddings.weight",
    "albert/embeddings/position_embeddings/embeddings": "embeddings.position_embeddings.weight",
    "albert/encoder/albert_layer_groups_._0/albert_layers_._1/attention/LayerNorm/gamma": (
        "encoder.albert_layer_groups.0.albert_layers.1.attention.LayerNorm.weight"
    ),
    "albert/pooler/kernel": "pooler.weight",
    "predictions/decoder/bias": "predictions.decoder.bias",
    "sop_classifier/classifier/kernel": "sop_classifier.classifier.weight",
    "qa_outputs/bias": "qa_outputs.bias",
}
KERAS_HUB = {
    "token_embedding/0": "embeddings.word_embeddings.weight",
    "group_1_inner_layer_0/self_attention_layer/attention_output/0": (
        "encoder.albert_layer_groups.1.albert_layers.0.attention.dense.weight"
    ),
    "mlm_head/0": "predictions.bias",
    "logits/1": "classifier.bias",
}


@pytest.mark.parametrize(
    ("column", "expected"),
    [(other_names.GOOGLE, GOOGLE), (other_names.KERAS, KERAS), (other_names.KERAS_HUB, KERAS_HUB)],
)
def test_names_that_are_known(column, expected):
    assert {name: column.hub_name(name) for name in expected} == expected
    assert column.hub_name("bert/embeddings") is None


@pytest.mark.parametrize("column", [other_names.GOOGLE, other_names.KERAS])
def test_every_parameter_has_a_name_and_comes_back(column):
    tensors = weights(PARTS)
    there = column.from_hub(tensors)
    assert (len(there.tensors), there.unknown) == (len(tensors), [])
    back = column.to_hub(there.tensors)
    assert back.unknown == []
    assert back.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(back.tensors[name], tensor)


def test_kernels_are_transposed_and_embeddings_and_output_weights_are_not():
    google = other_names.GOOGLE.from_hub(weights(PARTS)).tensors
    assert google["bert/pooler/dense/kernel"].shape == (8, 8)
    layer = "bert/encoder/transformer/group_0/inner_group_0"
    assert google[f"{layer}/ffn_1/intermediate/dense/kernel"].shape == (8, 12)
    assert google["bert/embeddings/word_embeddings"].shape == (20, 4)
    assert google["output_weights"].shape == (3, 8)
    assert google["end_logits/dense_0/kernel"].shape == (16, 8)
    assert other_names.KERAS.from_hub(weights(PARTS)).tensors["classifier/kernel"].shape == (8, 3)


def test_what_a_format_does_not_have_is_told():
    tensors = weights(("pooler", "sop"))
    renamed, unknown = other_names.KERAS_HUB.from_hub(tensors)
    assert set(renamed) == {"pooled_dense/0", "pooled_dense/1"}
    assert unknown == ["sop_classifier.classifier.weight", "sop_classifier.classifier.bias"]


def test_names_of_tensorflow_keep_what_is_unknown():
    found = other_names.from_keras(
        {"albert/pooler/kernel:0": np.ones((2, 3)), "extra:0": np.ones(1)}
    )
    assert {name: tensor.shape for name, tensor in found.items()} == {
        "pooler.weight": (3, 2),
        "extra": (1,),
    }
