"""The eight released models as they were pretrained (paper section 4; google-research/albert)."""

from __future__ import annotations

from dataclasses import replace

from albertlm.config import AlbertConfig
from albertlm.training.config import Phase, PretrainingConfig

SIZES = ("base", "large", "xlarge", "xxlarge")
VERSIONS = ("v1", "v2")

STEPS = {
    "v1": {"base": 125_000, "large": 125_000, "xlarge": 125_000, "xxlarge": 1_500_000},
    "v2": {"base": 10_000_000, "large": 3_000_000, "xlarge": 3_000_000, "xxlarge": 3_000_000},
}

SHALLOW_LAYERS = 6
SHALLOW_SHARE = 12
"""xxlarge begins with half of its layers (appendix A.1). For how long is not published: here for
a twelfth of the steps, which of the released 1.5 million are 125,000, the length of other runs.
"""

PREDICTIONS_AS_RUN = 20
"""`max_predictions_per_seq` of the released code's runs, at 512 tokens."""


def published(
    vocab_size: int, *, size: str, version: str, steps: int | None = None
) -> PretrainingConfig:
    """A released model: batches of 4,096 texts of 512 tokens, LAMB at 1.76e-3, 3,125 warmup steps.

    Version 1 has dropout, but for xxlarge; version 2 has none and more steps. The releases of
    version 2, and xxlarge of version 1, saw more text than Wikipedia and books: that is a matter
    of the tokens. The activation is the one that Google trained with.

    Args:
        vocab_size: of the tokens.
        size: one of `SIZES`.
        version: one of `VERSIONS`.
        steps: other than the release's.
    """
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
    """With 20 predictions a text, about 4 % of 512 tokens, where the card says 15 %."""
    masking = replace(config.masking, max_predictions=PREDICTIONS_AS_RUN)
    return replace(config, masking=masking)
