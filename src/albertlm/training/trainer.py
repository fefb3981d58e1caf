"""The pretraining loop: one process, resumable, a pure function of its configuration."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate, islice
from pathlib import Path

import torch

from albertlm import storage
from albertlm.models.heads import AlbertForPreTraining
from albertlm.pretraining.loader import Batch, PretrainingData
from albertlm.pretraining.shards import TokenPart
from albertlm.training import state
from albertlm.training.config import Execution, Phase, PretrainingConfig
from albertlm.training.objective import PretrainingObjective
from albertlm.training.optimizer import Lamb, albert_parameter_groups


@dataclass(frozen=True)
class StepReport:
    """What the loop tells about one step: its number, from 1, and its values."""

    step: int
    values: dict[str, float]


def pretrain(
    config: PretrainingConfig,
    tokens: TokenPart,
    run: str | Path,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
) -> Iterator[StepReport]:
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
    log = _MetricsLog(run / "metrics.jsonl", done, execution.log_every)
    # The moments of rare pieces decay into denormal numbers, on which CPUs are many times slower.
    torch.set_flush_denormal(True)
    try:
        started = time.perf_counter()
        for step, (phase, batch) in enumerate(_batches(config, tokens, done), start=done):
            rate = config.rate(step, phase.batch_size)
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
            if (step + 1) % execution.save_every == 0 or step + 1 == config.total_steps:
                state.save(run, step + 1, model, optimizer, execution.keep)
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
