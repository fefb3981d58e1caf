"""Pretraining recipes: every hyperparameter of a run, in one place."""

from __future__ import annotations

from collections.abc import Callable

from albertlm.config import AlbertConfig
from albertlm.pretraining.masking import MaskingConfig
from albertlm.training.config import Phase, PretrainingConfig


def shipped(vocab_size: int) -> PretrainingConfig:
    """The small model that ships: about an hour on two cores.

    The v2 recipe (no dropout, n-gram masks, sentence order, LAMB, Google's schedule) with short
    sequences and half the layer applications first. It has 128 positions: the last tenth of the
    hour is too little to learn 512, and then accuracy falls on texts of every length.
    """
    model = AlbertConfig(
        vocab_size=vocab_size,
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=1024,
        max_position_embeddings=128,
    )
    return PretrainingConfig(
        model=model,
        phases=(
            Phase(steps=4200, batch_size=64, length=64, layers=3),
            Phase(steps=1700, batch_size=64, length=128),
        ),
        learning_rate=8e-3,
        learning_rate_batch=64,
        warmup_steps=200,
        short_probability=0.0,
    )


def smoke(vocab_size: int) -> PretrainingConfig:
    """A tiny model in a few seconds, to see that all is in place."""
    model = AlbertConfig(
        vocab_size=vocab_size,
        embedding_size=16,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    return PretrainingConfig(
        model=model,
        phases=(Phase(steps=20, batch_size=8, length=32),),
        learning_rate=5e-3,
        learning_rate_batch=8,
        warmup_steps=5,
        masking=MaskingConfig(max_ngram=3),
    )


RECIPES: dict[str, Callable[[int], PretrainingConfig]] = {"shipped": shipped, "smoke": smoke}
"""By name, functions of the vocabulary's size."""
