"""The recipes for small budgets: how long they take, and what the ablations have in common."""

from dataclasses import replace

import pytest

from albertlm import AlbertConfig, costs, hub
from albertlm.recipes import small
from albertlm.recipes.ablations import Recipe
from albertlm.recipes.registry import small_ablations
from albertlm.training.run_config import Phase


def test_small_ablations_see_the_same_examples() -> None:
    runs = [make(30_000) for make in small_ablations().values()]
    assert len({(run.phases, run.seed, run.learning_rate) for run in runs}) == 1
    sizes = {run.model.embedding_size for run in runs}
    assert sizes == {16, 32, 64, 128}


def test_the_hour_on_a_gpu_is_one_at_the_stated_rate() -> None:
    config = small.gpu_hour(30_000)

    def operations(phase: Phase) -> float:
        hidden, inner, layers, length = 768, 3072, 12, phase.length
        layer = 2 * (4 * hidden * hidden + 2 * hidden * inner) + 4 * length * hidden
        head = 0.15 * 2 * 128 * (hidden + 30_000)
        return 3 * phase.steps * phase.batch_size * length * (layers * layer + head)

    seconds = sum(map(operations, config.phases)) / small.GPU_RATE
    assert seconds == pytest.approx(small.GPU_SECONDS, rel=0.02)
    assert small.GPU_SECONDS < 3600
    tokens = {phase.batch_size * phase.length for phase in config.phases}
    assert len(tokens) == 1


def test_the_ten_minutes_are_eight_of_training_at_the_measured_rates() -> None:
    config = small.gpu_ten_minutes(30_000)
    assert sum(costs.parameters_by_part(config.model).values()) == 7_484_082
    filled = {128: 0.83, 512: 0.86}  # the share of tokens that are not padding, in whole sentences
    rates = (2.40e6, 2.01e6, 1.34e6, 1.25e6)
    seconds = sum(
        filled[phase.length] * phase.steps * phase.batch_size * phase.length / rate
        for phase, rate in zip(config.phases, rates, strict=True)
    )
    assert seconds == pytest.approx(480, rel=0.1)
    rates_of_learning = {config.rate(config.warmup_steps, phase) for phase in config.phases}
    assert rates_of_learning == {config.learning_rate}


def test_the_next_ten_minutes_continue_the_first() -> None:
    first, longer = small.gpu_ten_minutes(30_000), small.gpu_ten_minutes_longer(30_000)
    assert longer.model == first.model
    assert longer.seed != first.seed
    assert longer.phases[-1].length == first.model.max_position_embeddings
    begins_with = longer.rate(longer.warmup_steps, longer.phases[0])
    assert first.rate(first.total_steps - 1, first.phases[-1]) < begins_with < first.learning_rate


def test_the_night_is_one_at_the_measured_rates() -> None:
    seconds = (1.71, 8.18)  # a step of each phase, as the docstring says
    phases = small.cpu_overnight(8_000).phases
    hours = sum(phase.steps * each for phase, each in zip(phases, seconds, strict=True)) / 3600
    assert hours == pytest.approx(9.3, abs=0.05)


def test_the_model_that_ships_is_that_of_a_recipe(shipped_config: AlbertConfig) -> None:
    recipe = small.gpu_ten_minutes(shipped_config.vocab_size)
    positions = shipped_config.max_position_embeddings
    assert shipped_config == replace(recipe.model, max_position_embeddings=positions)


def test_the_longer_run_continues_the_shorter_one() -> None:
    first, longer = small.shipped(30_000), small.shipped_longer(30_000)
    assert longer.model == first.model
    assert longer.phases[0].length == first.phases[-1].length


@pytest.fixture
def shipped_config() -> AlbertConfig:
    return AlbertConfig.from_pretrained(hub.SHIPPED)


@pytest.mark.parametrize("make", [small.shipped, small.cpu_overnight])
def test_a_shallow_start_is_of_half_the_layers_and_length(make: Recipe) -> None:
    first, last = make(8000).phases
    model = make(8000).model
    assert (first.layers, last.layers) == (model.num_hidden_layers // 2, None)
    assert 2 * first.length == last.length == model.max_position_embeddings


def test_smoke_is_done_in_seconds() -> None:
    config = small.smoke(90)
    (phase,) = config.phases
    tokens = phase.steps * phase.batch_size * phase.length
    assert 3 * tokens * costs.flops_per_token(config.model, phase.length) < 1e9
