"""Recipes for what is at hand: two minutes, a night on a processor, an hour on a GPU."""

from __future__ import annotations

from dataclasses import replace

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


def shipped_longer(vocab_size: int) -> PretrainingConfig:
    """The model that ships, trained on from where `shipped` ends: fifty minutes on one core."""
    first = shipped(vocab_size)
    return replace(
        first,
        phases=(Phase(steps=1500, batch_size=64, length=128),),
        learning_rate=4e-3,
        warmup_steps=100,
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


def small(vocab_size: int) -> PretrainingConfig:
    """What the ablations at small scale begin with: two to three minutes on one core.

    Without dropout. All ablations have as many steps of as many examples. With 2,000 pieces they
    learn what follows what; with 8,000 or more it takes longer to learn more than how frequent each
    is. On one core with AVX-512, in float32 and with 2,000 pieces, a step took 0.15 s.
    """
    model = AlbertConfig(
        vocab_size=vocab_size,
        embedding_size=64,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=64,
    )
    return PretrainingConfig(
        model=model,
        phases=(Phase(steps=1000, batch_size=32, length=64),),
        learning_rate=8e-3,
        learning_rate_batch=32,
        warmup_steps=100,
        short_probability=0.0,
    )


def cpu_overnight(vocab_size: int) -> PretrainingConfig:
    """A night of ten hours on two cores, less on more.

    A larger `shipped`, from half the depth and length too. On two cores with AVX2, in float32 and
    with 8,000 pieces, a step of the first phase took 1.71 s and one of the second 8.18 s, which
    makes 9.3 hours; 30,000 pieces take a few hundredths more. Nobody has trained it to its end.
    """
    model = AlbertConfig(
        vocab_size=vocab_size,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=6,
        intermediate_size=1536,
        max_position_embeddings=128,
    )
    return PretrainingConfig(
        model=model,
        phases=(
            Phase(steps=9500, batch_size=128, length=64, layers=3),
            Phase(steps=2100, batch_size=128, length=128),
        ),
        learning_rate=8e-3,
        learning_rate_batch=64,
        warmup_steps=500,
        short_probability=0.0,
    )


GPU_RATE = 200e12
"""Floating-point operations a second that `gpu_hour` counts on: assumed. One H200 did 430e12 with
albert-large's 1,024 hidden units (docs/results.md, `gpu_step`), and does fewer with narrower ones.
"""

GPU_SECONDS = 3200
"""Of the hour, for steps; the rest is for the start, compilation, validation and checkpoints."""


def gpu_hour(vocab_size: int) -> PretrainingConfig:
    """The architecture of albert-base-v2 in an hour on one H100 or H200.

    The steps are as many as fit into `GPU_SECONDS` at `GPU_RATE`. A tenth of them reads 512 tokens,
    the others 128; all read as many tokens. A step needs micro-batches: `--micro-batch 256`.
    """
    return PretrainingConfig(
        model=AlbertConfig.preset("albert-base-v2", vocab_size=vocab_size),
        phases=(
            Phase(steps=4100, batch_size=2048, length=128),
            Phase(steps=450, batch_size=512, length=512),
        ),
        learning_rate=1.76e-3,
        learning_rate_batch=4096,
        warmup_steps=300,
    )
