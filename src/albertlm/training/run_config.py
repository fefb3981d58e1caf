"""The configuration of a training run, and the options of its execution."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self, get_args

from albertlm.config import AlbertConfig
from albertlm.data.masking import MaskingConfig
from albertlm.data.segments import OBJECTIVES, Objective
from albertlm.settings import check, check_at_least, check_choice, option
from albertlm.training.judgement import PlateauRule, SpikeRule

Schedule = Callable[[float, int, int], float]
"""step (from 0), warmup steps, total steps -> factor"""


def google_schedule(step: float, warmup: int, total: int) -> float:
    """Linear warmup, then linear decay counted from step 0 of the run.

    At the end of the warmup, the rate drops from the peak to `1 - warmup / total` of it.
    Source: `create_optimizer` of google-research/albert.
    """
    return step / warmup if step < warmup else max(0.0, 1 - step / total)


def linear_schedule(step: float, warmup: int, total: int) -> float:
    """Linear warmup to the peak, then linear decay from there to 0, as in transformers."""
    return step / warmup if step < warmup else max(0.0, (total - step) / (total - warmup))


SCHEDULES: dict[str, Schedule] = {"google": google_schedule, "linear": linear_schedule}

Optimizer = Literal["lamb", "adamw", "adamw-uncorrected"]
"""LAMB as in Google's code; AdamW with bias correction, as in PyTorch, and without, as in Google's
code for fine-tuning.
"""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Consecutive steps with batches of the same shape.

    Fields:
        steps: the number of optimizer steps.
        batch_size: the number of examples per step, over all micro-batches and processes.
        length: the maximum number of tokens of an example.
        layers: the number of applications of the shared layer; None for all of the model. Fewer in
            the first phase are a cheaper warm start, as in the paper for xxlarge.
        learning_rate: the peak of this phase; None for that of the run, scaled to this batch.
        masking: how tokens are masked in this phase; None as in the run. Validation always masks
            as the run does, so that all phases are measured alike.
        shares: the share of each folder of tokens in the examples, by its name; folders that are
            left out are not read. None for shares by their numbers of tokens.
    """

    steps: int
    batch_size: int
    length: int
    layers: int | None = None
    learning_rate: float | None = None
    masking: MaskingConfig | None = None
    shares: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        check_at_least(1, steps=self.steps, batch_size=self.batch_size, layers=self.layers)
        check(
            self.learning_rate is None or self.learning_rate > 0,
            "above 0",
            learning_rate=self.learning_rate,
        )
        shares = (1.0,) if self.shares is None else self.shares.values()
        check(
            min(shares, default=0.0) >= 0 and math.isclose(math.fsum(shares), 1),
            "0 or more each and 1 together",
            shares=self.shares,
        )


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A change of the numbers of steps during a run.

    From there on, the schedule of the learning rate is stretched: it goes on from where it was, and
    ends with the run.

    Fields:
        step: the number of steps done before the change.
        planned: the number of steps of the whole run before the change.
    """

    step: int
    planned: int

    def __post_init__(self) -> None:
        check_at_least(1, step=self.step)
        check(self.step < self.planned, f"below planned={self.planned}", step=self.step)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The configuration that determines the weights of any kind of run.

    Fields:
        phases: the phases in order; the schedule of the learning rate spans all of them.
        optimizer: one of `Optimizer`. LayerNorms and biases are never decayed.
        learning_rate: the peak at `learning_rate_batch` examples per step, of the length of the
            first phase. For a batch that is B times as large, it is multiplied by the root of B
            (You et al. 2020, section 4).
        learning_rate_batch: see `learning_rate`.
        rate_by: what the size of a batch is: its `tokens`, the product of examples and length, or
            its `examples`.
        warmup_steps: the number of warmup steps at the start of the run.
        schedule: a name in `SCHEDULES`.
        weight_decay: the decay of weight matrices.
        max_grad_norm: the maximum global norm of gradients, to which they are clipped.
        average: the decay of a moving average of the weights, such as 0.998, which is validated
            and exported beside them; None for none.
        spikes: the rule for spikes in the loss; None to ignore them.
        plateaus: the losses that the run must be below at some steps, or it begins again at half
            the rate.
        not_finite: the number of successive steps with a gradient that is not finite that end the
            run in bfloat16; fewer change nothing. In float32, the first one ends it.
        epochs_continue: whether a phase begins with the epoch after the last one of the phase
            before. Otherwise it begins with epoch 0, and reads the same examples with the same
            masks again if it has the same length.
        revision: how the steps of the phases were changed during the run; None if they were not.
        seed: the seed of weights, of the order of the data and of dropout.
    """

    phases: tuple[Phase, ...]
    optimizer: Optimizer = "lamb"
    learning_rate: float = 1.76e-3
    learning_rate_batch: int = 4096
    rate_by: Literal["tokens", "examples"] = "tokens"
    warmup_steps: int = 3125
    schedule: str = "google"
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    average: float | None = None
    spikes: SpikeRule | None = field(default_factory=SpikeRule)
    plateaus: tuple[PlateauRule, ...] = ()
    not_finite: int = 5
    epochs_continue: bool = True
    revision: Revision | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice(SCHEDULES, schedule=self.schedule)
        check_choice(get_args(Optimizer), optimizer=self.optimizer)
        check_choice(("tokens", "examples"), rate_by=self.rate_by)
        check_at_least(1, learning_rate_batch=self.learning_rate_batch, not_finite=self.not_finite)
        check(self.average is None or 0 < self.average < 1, "between 0 and 1", average=self.average)
        check(self.learning_rate > 0, "above 0", learning_rate=self.learning_rate)
        check(bool(self.phases), "one phase or more", phases=self.phases)
        planned = self.revision.planned if self.revision else self.total_steps
        check(
            0 <= self.warmup_steps < planned,
            f"0 or more and below the {planned} steps of all phases",
            warmup_steps=self.warmup_steps,
        )
        check(
            self.revision is None or self.revision.step < self.total_steps,
            f"in a step before the last of {self.total_steps}",
            revision=self.revision,
        )

    @property
    def total_steps(self) -> int:
        return sum(phase.steps for phase in self.phases)

    def as_begun(self, found: Mapping[str, Any]) -> Self:
        """The configuration with the `EARLIER` rules where the JSON of a begun run lacks them."""
        changes = {name: EARLIER[name] for name in EARLIER if name not in found}
        spikes = found.get("spikes", {})
        if self.spikes and spikes is not None:
            missing = {
                name: EARLIER["spikes"][name] for name in EARLIER["spikes"] if name not in spikes
            }
            changes["spikes"] = replace(self.spikes, **missing)
        return replace(self, **changes)

    def rate(self, step: int, phase: Phase, restarts: Sequence[int] = ()) -> float:
        """The learning rate of a step.

        Args:
            step: the number of the step, from 0.
            phase: the phase of the step.
            restarts: the steps at which the run began again. The schedule spans the steps since the
                last one, and each halves the rate.
        """
        begun = restarts[-1] if restarts else 0
        place, total = self._place(step, begun)
        factor = SCHEDULES[self.schedule](place - begun, self.warmup_steps, total - begun)
        factor = math.ldexp(factor, -len(restarts))
        if phase.learning_rate is not None:
            return phase.learning_rate * factor
        size, reference = phase.batch_size, self.learning_rate_batch
        if self.rate_by == "tokens":
            size, reference = size * phase.length, reference * self.phases[0].length
        return self.learning_rate * math.sqrt(size / reference) * factor

    def revised(self, step: int, steps: Sequence[int]) -> Self:
        """The configuration with other numbers of steps of its phases, as of a step of the run."""
        phases = zip(self.phases, steps, strict=True)
        return replace(
            self,
            phases=tuple(replace(phase, steps=number) for phase, number in phases),
            revision=Revision(step=step, planned=self.total_steps),
        )

    def _place(self, step: int, begun: int) -> tuple[float, int]:
        """The place of a step in a schedule that began at a step, and the end of the schedule."""
        revision = self.revision
        if revision is None or revision.step <= begun:
            return step, self.total_steps
        if step <= revision.step:
            return step, revision.planned
        left = (revision.planned - revision.step) / (self.total_steps - revision.step)
        return revision.step + (step - revision.step) * left, revision.planned


EARLIER: dict[str, Any] = {
    "rate_by": "examples",
    "not_finite": 1,
    "epochs_continue": False,
    "spikes": {"averaged": 1, "deaf": 0},
}
"""The rules of runs that were begun before a configuration had these fields."""


def with_earlier_rules(found: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object of a configuration, with `EARLIER` rules for the fields that it lacks."""
    spikes = found.get("spikes", {})
    return {**EARLIER, **found, "spikes": spikes if spikes is None else EARLIER["spikes"] | spikes}


@dataclass(frozen=True, kw_only=True)
class PretrainingConfig(TrainingConfig):
    """The configuration that, with the data, determines the weights of a pretraining run.

    Fields:
        model: the architecture.
        source: a model folder or hub id to take initial weights from; None for random weights.
        objective: the task of the sentence-pair head, one of `segments.OBJECTIVES`.
        masking: how tokens are masked.
        short_probability: the share of examples with a random shorter length.
    """

    model: AlbertConfig
    source: str | None = None
    objective: Objective = "sop"
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    short_probability: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(OBJECTIVES, objective=self.objective)
        check(
            0 <= self.short_probability <= 1,
            "from 0 to 1",
            short_probability=self.short_probability,
        )
        deepest = self.model.num_hidden_layers * self.model.inner_group_num
        positions = self.model.max_position_embeddings
        for phase in self.phases:
            check(
                phase.layers is None or phase.layers <= deepest,
                f"{deepest} or less, the number of the model's layer applications",
                layers=phase.layers,
            )
            check(
                phase.length <= positions,
                f"{positions} or less, the number of the model's positions",
                length=phase.length,
            )


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How a run is executed; none of these options changes the result except for rounding.

    Each field is an option of `albertlm pretrain`.
    """

    device: str | None = option(None, "cpu, cuda, …; by default a GPU where there is one.")
    bf16: bool | None = option(
        None, "Products in bfloat16; by default where the device has units for them."
    )
    bf16_residual: bool = option(
        False, "Keep the states between layers in bfloat16, too; needs --bf16."
    )
    compiled: bool | None = option(
        None,
        "Compile the layer and the loss before the first step; by default on a GPU.",
        flags="--compile/--no-compile",
    )
    micro_batch: int | None = option(
        None, "Examples of one backward pass in one process; all of a step by default.", least=1
    )
    checkpointing: bool = option(False, "Compute activations twice to save memory.")
    workers: int = option(0, "Processes that make batches ahead; 0 for a thread.", least=0)
    sharded: bool = option(False, "Share the optimizer's state out among processes.")
    bf16_gradients: bool = option(False, "Send gradients in bfloat16.")
    log_every: int = option(10, "Steps of a line in the log.", least=1)
    save_every: int = option(500, "Steps between checkpoints.", least=1)
    validate_every: int = option(500, "Steps between looks at held-out documents.", least=1)
    validation_examples: int = option(1024, "Held-out examples of one such look, at most.", least=1)
    export_minutes: float | None = option(
        None, "Minutes between exports in half precision, which end with the run.", least=0
    )
    keep: int = option(2, "Newest checkpoints that stay, beside the best.", least=1)

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.metadata["least"] is not None:
                check_at_least(each.metadata["least"], **{each.name: getattr(self, each.name)})
