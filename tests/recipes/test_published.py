"""The released models' recipes against the paper's and the releases' numbers."""

import math
from dataclasses import replace
from typing import Any

import pytest
import transformers

from albertlm.recipes.published import SIZES, VERSIONS, as_google_ran, published
from albertlm.training.run_config import PretrainingConfig

#  name: layers, hidden size, heads, feed-forward size, dropout, millions of steps
PUBLISHED = {
    "albert-base-v1": (12, 768, 12, 3072, 0.1, 0.125),
    "albert-large-v1": (24, 1024, 16, 4096, 0.1, 0.125),
    "albert-xlarge-v1": (24, 2048, 16, 8192, 0.1, 0.125),
    "albert-xxlarge-v1": (12, 4096, 64, 16384, 0.0, 1.5),
    "albert-base-v2": (12, 768, 12, 3072, 0.0, 10),
    "albert-large-v2": (24, 1024, 16, 4096, 0.0, 3),
    "albert-xlarge-v2": (24, 2048, 16, 8192, 0.0, 3),
    "albert-xxlarge-v2": (12, 4096, 64, 16384, 0.0, 3),
}


def recipe(name: str) -> PretrainingConfig:
    _, size, version = name.split("-")
    return published(30_000, size=size, version=version)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published(name: str) -> None:
    config = recipe(name)
    layers, hidden, heads, inner, dropout, steps = PUBLISHED[name]
    model = config.model
    assert (model.num_hidden_layers, model.hidden_size) == (layers, hidden)
    assert (model.num_attention_heads, model.intermediate_size) == (heads, inner)
    assert model.hidden_dropout_prob == model.attention_probs_dropout_prob == dropout
    assert (model.embedding_size, model.num_hidden_groups, model.inner_group_num) == (128, 1, 1)
    assert (model.max_position_embeddings, model.type_vocab_size) == (512, 2)
    assert (model.initializer_range, model.layer_norm_eps) == (0.02, 1e-12)
    assert config.total_steps == steps * 1e6
    assert {(phase.batch_size, phase.length) for phase in config.phases} == {(4096, 512)}
    assert (config.learning_rate, config.learning_rate_batch) == (1.76e-3, 4096)
    assert (config.warmup_steps, config.schedule) == (3125, "google")
    assert (config.weight_decay, config.max_grad_norm) == (0.01, 1.0)
    assert (config.objective, config.short_probability, config.source) == ("sop", 0.1, None)
    masking = config.masking
    assert (masking.probability, masking.max_predictions, masking.max_ngram) == (0.15, None, 3)
    assert (masking.mask_share, masking.random_share) == (0.8, 0.1)


def test_every_size_and_version_has_its_numbers() -> None:
    assert {f"albert-{size}-{version}" for size in SIZES for version in VERSIONS} == set(PUBLISHED)


def test_the_default_model_of_transformers_is_xxlarge_v2() -> None:
    theirs = transformers.AlbertConfig()
    for field, value in recipe("albert-xxlarge-v2").model.to_dict().items():
        assert getattr(theirs, field) == value, field


@pytest.mark.parametrize("name", PUBLISHED)
def test_as_google_ran_has_20_predictions_and_else_the_same(name: str) -> None:
    plain = recipe(name)
    config = as_google_ran(plain)
    assert config.masking.max_predictions == 20
    assert replace(config, masking=plain.masking) == plain


def test_xxlarge_begins_with_six_layers_for_a_twelfth_of_its_steps() -> None:
    for version, steps in (("v1", None), ("v2", None), ("v1", 125_000)):
        config = published(30_000, size="xxlarge", version=version, steps=steps)
        first, rest = config.phases
        assert (first.layers, rest.layers) == (6, None)
        assert first.steps == config.total_steps // 12
        assert config.total_steps == steps or steps is None
    first, rest = recipe("albert-xxlarge-v1").phases
    assert (first.steps, rest.steps) == (125_000, 1_375_000)
    assert all(len(recipe(name).phases) == 1 for name in PUBLISHED if "xxl" not in name)


def test_the_rate_follows_the_root_of_the_batch() -> None:
    config = recipe("albert-base-v2")
    full, quarter = (
        config.rate(3000, replace(config.phases[0], batch_size=size)) for size in (4096, 1024)
    )
    assert full == pytest.approx(1.76e-3 * 3000 / 3125)
    assert quarter == pytest.approx(full / math.sqrt(4))


@pytest.mark.parametrize(
    ("size", "version", "said"),
    [("huge", "v1", "huge"), ("base", "v3", "v3")],
)
def test_what_was_never_released_is_refused(size: str, version: str, said: str) -> None:
    with pytest.raises((KeyError, ValueError), match=said):
        published(30_000, size=size, version=version)


@pytest.mark.parametrize(
    ("size", "version", "message"),
    [
        (
            "huge",
            "v2",
            "size='huge' is not allowed; it must be one of base, large, xlarge, xxlarge",
        ),
        ("large", "v3", "version='v3' is not allowed; it must be one of v1, v2"),
        (7, "v1", "size=7 is not allowed; it must be one of base"),
    ],
)
def test_other_models_are_refused(size: Any, version: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        published(30_000, size=size, version=version)
