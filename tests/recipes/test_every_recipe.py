"""What holds of every recipe."""

import pytest

from albertlm.recipes.registry import RECIPES
from albertlm.settings import from_json, to_json
from albertlm.training.run_config import PretrainingConfig


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_one(name: str) -> None:
    config = RECIPES[name](29_000)
    assert isinstance(config, PretrainingConfig)
    assert config.model.vocab_size == 29_000
    assert config.model.hidden_act == "gelu_new"


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_comes_back_from_json(name: str) -> None:
    config = RECIPES[name](29_000)
    assert from_json(PretrainingConfig, to_json(config)) == config


@pytest.mark.parametrize("name", RECIPES)
def test_texts_fit_the_model_and_the_warmup_the_run(name: str) -> None:
    config = RECIPES[name](29_000)
    assert all(phase.length <= config.model.max_position_embeddings for phase in config.phases)
    assert config.warmup_steps < config.total_steps
    depth = config.model.num_hidden_layers * config.model.inner_group_num
    assert all(phase.layers is None or phase.layers <= depth for phase in config.phases)


@pytest.mark.parametrize("name", RECIPES)
def test_a_vocabulary_of_no_pieces_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="vocab_size=0 is not allowed"):
        RECIPES[name](0)
