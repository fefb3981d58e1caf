"""The eight released models as they were pretrained (paper section 4; google-research/albert)."""

from __future__ import annotations

from dataclasses import replace

from albertlm.config import AlbertConfig
from albertlm.settings import check_choice
from albertlm.training.run_config import Phase, PretrainingConfig

SIZES = ("base", "large", "xlarge", "xxlarge")
VERSIONS = ("v1", "v2")

STEPS = {
    "v1": {"base": 125_000, "large": 125_000, "xlarge": 125_000, "xxlarge": 1_500_000},
    "v2": {"base": 10_000_000, "large": 3_000_000, "xlarge": 3_000_000, "xxlarge": 3_000_000},
}

SHALLOW_LAYERS = 6
SHALLOW_SHARE = 12
"""xxlarge starts with half of its layers (appendix A.1), here for a twelfth of the steps. The
number is not published; a twelfth of the released 1.5 million steps is 125,000, the length of the
paper's other runs.
"""

PREDICTIONS_AS_RUN = 20
"""`max_predictions_per_seq` in the runs of the released code, at 512 tokens."""


def published(
    vocab_size: int, *, size: str, version: str, steps: int | None = None
) -> PretrainingConfig:
    """A released model: batches of 4,096 texts of 512 tokens, LAMB at 1.76e-3, 3,125 warmup steps.

    Version 1 has dropout, except for xxlarge; version 2 has no dropout and more steps. Version 2,
    and xxlarge of version 1, were trained on more text than Wikipedia and books, which is not a
    part of the recipe. The activation is the one that Google trained with.

    Args:
        vocab_size: the size of the vocabulary.
        size: one of `SIZES`.
        version: one of `VERSIONS`.
        steps: the number of steps; that of the release by default.

    Raises:
        ValueError: there is no model of this size and version.
    """
    check_choice(SIZES, size=size)
    check_choice(VERSIONS, version=version)
    steps = steps or STEPS[version][size]
    model = AlbertConfig.preset(
        f"albert-{size}-{version}", vocab_size=vocab_size, hidden_act="gelu_new"
    )
    shallow = steps // SHALLOW_SHARE if size == "xxlarge" else 0
    phases = [Phase(steps=steps - shallow, batch_size=4096, length=512)]
    if shallow:
        first = Phase(steps=shallow, batch_size=4096, length=512, layers=SHALLOW_LAYERS)
        phases.insert(0, first)
    return PretrainingConfig(
        model=model,
        phases=tuple(phases),
        short_probability=0.1,
        learning_rate=1.76e-3,
        learning_rate_batch=4096,
        warmup_steps=3125,
    )


def as_google_ran(config: PretrainingConfig) -> PretrainingConfig:
    """The recipe with 20 predictions per text, about 4 % of 512 tokens; the card says 15 %."""
    masking = replace(config.masking, max_predictions=PREDICTIONS_AS_RUN)
    return replace(config, masking=masking)
