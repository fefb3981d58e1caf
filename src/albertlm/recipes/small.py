"""Recipes for small budgets: a few minutes, a night on a CPU, ten minutes or an hour on a GPU."""

from __future__ import annotations

from dataclasses import replace

from albertlm.config import AlbertConfig
from albertlm.data.masking import MaskingConfig
from albertlm.training.judgement import PlateauRule, SpikeRule
from albertlm.training.run_config import Phase, PretrainingConfig


def shipped(vocab_size: int) -> PretrainingConfig:
    """The model that ships with the package: about an hour on two cores.

    The v2 recipe (no dropout, n-gram masks, sentence order, LAMB, Google's schedule), at first with
    short sequences and half of the layer applications. It has 128 positions: the last tenth of the
    hour is not enough to learn 512, and accuracy then falls on texts of every length. The second
    phase has the learning rate and the epochs of the rules by which the model was trained.
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
        rate_by="examples",
        epochs_continue=False,
        short_probability=0.0,
    )


def shipped_longer(vocab_size: int) -> PretrainingConfig:
    """Further training of the model that `shipped` results in: fifty minutes on one core."""
    first = shipped(vocab_size)
    return replace(
        first,
        phases=(Phase(steps=1500, batch_size=64, length=128),),
        learning_rate=4e-3,
        warmup_steps=100,
    )


def smoke(vocab_size: int) -> PretrainingConfig:
    """A tiny model in a few seconds, to test an installation."""
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
    """The base of the ablations at a small scale: eleven minutes on one core.

    It has no dropout, and all its ablations have the same number of steps and examples. With 2,000
    pieces, the models learn more than the frequency of each piece; with 8,000 or more, with batches
    of half the size or with AdamW at 3e-3, that takes longer. On one core with AVX-512, in float32
    and with 2,000 pieces, a step took 0.25 s.
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
        phases=(Phase(steps=2600, batch_size=64, length=64),),
        learning_rate=8e-3,
        learning_rate_batch=64,
        warmup_steps=100,
        schedule="linear",
        short_probability=0.0,
    )


def cpu_overnight(vocab_size: int) -> PretrainingConfig:
    """A larger `shipped` for a night: ten hours on two cores, fewer on more cores.

    It also starts with half of the depth and length. On two cores with AVX2, in float32 and with
    8,000 pieces, a step took 1.71 s in the first phase and 8.18 s in the second, 9.3 hours in all;
    30,000 pieces take a few per cent longer. It has never been trained to the end.
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


SINGLE = MaskingConfig(max_ngram=0, mask_share=1.0, random_share=0.0)
"""15 % of single tokens, all replaced by [MASK], as in the evaluation."""

DENSE = replace(SINGLE, probability=0.3)


def gpu_ten_minutes(vocab_size: int) -> PretrainingConfig:
    """Twelve applications of one layer of 512 in ten minutes of one H100 or H200.

    Use `--budget 8m --workers 1 --bf16-residual`: the rest of the ten minutes is for start,
    compilation and export. With half of the applications, a token costs half as much, so the first
    phases have them. The second one trains the last positions while the rate is high. With half as
    many tokens in a step, the GPU would wait for its host. On an H200, the phases were trained at
    2.40, 2.01, 1.34 and 1.25 million tokens per second. docs/decisions.md says why the recipe is as
    it is.
    """
    model = AlbertConfig(
        vocab_size=vocab_size,
        hidden_size=512,
        num_hidden_layers=12,
        num_attention_heads=8,
        intermediate_size=2048,
        max_position_embeddings=512,
    )
    return PretrainingConfig(
        model=model,
        phases=(
            Phase(steps=1850, batch_size=1024, length=128, layers=6, masking=DENSE),
            Phase(steps=290, batch_size=256, length=512, layers=6, masking=DENSE),
            Phase(steps=2650, batch_size=1024, length=128, masking=DENSE),
            Phase(steps=1350, batch_size=256, length=512),
        ),
        learning_rate=2e-3,
        learning_rate_batch=1024,
        warmup_steps=200,
        schedule="linear",
        average=0.998,
        spikes=SpikeRule(window=200),
        plateaus=(PlateauRule(step=1500, loss=6.6),),
        masking=SINGLE,
        short_probability=0.0,
    )


def gpu_ten_minutes_longer(vocab_size: int) -> PretrainingConfig:
    """Ten more minutes for the model that `gpu_ten_minutes` results in; use `--from`.

    The first phase trains the positions that the source does not have, while the rate is highest.
    Optimizer and rate are the best of five that were tried (docs/decisions.md). The moments are
    new, so there is a short warmup. Another seed draws other masks and orders. On an H100, the
    phases were trained at 1.09, 1.21 and 1.15 million tokens per second.
    """
    first = gpu_ten_minutes(vocab_size)
    short, long = first.phases[2:]
    return replace(
        first,
        phases=(
            replace(long, steps=700, masking=DENSE),
            replace(short, steps=2800),
            replace(long, steps=1700),
        ),
        optimizer="adamw",
        learning_rate=1.5e-3,
        learning_rate_batch=long.batch_size,
        warmup_steps=150,
        plateaus=(),
        seed=1,
    )


GPU_RATE = 200e12
"""Floating-point operations per second that `gpu_hour` assumes. One H200 reached 430e12 with the
1,024 hidden units of albert-large (docs/results.md, `gpu_step`); narrower models reach less.
"""

GPU_SECONDS = 3200
"""The part of the hour for steps; the rest is for start, compilation, validation, checkpoints."""


def gpu_hour(vocab_size: int) -> PretrainingConfig:
    """The architecture of albert-base-v2 in an hour on one H100 or H200.

    As many steps as fit into `GPU_SECONDS` at `GPU_RATE`. A tenth of them has texts of 512 tokens,
    the others of 128, with the same number of tokens in each. Use `--micro-batch 256`.
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
