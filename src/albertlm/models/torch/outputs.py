"""What the models return, with fields accessible by name, key or position."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass
class ModelOutput:
    """Base of the outputs; a field that was not requested is None and has no position."""

    def to_tuple(self) -> tuple[Any, ...]:
        return tuple(self[name] for name in self.keys())

    def keys(self) -> list[str]:
        """The names of the fields that are not None, in order."""
        names = [field.name for field in dataclasses.fields(self)]
        return [name for name in names if getattr(self, name) is not None]

    def values(self) -> list[Any]:
        """The fields that are not None, in order."""
        return list(self.to_tuple())

    def items(self) -> list[tuple[str, Any]]:
        """The names of the fields that are not None with their values, in order."""
        return list(zip(self.keys(), self.values(), strict=True))

    def get(self, key: str, default: Any = None) -> Any:
        """The field of a name, or the default if there is no such field or it is None."""
        return getattr(self, key) if key in self.keys() else default

    def __getitem__(self, key: int | slice | str) -> Any:
        if not isinstance(key, str):
            return self.to_tuple()[key]
        if key not in self.keys():
            raise KeyError(f"{type(self).__name__} holds {', '.join(self.keys())}, not {key!r}")
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())


@dataclass(kw_only=True)
class BackboneOutput(ModelOutput):
    """The features of a text.

    Fields:
        last_hidden_state: (B, T, D), or (B, P, D) if only some positions are read.
        pooler_output: (B, D), the projected [CLS] state; None without a pooler.
        hidden_states: the encoder's input and each layer's output, (B, T, D) each.
        attentions: each layer's attention weights, (B, H, T, T).
    """

    last_hidden_state: Tensor
    pooler_output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass(kw_only=True)
class HeadOutput(ModelOutput):
    """Base of the heads' outputs; `loss` is a mean, and None if no labels were given."""

    loss: Tensor | None = None


@dataclass(kw_only=True)
class LogitsOutput(HeadOutput):
    """`logits`: see the model's docstring for their shape."""

    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass(kw_only=True)
class PreTrainingOutput(HeadOutput):
    """`prediction_logits` (B, T, V) or (B, P, V); `sop_logits` (B, 2): 0 in order, 1 swapped.

    `loss` is the sum of `mlm_loss` and `sop_loss`; each is None if its labels were not given.
    """

    prediction_logits: Tensor
    sop_logits: Tensor
    mlm_loss: Tensor | None = None
    sop_loss: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass(kw_only=True)
class QuestionAnsweringOutput(HeadOutput):
    """`start_logits` and `end_logits`, (B, T) each."""

    start_logits: Tensor
    end_logits: Tensor
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass(kw_only=True)
class SquadV2Output(HeadOutput):
    """The beam of `AlbertForSquadV2`, or in training its loss, and the answerability.

    Fields:
        start_log_probs, start_positions: (B, S), the best starts, best first.
        end_log_probs, end_positions: (B, S, S'), the best ends after each start, best first.
        unanswerable_logits: (B,), above 0 if there is probably no answer.
    """

    start_log_probs: Tensor | None = None
    start_positions: Tensor | None = None
    end_log_probs: Tensor | None = None
    end_positions: Tensor | None = None
    unanswerable_logits: Tensor
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
