"""The pretraining loop: one process, resumable, a pure function of its configuration."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import accumulate, islice
from pathlib import Path

import torch

from albertlm import storage
from albertlm.config import AlbertConfig
from albertlm.models.heads import AlbertForPreTraining
from albertlm.pretraining.loader import Batch, PretrainingData
from albertlm.pretraining.masking import MaskingConfig
from albertlm.pretraining.shards import TokenPart
from albertlm.training import state
from albertlm.training.objective import PretrainingObjective
from albertlm.training.optimizer import Lamb, albert_parameter_groups
from albertlm.training.schedule import SCHEDULES


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of steps with batches of one shape.

    Fields:
        steps: number of optimizer steps.
        batch_size: examples a step.
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
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value} of a phase is not allowed; it must be 1 or more")


@dataclass(frozen=True, kw_only=True)
class PretrainingConfig:
    """All that decides a run besides its data.

    Fields:
        model: the architecture.
        phases: one after the other; the learning rate runs through all of them.
        learning_rate: the peak.
        warmup_steps: of the whole run.
        schedule: a name of `SCHEDULES`.
        weight_decay, max_grad_norm: as in `Lamb`.
        masking: how tokens are masked.
        short_probability: share of examples of a random shorter length.
        seed: of weights, masks, order and dropout.
        bf16: matrix products in bfloat16 (autocast).
        log_every, save_every: in steps.
        keep: number of checkpoints that stay.
    """

    model: AlbertConfig
    phases: tuple[Phase, ...]
    learning_rate: float = 1.76e-3
    warmup_steps: int = 3125
    schedule: str = "google"
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    short_probability: float = 0.1
    seed: int = 0
    bf16: bool = True
    log_every: int = 50
    save_every: int = 500
    keep: int = 2

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"schedule={self.schedule!r} is not allowed; it must be one of "
                f"{', '.join(SCHEDULES)}"
            )
        for name in ("log_every", "save_every", "keep"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name}={getattr(self, name)} is not allowed; it must be 1 or more"
                )
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


@dataclass(frozen=True)
class StepReport:
    """What the loop tells about one step: its number, from 1, and its values."""

    step: int
    values: dict[str, float]


def pretrain(config: PretrainingConfig, tokens: TokenPart, run: str | Path) -> Iterator[StepReport]:
    """Train, and yield a report of each step; the caller shows them.

    Goes on from the newest checkpoint in `run`. Writes there `config.json` (of the run),
    `metrics.jsonl` (a line every `log_every` steps), `checkpoint-N/`, and in the end `model/`, a
    folder in the hub's layout.

    Raises:
        ValueError: the tokens have another vocabulary than the model, a shard is damaged, or `run`
            holds another run.
        FloatingPointError: the loss is not finite.
    """
    run = Path(run)
    if config.model.vocab_size != tokens.tokenizer.vocab_size:
        raise ValueError(
            f"the tokens have a vocabulary of {tokens.tokenizer.vocab_size} pieces, the model one "
            f"of {config.model.vocab_size}; make the configuration for the tokens' vocabulary"
        )
    _claim(run, config, tokens)
    torch.manual_seed(config.seed)
    model = AlbertForPreTraining(config.model)
    objective = PretrainingObjective(model)
    optimizer = Lamb(
        albert_parameter_groups(model),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
    )
    done = state.resume(run, model, optimizer)
    model.train()
    log = _MetricsLog(run / "metrics.jsonl", done, config.log_every)
    # The moments of rare pieces decay into denormal numbers, on which CPUs are many times slower.
    torch.set_flush_denormal(True)
    try:
        started = time.perf_counter()
        for step, (phase, batch) in enumerate(_batches(config, tokens, done), start=done):
            rate = config.learning_rate * SCHEDULES[config.schedule](
                step, config.warmup_steps, config.total_steps
            )
            for group in optimizer.param_groups:
                group["lr"] = rate
            encoder = model.albert.encoder
            encoder.depth = phase.layers or len(encoder.applications)
            torch.manual_seed(config.seed + step)  # dropout is the same after a restart
            losses = _step(objective, optimizer, batch, config.bf16)
            values = {
                **losses,
                "learning_rate": rate,
                "tokens": int(batch.attention_mask.sum()),
                "seconds": time.perf_counter() - started,
            }
            log.add(step + 1, values)
            if (step + 1) % config.save_every == 0 or step + 1 == config.total_steps:
                state.save(run, step + 1, model, optimizer, config.keep)
            yield StepReport(step + 1, values)
            started = time.perf_counter()
    finally:
        torch.set_flush_denormal(False)
    state.export(model, tokens.tokenizer, run / "model")


def _step(
    objective: PretrainingObjective, optimizer: Lamb, batch: Batch, bf16: bool
) -> dict[str, float]:
    device_type = objective.model.predictions.bias.device.type
    with torch.autocast(device_type, dtype=torch.bfloat16, enabled=bf16):
        losses = objective(batch)
    losses.total.backward()
    values = {name: value.item() for name, value in vars(losses).items()}
    if not math.isfinite(values["total"]):
        raise FloatingPointError(f"the loss is {values['total']}; lower the learning rate")
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return values


def _batches(
    config: PretrainingConfig, tokens: TokenPart, done: int
) -> Iterator[tuple[Phase, Batch]]:
    """The batches from step `done` on: the position in the data is the step's number."""
    ends = list(accumulate(phase.steps for phase in config.phases))
    for phase, end in zip(config.phases, ends, strict=True):
        if end <= done:
            continue
        data = PretrainingData(
            tokens,
            length=phase.length,
            masking=config.masking,
            seed=config.seed,
            short_probability=config.short_probability,
        )
        skip = max(0, done - (end - phase.steps))
        left = phase.steps - skip
        epoch = 0
        # An epoch's length costs a look at all sentences, so only one to be skipped is measured.
        while skip and skip >= (per_epoch := data.examples(epoch) // phase.batch_size) > 0:
            skip, epoch = skip - per_epoch, epoch + 1
        while left:
            before = left
            for batch in islice(data.batches(epoch, phase.batch_size, skip), left):
                yield phase, batch
                left -= 1
            if left == before:
                raise ValueError(
                    f"the corpus has {data.examples(epoch)} examples of {phase.length} "
                    f"tokens, fewer than a batch of {phase.batch_size}; lower the batch size"
                )
            skip, epoch = 0, epoch + 1


class _MetricsLog:
    """A line of JSON every few steps: sums of `tokens` and `seconds`, means of all else.

    Lines past the step that a run goes on from are cut off first.
    """

    def __init__(self, path: Path, done: int, every: int) -> None:
        self.path = path
        self.every = every
        self.window: list[dict[str, float]] = []
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _is_whole(line) and json.loads(line)["step"] <= done]
            with storage.atomic_path(path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def add(self, step: int, values: dict[str, float]) -> None:
        self.window.append(values)
        if step % self.every:
            return
        sums = {name: sum(row[name] for row in self.window) for name in values}
        count = len(self.window)
        means = {name: sums[name] / (1 if name in _SUMS else count) for name in sums}
        self.window = []
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **means}) + "\n")


def _is_whole(line: str) -> bool:
    """Not one that a killed run was writing."""
    return line.startswith("{") and line.endswith("}")


_SUMS = ("tokens", "seconds")


def _claim(run: Path, config: PretrainingConfig, tokens: TokenPart) -> None:
    """Write what decides the run, or make sure that what is there is the same."""
    path, fields = run / "config.json", json.loads(json.dumps(asdict(config)))
    fields["tokens"] = tokens.checksum
    if not path.exists():
        storage.write_json(path, fields)
        return
    there = storage.read_json(path)
    if there.get("tokens") != fields["tokens"]:
        raise ValueError(f"{run} holds a run on other tokens; name another output")
    if there != fields:
        raise ValueError(f"{run} holds a run with another configuration; name another output")
