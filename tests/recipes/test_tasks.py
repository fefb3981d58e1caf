"""Recipes for fine-tuning: the paper's table, small models, and what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from albertlm import AlbertConfig, settings
from albertlm.recipes.tasks import (
    PUBLISHED,
    FinetuningRecipe,
    find_finetuning_recipe,
    is_small,
    is_version_2,
)
from albertlm.tasks.catalogue import TASKS
from albertlm.training.finetuning_config import FinetuningConfig

V1, V2 = (AlbertConfig.preset(f"albert-base-{version}") for version in ("v1", "v2"))
SMALL = AlbertConfig(
    vocab_size=30000, hidden_size=256, num_attention_heads=4, intermediate_size=1024,
    num_hidden_layers=6, max_position_embeddings=128,
)  # fmt: skip


def config_of(name: str, recipe: FinetuningRecipe, model: AlbertConfig = V2) -> FinetuningConfig:
    task = TASKS[name]
    labels = task.labels or ()
    if task.head != "sequence-classification":
        labels = ()
    return recipe.config(task, model, labels=labels, examples=1000, source="x")


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("model", [V1, V2, SMALL], ids=["v1", "v2", "small"])
def test_every_task_has_a_recipe_for_every_size(name: str, model: AlbertConfig) -> None:
    config = config_of(name, find_finetuning_recipe(TASKS[name], model), model)
    assert config.metric == TASKS[name].main_metric
    assert config.source == "x"
    assert config.rate(config.warmup_steps, config.phases[0]) <= config.learning_rate
    assert config.conditional == (name == "squad2")
    assert config.model.problem_type == TASKS[name].problem
    if model is SMALL:
        assert 1e-4 <= config.learning_rate <= 5e-4
        assert config.length == 128


def test_rows_of_the_table() -> None:
    config = config_of("rte", find_finetuning_recipe(TASKS["rte"], V1))
    assert (config.learning_rate, config.batch_size, config.total_steps) == (3e-5, 32, 800)
    assert (config.warmup_steps, config.length, config.schedule) == (200, 512, "google")
    assert config.model.hidden_dropout_prob == config.model.attention_probs_dropout_prob == 0.1
    assert config.model.classifier_dropout_prob == 0.1
    assert config.model.label_names == ("entailment", "not_entailment")
    assert PUBLISHED["rte"].starts_from == "mnli"
    assert config_of("stsb", PUBLISHED["stsb"]).model.num_labels == 1


def test_race_differs_between_the_versions() -> None:
    assert (is_version_2(V1), is_version_2(V2)) == (False, True)
    first, second = (find_finetuning_recipe(TASKS["race"], model) for model in (V1, V2))
    assert (first.learning_rate, first.dropout) == (2e-5, 0.1)
    assert (second.learning_rate, second.dropout) == (1e-5, 0.0)


def test_as_run_has_no_bias_correction() -> None:
    recipe = find_finetuning_recipe(TASKS["cola"], V2, "as-run")
    assert recipe == replace(PUBLISHED["cola"], optimizer="adamw-uncorrected")
    assert not find_finetuning_recipe(TASKS["race"], V2, "as-run").equal_contexts
    with pytest.raises(ValueError, match="task='hans' is not allowed"):
        find_finetuning_recipe(TASKS["hans"], V2, "as-run")


def test_all_published_models_are_large() -> None:
    sizes = ("base", "large", "xlarge", "xxlarge")
    assert not any(is_small(AlbertConfig.preset(f"albert-{size}-v1")) for size in sizes)
    assert is_small(SMALL)
    assert is_small(replace(V2, max_position_embeddings=128))
    assert find_finetuning_recipe(TASKS["hans"], V2).epochs == 3


def test_whole_epochs_and_weights_of_classes() -> None:
    recipe = FinetuningRecipe(learning_rate=1e-4, batch_size=16, epochs=2.5, balanced=True)
    labels = ("negative", "positive")
    config = recipe.config(TASKS["sst2"], SMALL, labels=labels, counts=(30, 10), examples=40)
    assert config.total_steps == round(2.5 * 3)
    assert config.class_weights == pytest.approx((40 / 60, 2.0))
    assert sum(w * n for w, n in zip(config.class_weights or (), (30, 10), strict=True)) == 40
    assert config.look_every == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("warmup=1", "warmup=1.0 is not allowed"),
        ("epochs=0", "epochs=0.0 is not allowed"),
        ("steps=0", "steps=0 is not allowed"),
        ("rate=1", "has no 'rate'"),
        ("balanced=true", "balanced=True is not allowed; it must be false unless all classes"),
        ("metric=f1", "metric='f1' is not allowed; it must be one of accuracy"),
    ],
)
def test_what_does_not_fit(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config_of("sst2", settings.override(PUBLISHED["sst2"], [change]))
