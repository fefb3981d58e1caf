"""The table of names against every class of transformers and of this library."""

import numpy as np
import pytest
import transformers

import albertlm
from albertlm.checkpoints import names

SIZES = {
    "vocab_size": 20,
    "embedding_size": 4,
    "hidden_size": 8,
    "num_hidden_layers": 4,
    "num_hidden_groups": 2,
    "inner_group_num": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}
THEIRS = [name for name in dir(transformers) if name.startswith("AlbertFor")] + ["AlbertModel"]
OURS = [name for name in albertlm.__all__ if name.startswith(("AlbertFor", "AlbertModel"))]

BACKBONE = {
    "embeddings.word_embeddings.weight": (20, 4),
    "encoder.albert_layer_groups.0.albert_layers.0.ffn.weight": (16, 8),
}
POOLER = {"pooler.weight": (8, 8), "pooler.bias": (8,)}
CLASSIFIER = {"classifier.weight": (2, 8), "classifier.bias": (2,)}


def layer_names(groups: int, inner: int) -> set[str]:
    """The table with its patterns filled in."""
    return {
        row.hub.format(group=group, inner=layer)
        for row in names.PARAMETERS
        for group in range(groups)
        for layer in range(inner)
    }


@pytest.mark.parametrize("name", THEIRS)
def test_every_tensor_of_transformers_is_in_the_table(name):
    model = getattr(transformers, name)(transformers.AlbertConfig(**SIZES))
    table = layer_names(groups=2, inner=2)
    for tensor in model.state_dict():
        assert names.table_name(tensor) in table, tensor


@pytest.mark.parametrize("name", OURS)
def test_every_parameter_of_our_models_is_in_the_table(name):
    model = getattr(albertlm, name)(albertlm.AlbertConfig(**SIZES))
    table = layer_names(groups=2, inner=2)
    for tensor, _ in model.named_parameters():
        assert names.table_name(tensor) in table, tensor


def test_every_row_of_the_table_is_a_parameter_of_some_model():
    config = albertlm.AlbertConfig(**SIZES)
    found = set()
    for name in OURS:
        found |= {
            names.table_name(tensor) for tensor in getattr(albertlm, name)(config).state_dict()
        }
    assert found == layer_names(groups=2, inner=2)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("albert.embeddings.LayerNorm.bias", "backbone"),
        ("encoder.albert_layer_groups.11.albert_layers.10.ffn.weight", "backbone"),
        ("albert.pooler.bias", "pooler"),
        ("predictions.bias", "mlm"),
        ("albert.predictions.bias", None),
        ("albert.albert.pooler.bias", None),
        ("encoder.albert_layer_groups.x.albert_layers.0.ffn.weight", None),
        ("encoder.albert_layer_groups.0.albert_layers.0.ffn.weights", None),
        ("bert.pooler.weight", None),
    ],
)
def test_the_part_of_a_name(name, part):
    assert names.part_of(name) == part


def test_prefix_buffers_and_second_names_vanish():
    weight, bias = np.ones((20, 4), np.float32), np.arange(20.0)
    tensors = {
        "albert.embeddings.word_embeddings.weight": weight,
        "albert.embeddings.position_ids": np.arange(512)[None],
        "predictions.decoder.weight": weight.copy(),
        "predictions.decoder.bias": bias,
        "sop_classifier.classifier.bias": np.zeros(2),
    }
    result = names.canonical(tensors)
    assert list(result) == [
        "embeddings.word_embeddings.weight",
        "predictions.bias",
        "sop_classifier.classifier.bias",
    ]
    assert result["predictions.bias"] is bias


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("predictions.bias", "predictions.decoder.bias"),
        ("albert.pooler.bias", "pooler.bias"),
        ("albert.embeddings.word_embeddings.weight", "predictions.decoder.weight"),
    ],
)
def test_two_names_with_two_values_are_refused(first, second):
    with pytest.raises(ValueError, match=f"differs from .*, to which ALBERT ties it: {second}"):
        names.canonical({first: np.zeros(3), second: np.ones(3)})


def test_a_match_accounts_for_everything():
    report = names.match(found=BACKBONE | POOLER, wanted=BACKBONE | CLASSIFIER)
    assert report.loaded == tuple(BACKBONE)
    assert report.new == ("classifier.bias", "classifier.weight")
    assert report.unused == ("pooler.bias", "pooler.weight")


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (BACKBONE | {"extra.weight": (1,)}, r"unknown tensors \(no head of .*\): extra.weight"),
        (
            BACKBONE | {"encoder.albert_layer_groups.1.albert_layers.0.ffn.weight": (16, 8)},
            r"tensors beyond the configuration \(correct its num_hidden_groups.*\): encoder.*s.1",
        ),
        ({}, r"missing tensors \(the file is incomplete.*\): embeddings.word.*, encoder.alb"),
        (BACKBONE | {"pooler.bias": (8,)}, r"missing tensors \(.*\): pooler.weight"),
        (
            BACKBONE | {"pooler.weight": (8, 9), "pooler.bias": (8,)},
            r"wrong shape \(.*\): pooler.weight \(8, 9\) where \(8, 8\) is configured",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(found, problem):
    with pytest.raises(ValueError, match=problem) as error:
        names.match(found, BACKBONE | POOLER)
    assert "\n" not in str(error.value)


def test_many_names_are_counted():
    found = BACKBONE | {f"extra.{i}": (1,) for i in range(10)}
    with pytest.raises(ValueError, match=r": extra.0, extra.1, extra.2 and 7 more$"):
        names.match(found, BACKBONE)
