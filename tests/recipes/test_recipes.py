"""Every recipe is built; the published ones against the paper's and the releases' numbers."""

import math

import pytest

from albertlm import costs
from albertlm.recipes import small
from albertlm.recipes.registry import RECIPES, find, paper_ablations, releases, small_ablations
from albertlm.training.config import Phase, PretrainingConfig

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
    "albert-xxlarge-v1-125k": (12, 4096, 64, 16384, 0.0, 0.125),
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_one(name: str) -> None:
    config = RECIPES[name](29_000)
    assert isinstance(config, PretrainingConfig)
    assert config.model.vocab_size == 29_000
    assert config.model.hidden_act == "gelu_new"
    assert find(name) is RECIPES[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published(name: str) -> None:
    config = RECIPES[name](30_000)
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


def test_the_released_names_are_all_there() -> None:
    as_run = {f"{name}-as-google-ran" for name in PUBLISHED if not name.endswith("125k")}
    assert releases().keys() == PUBLISHED.keys() | as_run


def test_as_google_ran() -> None:
    config = RECIPES["albert-large-v2-as-google-ran"](30_000)
    assert config.masking.max_predictions == 20
    plain = RECIPES["albert-large-v2"](30_000)
    assert config.model == plain.model
    assert config.phases == plain.phases


def test_xxlarge_begins_with_six_layers() -> None:
    for name in ("albert-xxlarge-v1", "albert-xxlarge-v2", "albert-xxlarge-v1-125k"):
        first, rest = RECIPES[name](30_000).phases
        assert (first.layers, rest.layers) == (6, None)
    first, rest = RECIPES["albert-xxlarge-v1"](30_000).phases
    assert (first.steps, rest.steps) == (125_000, 1_375_000)
    assert all(len(RECIPES[name](30_000).phases) == 1 for name in PUBLISHED if "xxl" not in name)


# the paper's tables 3 and 4: what layers share, embedding, millions of parameters
ROWS = {
    "albert-base-v1": ("all", 128, 12),
    "albert-base-v1-sharing-attention": ("attention", 128, 64),
    "albert-base-v1-sharing-ffn": ("ffn", 128, 38),
    "albert-base-v1-sharing-none": ("none", 128, 89),
    "albert-base-v1-embedding-64": ("all", 64, 10),
    "albert-base-v1-embedding-256": ("all", 256, 16),
    "albert-base-v1-embedding-768": ("all", 768, 31),
    "albert-base-v1-sharing-none-embedding-64": ("none", 64, 87),
    "albert-base-v1-sharing-none-embedding-256": ("none", 256, 93),
    "albert-base-v1-sharing-none-embedding-768": ("none", 768, 108),
    "albert-base-v1-embedding-768-sharing-attention": ("attention", 768, 83),
    "albert-base-v1-embedding-768-sharing-ffn": ("ffn", 768, 57),
}


@pytest.mark.parametrize("name", ROWS)
def test_ablations_of_sharing_and_of_the_embedding(name: str) -> None:
    shared, embedding, millions = ROWS[name]
    model = RECIPES[name](30_000).model
    parts = costs.parameters_by_part(model)
    backbone = sum(parts.values()) - parts["masked_token_head"] - parts["sentence_order_head"]
    if embedding == 768:
        backbone -= parts["projection"]  # Google has none there
    assert abs(backbone / 1e6 - millions) < 1.1
    assert model.embedding_size == embedding
    assert (model.num_hidden_groups == 1) == (shared == "all")
    assert model.shared_across_groups == (None if shared in ("all", "none") else shared)


def test_ablations_differ_from_their_base_in_one_respect() -> None:
    for name, base in (("albert-base-v1", paper_ablations()), ("small", small_ablations())):
        reference = RECIPES[name](30_000)
        sop = {each.removeprefix(f"{name}-"): make(30_000) for each, make in base.items()}
        assert [sop[f"objective-{each}"].objective for each in ("nsp", "none")] == ["nsp", "none"]
        assert [sop[f"ngram-{each}"].masking.max_ngram for each in (1, 0)] == [1, 0]
        for each, config in sop.items():
            if "dropout" not in each:
                assert config.phases == reference.phases
                assert config.learning_rate == reference.learning_rate
                changed = sum(
                    vars(config)[field] != vars(reference)[field] for field in vars(config)
                )
                assert changed == (each != name), each


def test_dropout() -> None:
    for name in ("albert-xxlarge-v1", "small"):
        base, dropped = RECIPES[name](30_000), RECIPES[f"{name}-dropout-0.1"](30_000)
        assert base.model.hidden_dropout_prob == base.model.attention_probs_dropout_prob == 0
        assert dropped.model.hidden_dropout_prob == 0.1
        assert dropped.model.attention_probs_dropout_prob == 0.1
        assert dropped.phases == base.phases


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


def test_the_night_is_one_at_the_measured_rates() -> None:
    seconds = (1.71, 8.18)  # a step of each phase, as the docstring says
    phases = small.cpu_overnight(8_000).phases
    hours = sum(phase.steps * each for phase, each in zip(phases, seconds, strict=True)) / 3600
    assert hours == pytest.approx(9.3, abs=0.05)


def test_the_rate_follows_the_root_of_the_batch() -> None:
    config = RECIPES["albert-base-v2"](30_000)
    full, quarter = (config.rate(3000, size) for size in (4096, 1024))
    assert full == pytest.approx(1.76e-3 * 3000 / 3125)
    assert quarter == pytest.approx(full / math.sqrt(4))


def test_an_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"unknown recipe 'albert-base-v3'; did you mean .*base-v"):
        find("albert-base-v3")
    with pytest.raises(ValueError, match=r"unknown recipe 'xyz'; `albertlm recipes` shows all"):
        find("xyz")
