"""The paper's ablations, as recipes that differ from a base recipe in one respect.

Each function takes a base recipe and returns others, named by what differs and its value. The base
itself is not among them. For more text (table 7), train the base recipe on other tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from albertlm.data.segments import Objective
from albertlm.training.run_config import PretrainingConfig

Recipe = Callable[[int], PretrainingConfig]
"""A function from the size of the vocabulary to a configuration."""

Family = dict[str, Recipe]


def sharing(base: Recipe, values: Sequence[str] = ("attention", "ffn", "none")) -> Family:
    """Recipes that differ in what the layers share (table 4)."""
    return _family("sharing", base, values, _with_sharing)


def embedding(base: Recipe, values: Sequence[int] = (64, 256, 768)) -> Family:
    """Recipes that differ in the size of the embeddings (table 3)."""
    return _family("embedding", base, values, _with_embedding)


def objective(base: Recipe, values: Sequence[str] = ("nsp", "none")) -> Family:
    """Recipes that differ in the objective for pairs of segments (table 5)."""
    return _family("objective", base, values, _with_objective)


def dropout(base: Recipe, values: Sequence[float]) -> Family:
    """Recipes that differ in dropout within the layers (table 8)."""
    return _family("dropout", base, values, _with_dropout)


def masks(base: Recipe, values: Sequence[int] = (1, 0)) -> Family:
    """Recipes that differ in the longest masked n-gram; 1 masks words, and 0 single tokens."""
    return _family("ngram", base, values, _with_ngram)


def named(prefix: str, *families: Family) -> Family:
    """The union of several families, with a prefix for all names."""
    return {f"{prefix}-{name}": each[name] for each in families for name in each}


def _family(
    what: str,
    base: Recipe,
    values: Sequence[Any],
    change: Callable[[PretrainingConfig, Any], PretrainingConfig],
) -> Family:
    def changed(value: Any) -> Recipe:
        return lambda vocab_size: change(base(vocab_size), value)

    return {f"{what}-{value}": changed(value) for value in values}


def _with_sharing(config: PretrainingConfig, shared: str) -> PretrainingConfig:
    return replace(config, model=config.model.with_sharing(shared))


def _with_embedding(config: PretrainingConfig, size: int) -> PretrainingConfig:
    return replace(config, model=replace(config.model, embedding_size=size))


def _with_objective(config: PretrainingConfig, objective: Objective) -> PretrainingConfig:
    return replace(config, objective=objective)


def _with_dropout(config: PretrainingConfig, probability: float) -> PretrainingConfig:
    model = replace(
        config.model,
        hidden_dropout_prob=probability,
        attention_probs_dropout_prob=probability,
    )
    return replace(config, model=model)


def _with_ngram(config: PretrainingConfig, words: int) -> PretrainingConfig:
    return replace(config, masking=replace(config.masking, max_ngram=words))
