"""The pretraining loop: a function of its configuration and data; interruptions only delay it.

After every optimizer step all processes hold the same weights. The first of them writes.
"""

from __future__ import annotations

import json
import math
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch

from albertlm import storage
from albertlm.pretraining import randomness
from albertlm.pretraining.coverage import Coverage
from albertlm.pretraining.loader import Batch, Position, PretrainingData
from albertlm.pretraining.prefetch import Prefetcher
from albertlm.pretraining.shards import TokenPart
from albertlm.training import state, step
from albertlm.training.config import Execution, Phase, PretrainingConfig, SpikeRule
from albertlm.training.coverage import brought_together, findings
from albertlm.training.devices import resolve
from albertlm.training.group import Group
from albertlm.training.initialisation import initialise
from albertlm.training.memory import check_memory
from albertlm.training.metrics import MetricsLog
from albertlm.training.objective import Counts, PretrainingObjective
from albertlm.training.signals import Stop, stop_on_sigterm
from albertlm.training.spikes import is_spike
from albertlm.training.updates import Updater
from albertlm.training.validation import validate


@dataclass(frozen=True)
class StepReport:
    """What the loop tells about one step.

    Fields:
        step: its number, from 1.
        values: losses and accuracies; `learning_rate`; `gradient_norm` before clipping; `tokens`;
            `seconds`, of which `waited` for data; `flops`, the operations that the model needs.
        notes: what else there is to say, a line each: where the run goes on from, a rollback.
    """

    step: int
    values: dict[str, float]
    notes: tuple[str, ...] = ()


def pretrain(
    config: PretrainingConfig,
    tokens: TokenPart,
    run: str | Path,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
    *,
    held_out: TokenPart | None = None,
    group: Group | None = None,
) -> Iterator[StepReport]:
    """Train, and yield a report of each step; the caller shows them.

    Goes on from the newest whole checkpoint in `run`. Writes there `config.json` (of the run),
    `metrics.jsonl`, `tensorboard/`, `checkpoint-N/`, `coverage.json` (which share of each epoch
    was read), and in the end `model/`, a folder in the hub's layout. SIGTERM ends it early, behind
    a last checkpoint.

    Args:
        config: what is computed.
        tokens: the training documents.
        run: the run's folder; all processes see the same one.
        execution: how it is computed.
        held_out: documents to validate on; None for no validation.
        group: the processes of the run, each of which calls this; None for this one alone.

    Raises:
        ValueError: the tokens have another vocabulary than the model, a shard is damaged, `run`
            holds another run, or a step does not fit into memory.
        FloatingPointError: a loss is not finite, or there were too many spikes.
        OSError: the disk is full; what was saved before is whole.
    """
    execution = resolve(execution)
    group = group or Group.alone(execution.device)
    trainer = _Trainer(config, execution, group, Path(run), tokens=tokens, held_out=held_out)
    with stop_on_sigterm() as stop:
        yield from trainer.train(stop)


class _Trainer:
    """A run in progress in one process."""

    def __init__(
        self,
        config: PretrainingConfig,
        execution: Execution,
        group: Group,
        run: Path,
        *,
        tokens: TokenPart,
        held_out: TokenPart | None,
    ) -> None:
        self.config, self.execution, self.group = config, execution, group
        self.bf16 = bool(execution.bf16)
        self.tokens, self.held_out, self.run = tokens, held_out, run
        if config.model.vocab_size != tokens.tokenizer.vocab_size:
            raise ValueError(
                f"the tokens have a vocabulary of {tokens.tokenizer.vocab_size} pieces, the model "
                f"one of {config.model.vocab_size}; make the configuration for the tokens'"
            )
        check_memory(config, execution, ranks=group.size)
        if group.first:
            _claim(run, config, tokens)
        begun = bool(state.checkpoints(run))
        self.model, initialisation = initialise(
            config.model, tokens.tokenizer, config.seed, None if begun else config.source
        )
        self.model.to(group.device).train()
        self.model.albert.activation_checkpointing(execution.checkpointing)
        self.objective = PretrainingObjective(self.model, compiled=bool(execution.compiled))
        self.updater = Updater(self.model, config, execution, group)
        self.progress = state.Progress()
        self.coverage = [Coverage() for _ in config.phases]
        self.phase_ends = list(accumulate(phase.steps for phase in config.phases))
        self.notes = [] if begun else [str(initialisation)]

    def train(self, stop: Stop) -> Iterator[StepReport]:
        """All steps that are left, or as many as there are before a request to stop."""
        faults = self._resume()
        self.log = MetricsLog(
            self.run if self.group.first else None, self.progress.step, self.execution.log_every
        )
        for fault in faults:
            self._tell("damaged checkpoint", reason=fault)
        # The moments of rare pieces decay into denormal numbers, on which CPUs are slow.
        torch.set_flush_denormal(True)
        try:
            if not self.progress.step and not state.checkpoints(self.run):
                self._save()  # so that a rollback always has somewhere to go
            while not stop.agreed and self.progress.step < self.config.total_steps:
                yield from self._read_on(stop)
        finally:
            torch.set_flush_denormal(False)
            self.log.close()
        if self.progress.step == self.config.total_steps and self.group.first:
            phases = [self._data(self.tokens, phase) for phase in self.config.phases]
            storage.write_json(
                self.run / "coverage.json", {"epochs": findings(self.coverage, phases)}
            )
            state.export(self.model, self.tokens.tokenizer, self.run / "model")

    def _read_on(self, stop: Stop) -> Iterator[StepReport]:
        """Steps on one phase's data, until the phase ends or the run is to read elsewhere."""
        number = bisect_right(self.phase_ends, self.progress.step)
        phase, end = self.config.phases[number], self.phase_ends[number]
        encoder = self.model.albert.encoder
        encoder.depth = phase.layers or len(encoder.applications)
        with Prefetcher(
            self._data(self.tokens, phase),
            self.progress.position,
            phase.batch_size,
            rank=self.group.rank,
            ranks=self.group.size,
            workers=self.execution.workers,
        ) as batches:
            started = time.perf_counter()
            for batch, position in batches:
                values = self._step(phase, batch, stop)
                values |= {"seconds": time.perf_counter() - started, "waited": batches.waited}
                rule = self.config.spikes
                if rule and is_spike(values["total"], self.progress.losses, rule):
                    self._roll_back(rule, values["total"], position)
                    return
                self.coverage[number].add(batch.epochs, batch.examples)
                self._move_on(values["total"], position)
                self._look_after(number, phase, values, save=stop.agreed)
                yield StepReport(self.progress.step, values, tuple(self.notes))
                self.notes.clear()
                if stop.agreed or self.progress.step == end:
                    return
                started, batches.waited = time.perf_counter(), 0.0

    def _step(self, phase: Phase, batch: Batch, stop: Stop) -> dict[str, float]:
        """One optimizer step; what it tells is of all processes together."""
        # Dropout is the same after a restart, and another in each process.
        key = randomness.key(self.config.seed, self.progress.step, f"dropout {self.group.rank}")
        torch.manual_seed(int(key) >> 1)
        own = Counts.of(batch)
        operations = step.flops(self.config.model, batch, phase.layers)
        numbers = [own.masked, own.ordered, batch.attention_mask.sum(), operations, stop.requested]
        numbers = self.group.sum(torch.tensor(numbers, dtype=torch.int64)).tolist()
        masked, ordered, tokens, flops, stopping = numbers
        stop.agreed = bool(stopping)
        sums = step.backward(
            self.objective,
            batch,
            Counts(masked=masked, ordered=ordered),
            self.execution.micro_batch,
            self.bf16,
        )
        rate = self.config.rate(self.progress.step, phase.batch_size)
        norm = self.updater.step(rate)
        *means, norm = torch.cat([self.group.sum(sums), norm.reshape(1)]).tolist()
        values = dict(zip(step.VALUES, means, strict=True))
        if not math.isfinite(values["total"]) or not math.isfinite(norm):
            self._give_up_on(batch, values["total"], norm)
        return {
            **values,
            "gradient_norm": norm,
            "learning_rate": rate,
            "tokens": tokens,
            "flops": flops,
        }

    def _move_on(self, loss: float, position: Position) -> None:
        done = self.progress.step + 1
        losses = [*self.progress.losses, loss]
        window = self.config.spikes.window if self.config.spikes else 0
        if done in self.phase_ends:  # the next begins with other losses: it may be deeper or longer
            position, window = Position(), 0
        self.progress = replace(
            self.progress,
            step=done,
            position=position,
            losses=losses[max(0, len(losses) - window) :],
            score=None,
        )

    def _look_after(
        self, number: int, phase: Phase, values: dict[str, float], *, save: bool
    ) -> None:
        """What comes behind a step: the log, validation and checkpoints, each in its turn."""
        done = self.progress.step
        ends = done == self.phase_ends[number]
        self.log.add(done, values, last=save or ends)
        if self.held_out and (done % self.execution.validate_every == 0 or ends):
            scores = validate(
                self.objective,
                self._data(self.held_out, phase),
                self.execution.validation_examples,
                self.group,
                self.bf16,
            )
            self.progress = replace(self.progress, score=scores["mlm_loss"])
            self.log.validation(done, scores)
        if save or ends or done % self.execution.save_every == 0:
            self._save()

    def _roll_back(self, rule: SpikeRule, loss: float, position: Position) -> None:
        """To the newest checkpoint, and past the data that the phase has read since."""
        done, rollbacks = self.progress.step + 1, self.progress.rollbacks + 1
        if rollbacks > rule.rollbacks:
            raise FloatingPointError(
                f"the loss jumped to {loss:.4g} in step {done}, after {rollbacks - 1} rollbacks; "
                "lower the learning rate"
            )
        number = bisect_right(self.phase_ends, self.progress.step)
        self._resume()
        if bisect_right(self.phase_ends, self.progress.step) == number:
            self.progress = replace(self.progress, position=position)
        self.progress = replace(self.progress, rollbacks=rollbacks)
        self._tell(
            "rollback",
            at=done,
            reason=f"the loss jumped to {loss:.4g} in step {done}; back to step "
            f"{self.progress.step}, and on behind the data read since",
        )

    def _give_up_on(self, batch: Batch, loss: float, norm: float) -> None:
        """Keep the batch for inspection, and stop."""
        name = f"not-finite-{self.progress.step + 1}-{self.group.rank}.npz"
        with storage.atomic_path(self.run / name) as temporary, temporary.open("wb") as file:
            np.savez(file, **vars(batch))
        raise FloatingPointError(
            f"in step {self.progress.step + 1} the loss is {loss} and the gradient's norm {norm}; "
            f"the batch is in {self.run / name}, and the last checkpoint is whole: lower the "
            "learning rate"
        )

    def _save(self) -> None:
        self.coverage = [brought_together(each, self.group) for each in self.coverage]
        self.progress.coverage = [each.to_dict() for each in self.coverage]
        optimizer_state = self.updater.state_dict()
        if self.group.first:
            state.save(self.run, self.progress, self.model, optimizer_state, self.execution.keep)
        self.group.wait()

    def _resume(self) -> list[str]:
        """Go on from the newest whole checkpoint, if there is one.

        Returns:
            What is wrong with newer ones.
        """
        found, faults = state.newest(self.run) if self.group.first else (None, [])
        number = (found.progress.step if found else -1) if self.group.first else 0
        number = int(self.group.sum(torch.tensor([number])))
        if number < 0:
            return faults
        found = found or state.Checkpoint.open(self.run / f"checkpoint-{number}")
        self.updater.load_state_dict(found.restore(self.model))
        self.progress = found.progress
        if number:
            self.notes.append(f"goes on from {found.folder}")
        # the sum over all processes is that of the checkpoint
        totals = found.progress.coverage if self.group.first else [{}] * len(self.coverage)
        self.coverage = [Coverage.from_dict(each) for each in totals]
        return faults

    def _data(self, part: TokenPart, phase: Phase) -> PretrainingData:
        return PretrainingData(
            part,
            length=phase.length,
            masking=self.config.masking,
            seed=self.config.seed,
            short_probability=self.config.short_probability,
            objective=self.config.objective,
        )

    def _tell(self, name: str, *, at: int | None = None, reason: str) -> None:
        self.log.event(self.progress.step if at is None else at, name, reason=reason)
        self.notes.append(reason)


def _claim(run: Path, config: PretrainingConfig, tokens: TokenPart) -> None:
    """Write what decides the run, or make sure that what is there is the same."""
    path, fields = run / "config.json", json.loads(json.dumps(asdict(config)))
    fields["tokens"] = tokens.checksum
    storage.remove_unfinished(run)
    if not path.exists():
        storage.write_json(path, fields)
        return
    there = storage.read_json(path)
    if there.get("tokens") != fields["tokens"]:
        raise ValueError(f"{run} holds a run on other tokens; name another output")
    if there != fields:
        raise ValueError(f"{run} holds a run with another configuration; name another output")
