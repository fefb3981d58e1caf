"""What a pipeline asks of a model: token ids in, arrays out, whatever computes them.

T tokens of a text, P masks of a text, B texts, D hidden, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from albertlm.checkpoints import names
from albertlm.config import AlbertConfig

Floats = npt.NDArray[np.float32]


class TokenizedText(NamedTuple):
    """One text, or a pair of them, with its special tokens and without padding."""

    input_ids: list[int]
    token_type_ids: list[int]


class Engine(Protocol):
    """A loaded model. A text's result does not depend on the texts beside it."""

    @property
    def config(self) -> AlbertConfig:
        """The architecture."""
        ...

    @property
    def trained(self) -> Collection[str]:
        """The parameters that hold trained values, by name in `checkpoints.names`."""
        ...

    def hidden_states(self, texts: Sequence[TokenizedText]) -> list[Floats]:
        """The last layer's state of each token, (T, D) a text."""
        ...

    def pooled(self, texts: Sequence[TokenizedText]) -> Floats:
        """The pooled [CLS] states, (B, D)."""
        ...

    def mask_logits(
        self, texts: Sequence[TokenizedText], positions: Sequence[list[int]]
    ) -> list[Floats]:
        """The logits over the vocabulary at some positions of each text, (P, V) a text."""
        ...

    def order_logits(self, texts: Sequence[TokenizedText]) -> Floats:
        """The logits of both orders of a pair, (B, 2): 0 in order, 1 swapped."""
        ...


def require_trained(engine: Engine, part: str) -> None:
    """Refuse a model whose head would answer nonsense.

    Args:
        engine: the model.
        part: as in the table of `checkpoints.names`, such as `mlm`.
    """
    wanted = [row.hub for row in names.PARAMETERS if row.part == part]
    untrained = [name for name in wanted if name not in engine.trained]
    if untrained:
        raise ValueError(
            f"the model holds no trained {', '.join(untrained)}; "
            "name a model that was trained with this head, or train it first"
        )
