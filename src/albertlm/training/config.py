"""What decides a pretraining run, and how it is carried out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from albertlm.config import AlbertConfig
from albertlm.pretraining.masking import MaskingConfig
from albertlm.pretraining.segments import Objective, check_objective
from albertlm.training.schedule import SCHEDULES


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of steps with batches of one shape.

    Fields:
        steps: number of optimizer steps.
        batch_size: examples a step, of all micro-batches and processes together.
        length: tokens of an example at most.
        layers: applications of the shared layer; None for all of the model's. Fewer at
            first are a warm start of the deeper model (as the paper did for xxlarge), at less cost.
    """

    steps: int
    batch_size: int
    length: int
    layers: int | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "layers"):
            _at_least(self, name, 1, " of a phase")


@dataclass(frozen=True, kw_only=True)
class SpikeRule:
    """When a loss counts as a spike, and what becomes of it.

    A step whose loss is above the mean of the last ones by so many of their standard deviations
    is undone: the run goes back to its newest checkpoint, and goes on behind the data that it had
    read by then.

    Fields:
        deviations: a step is a spike from here on.
        window: number of losses that the mean and the deviation are of; with fewer, none is one.
        rollbacks: at most so many, then the run stops with an error.
    """

    deviations: float = 10.0
    window: int = 100
    rollbacks: int = 5

    def __post_init__(self) -> None:
        _at_least(self, "deviations", 1)
        _at_least(self, "window", 2)
        _at_least(self, "rollbacks", 0)


@dataclass(frozen=True, kw_only=True)
class PretrainingConfig:
    """All that decides a run's weights besides its data.

    Fields:
        model: the architecture.
        phases: one after the other; the learning rate runs through all of them.
        source: a model folder or hub id that the first weights come from; None for fresh ones.
        objective: what the sentence-pair head learns, one of `segments.OBJECTIVES`.
        masking: how tokens are masked.
        short_probability: share of examples of a random shorter length.
        learning_rate: the peak at `learning_rate_batch` examples a step. At B examples it is
            multiplied by the root of B / `learning_rate_batch` (You et al. 2020, section 4).
        learning_rate_batch: see there.
        warmup_steps: of the whole run.
        schedule: a name of `SCHEDULES`.
        weight_decay, max_grad_norm: as in `Lamb`.
        spikes: what becomes of steps whose loss jumps up; None to let them be.
        seed: of weights, masks, order and dropout.
    """

    model: AlbertConfig
    phases: tuple[Phase, ...]
    source: str | None = None
    objective: Objective = "sop"
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    short_probability: float = 0.1
    learning_rate: float = 1.76e-3
    learning_rate_batch: int = 4096
    warmup_steps: int = 3125
    schedule: str = "google"
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    spikes: SpikeRule | None = field(default_factory=SpikeRule)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"schedule={self.schedule!r} is not allowed; it must be one of "
                f"{', '.join(SCHEDULES)}"
            )
        check_objective(self.objective)
        _at_least(self, "learning_rate_batch", 1)
        if self.learning_rate <= 0 or not 0 <= self.short_probability <= 1:
            raise ValueError(
                f"learning_rate={self.learning_rate} and short_probability="
                f"{self.short_probability} are not allowed; they must be above 0 and in [0, 1]"
            )
        deepest = self.model.num_hidden_layers * self.model.inner_group_num
        for phase in self.phases:
            if phase.layers is not None and phase.layers > deepest:
                raise ValueError(
                    f"layers={phase.layers} is not allowed; the model applies its layer {deepest} "
                    "times"
                )
            if phase.length > self.model.max_position_embeddings:
                raise ValueError(
                    f"length={phase.length} is not allowed; the model has "
                    f"{self.model.max_position_embeddings} positions"
                )
        if not self.phases or not 0 <= self.warmup_steps < self.total_steps:
            raise ValueError(
                f"warmup_steps={self.warmup_steps} is not allowed; it must be 0 or more and below "
                f"the {self.total_steps} steps of all phases"
            )

    @property
    def total_steps(self) -> int:
        return sum(phase.steps for phase in self.phases)

    def rate(self, step: int, batch_size: int) -> float:
        """The learning rate of a step (from 0) with so many examples."""
        scale = math.sqrt(batch_size / self.learning_rate_batch)
        factor = SCHEDULES[self.schedule](step, self.warmup_steps, self.total_steps)
        return self.learning_rate * scale * factor


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How a run is carried out: none of it changes what is computed but for rounding.

    Fields:
        device: `cpu`, `cuda`, …; None for a GPU where there is one.
        bf16: matrix products in bfloat16 (autocast); None where the device has units for them.
        compiled: the layer and the loss are compiled before the first step; None on a GPU.
        micro_batch: examples of one backward pass in one process; None for all that a step has
            there. Gradients of several are added up.
        checkpointing: keep only each layer's input for the backward pass.
        workers: processes that make batches ahead; 0 for a thread.
        sharded: each process keeps and updates its share of the optimizer's state.
        bf16_gradients: gradients travel between processes in bfloat16.
        log_every, save_every, validate_every: in steps.
        validation_examples: held-out examples of one validation.
        keep: number of the newest checkpoints that stay, beside the best.
    """

    device: str | None = None
    bf16: bool | None = None
    compiled: bool | None = None
    micro_batch: int | None = None
    checkpointing: bool = False
    workers: int = 0
    sharded: bool = False
    bf16_gradients: bool = False
    log_every: int = 10
    save_every: int = 500
    validate_every: int = 500
    validation_examples: int = 1024
    keep: int = 2

    def __post_init__(self) -> None:
        _at_least(self, "workers", 0)
        for name in (
            *("micro_batch", "log_every", "save_every", "validate_every"),
            *("validation_examples", "keep"),
        ):
            _at_least(self, name, 1)


def _at_least(config: Any, name: str, least: float, where: str = "") -> None:
    value = getattr(config, name)
    if value is not None and value < least:
        raise ValueError(f"{name}={value}{where} is not allowed; it must be {least} or more")
