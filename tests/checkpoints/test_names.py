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


def test_heads_of_other_shapes_do_not_fit():
    file = BACKBONE | POOLER | CLASSIFIER | {"qa_outputs.bias": (2,)}
    assert names.fitting(file, file) == file
    wanted = file | {"classifier.bias": (3,), "embeddings.word_embeddings.weight": (21, 4)}
    assert names.fitting(file, wanted) == BACKBONE | POOLER | {"qa_outputs.bias": (2,)}


def layer_names(groups: int, inner: int) -> set[str]:
    """The table with its patterns filled in."""
    return {
        row.hub.format(group=group, inner=layer)
        for row in names.PARAMETERS
        for group in range(groups)
        for layer in range(inner)
    }


PARTS = {row.part: None for row in names.PARAMETERS}
CHOICES = ("classifier.weight", "classifier.bias")
"""Of multiple choice, which has one label whatever the configuration says."""


@pytest.mark.parametrize(
    ("library", "name"),
    [*((transformers, name) for name in THEIRS), *((albertlm, name) for name in OURS)],
)
def test_every_tensor_of_every_model_has_its_shape_in_the_table(library, name):
    sizes = SIZES | {"num_labels": 3 if name.endswith("Classification") else 2}
    shapes = names.shapes(albertlm.AlbertConfig.from_dict(sizes), PARTS)
    model = getattr(library, name)(library.AlbertConfig(**sizes))
    for tensor, values in model.state_dict().items():
        ours = names.table_name(tensor)
        expected = shapes[ours]
        if name == "AlbertForMultipleChoice" and ours in CHOICES:
            expected = (1, *expected[1:])
        assert values.shape == expected, tensor


def test_every_row_of_the_table_is_a_parameter_of_some_model():
    config = albertlm.AlbertConfig.from_dict(SIZES)
    found = set()
    for name in OURS:
        found |= {
            names.table_name(tensor) for tensor in getattr(albertlm, name)(config).state_dict()
        }
    assert found == layer_names(groups=2, inner=2)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("albert.embeddings.LayerNorm.bias", "embeddings"),
        ("encoder.albert_layer_groups.11.albert_layers.10.ffn.weight", "layer"),
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
    tensors: dict[str, np.ndarray] = {
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
    ("old", "name"),
    [
        ("albert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight"),
        ("predictions.LayerNorm.beta", "predictions.LayerNorm.bias"),
        (
            "albert.encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm.beta",
            "encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm.bias",
        ),
    ],
)
def test_old_files_call_them_gamma_and_beta(old, name):
    assert list(names.canonical({old: np.zeros(3)})) == [name]


@pytest.mark.parametrize("name", ["position_ids", "token_type_ids"])
def test_constants_are_left_aside(name):
    tensors = {f"albert.embeddings.{name}": np.arange(3), "pooler.bias": np.zeros(2)}
    assert list(names.canonical(tensors)) == ["pooler.bias"]


@pytest.mark.parametrize("order", [1, -1])
def test_the_decoder_s_bias_is_preferred(order):
    """As in the hub's own files, where it is zeros and the other one was trained."""
    pair = {"predictions.bias": np.ones(3), "predictions.decoder.bias": np.zeros(3)}
    (name, bias), *others = names.canonical(dict(list(pair.items())[::order])).items()
    assert (name, others) == ("predictions.bias", [])
    assert bias is pair["predictions.decoder.bias"]


@pytest.mark.parametrize("order", [1, -1])
def test_word_embeddings_are_preferred_to_the_decoder_s_weight(order):
    pair = {
        "albert.embeddings.word_embeddings.weight": np.ones((3, 2)),
        "predictions.decoder.weight": np.zeros((3, 2)),
    }
    with pytest.warns(UserWarning, match=r"decoder.weight differs .* it is left aside"):
        result = names.canonical(dict(list(pair.items())[::order]))
    assert list(result) == ["embeddings.word_embeddings.weight"]
    assert result["embeddings.word_embeddings.weight"].all()


def test_one_parameter_with_two_values_is_refused():
    with pytest.raises(ValueError, match=r"differs from albert\.pooler\.bias, .*: pooler\.bias"):
        names.canonical({"albert.pooler.bias": np.zeros(3), "pooler.bias": np.ones(3)})


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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_tensors_that_are_not_finite_are_named(value):
    tensors: dict[str, np.ndarray] = {
        "pooler.weight": np.ones((2, 2)),
        "pooler.bias": np.full(2, np.float32(3e38)),
        "x": np.ones((0, 2)),
    }
    names.check_finite(tensors)
    tensors["pooler.weight"][1, 0] = value
    with pytest.raises(ValueError, match=r"^tensors with values that are not finite .*: pooler."):
        names.check_finite(tensors)
