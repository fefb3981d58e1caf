"""All recipes by name."""

from __future__ import annotations

from functools import partial

from albertlm.recipes import small
from albertlm.recipes.ablations import (
    Family,
    Recipe,
    dropout,
    embedding,
    masks,
    named,
    objective,
    sharing,
)
from albertlm.recipes.published import SIZES, VERSIONS, as_google_ran, published
from albertlm.settings import did_you_mean
from albertlm.training.run_config import PretrainingConfig


def find_recipe(name: str) -> Recipe:
    """The recipe with a name.

    Raises:
        ValueError: there is no such recipe; the message suggests similar names.
    """
    if name not in RECIPES:
        hint = did_you_mean(name, RECIPES, count=3) or ";"
        raise ValueError(f"unknown recipe {name!r}{hint} `albertlm recipes` lists all")
    return RECIPES[name]


def small_ablations() -> Family:
    """The paper's ablations at a small scale, with equal numbers of steps and examples."""
    return {
        "small": small.small,
        **named(
            "small",
            sharing(small.small),
            embedding(small.small, (16, 32, 128)),
            objective(small.small),
            masks(small.small),
            dropout(small.small, (0.1,)),
        ),
    }


def paper_ablations() -> Family:
    """The rows of the paper's tables 3, 4 and 5, lengths of masks, and dropout (table 8).

    All except the last are for base, with 125,000 steps.
    """
    name, base = "albert-base-v1", _released("base", "v1")
    unshared, widest = f"{name}-sharing-none", f"{name}-embedding-768"
    rows = named(name, sharing(base), embedding(base), objective(base), masks(base))
    return {
        **rows,
        **named(unshared, embedding(rows[unshared])),
        **named(widest, sharing(rows[widest], ("attention", "ffn"))),
        **named("albert-xxlarge-v1", dropout(_released("xxlarge", "v1"), (0.1,))),
    }


def releases() -> Family:
    """The eight released models, each also with the number of predictions in Google's runs.

    `albert-xxlarge-v1-125k` is the shorter run of the paper's table 2.
    """
    recipes = {
        f"albert-{size}-{version}": _released(size, version)
        for version in VERSIONS
        for size in SIZES
    }
    as_run = {f"{name}-as-google-ran": _as_google_ran(each) for name, each in recipes.items()}
    return {**recipes, "albert-xxlarge-v1-125k": _released("xxlarge", "v1", 125_000), **as_run}


def _released(size: str, version: str, steps: int | None = None) -> Recipe:
    return partial(published, size=size, version=version, steps=steps)


def _as_google_ran(base: Recipe) -> Recipe:
    def recipe(vocab_size: int) -> PretrainingConfig:
        return as_google_ran(base(vocab_size))

    return recipe


RECIPES: Family = {
    "smoke": small.smoke,
    "shipped": small.shipped,
    "shipped-longer": small.shipped_longer,
    "cpu-overnight": small.cpu_overnight,
    "gpu-ten-minutes": small.gpu_ten_minutes,
    "gpu-ten-minutes-longer": small.gpu_ten_minutes_longer,
    "gpu-hour": small.gpu_hour,
    **releases(),
    **paper_ablations(),
    **small_ablations(),
}
"""All recipes by name."""
