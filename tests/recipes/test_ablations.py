"""Ablations against the paper's tables, and in what they differ from their base."""

from dataclasses import replace

import pytest

from albertlm import costs
from albertlm.recipes import ablations
from albertlm.recipes.registry import RECIPES, paper_ablations, small_ablations
from albertlm.recipes.small import small

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


def test_a_family_is_named_by_what_differs_and_its_values() -> None:
    families = {
        "sharing": ablations.sharing(small, ("ffn",)),
        "embedding": ablations.embedding(small, (16, 32)),
        "objective": ablations.objective(small),
        "ngram": ablations.masks(small),
        "dropout": ablations.dropout(small, (0.1, 0.25)),
    }
    assert {what: list(family) for what, family in families.items()} == {
        "sharing": ["sharing-ffn"],
        "embedding": ["embedding-16", "embedding-32"],
        "objective": ["objective-nsp", "objective-none"],
        "ngram": ["ngram-1", "ngram-0"],
        "dropout": ["dropout-0.1", "dropout-0.25"],
    }
    together = ablations.named("x", *families.values())
    assert len(together) == sum(map(len, families.values()))
    assert together["x-embedding-32"] is families["embedding"]["embedding-32"]


def test_each_recipe_has_its_own_value() -> None:
    """And not the last one's, as functions made in a loop would."""
    sizes = ablations.embedding(small, (16, 32, 48))
    assert [make(500).model.embedding_size for make in sizes.values()] == [16, 32, 48]
    assert all(replace(make(500), model=small(500).model) == small(500) for make in sizes.values())


def test_a_value_that_is_not_allowed_is_refused_when_it_is_used() -> None:
    for family in (ablations.sharing(small, ("half",)), ablations.dropout(small, (1.5,))):
        (make,) = family.values()
        with pytest.raises(ValueError, match="is not allowed"):
            make(500)
