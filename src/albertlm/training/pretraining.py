"""The pretraining run: its data, loss, validation and output."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from albertlm import costs, settings, storage
from albertlm.config import AlbertConfig
from albertlm.data import randomness
from albertlm.data.batches import Batch, Position
from albertlm.data.coverage import Coverage
from albertlm.data.loader import PretrainingData
from albertlm.data.mixture import Mixture, shares_by_tokens
from albertlm.data.prefetch import Prefetcher
from albertlm.data.token_shards import TokenPart, Tokens
from albertlm.models.torch.heads import AlbertForPreTraining
from albertlm.training import snapshots
from albertlm.training.budget import Budget, Plan, find_plan, seconds_left
from albertlm.training.clock import Clock, Watch, measure
from albertlm.training.group import Group
from albertlm.training.initialisation import initialise
from albertlm.training.loop import Loop
from albertlm.training.memory import check_memory
from albertlm.training.objective import SUMS, VALUES, PretrainingObjective, count
from albertlm.training.run import Counts, Losses, Run
from albertlm.training.run_config import (
    Execution,
    Phase,
    PretrainingConfig,
    with_earlier_rules,
)

Corpora = TokenPart | Mapping[str, TokenPart]
"""Tokens of one corpus, or of several by name."""

VALIDATION_BATCH = 64
"""The number of examples in a batch of validation."""


def pretrain(
    config: PretrainingConfig,
    tokens: Corpora,
    folder: str | Path,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
    *,
    held_out: Corpora | None = None,
    group: Group | None = None,
    watch: Watch | None = None,
) -> Loop[Batch]:
    """Start a pretraining run, or resume the one in the folder.

    Args:
        config: the configuration of the run.
        tokens: the training documents; of several corpora by name, `Phase.shares` are read.
        folder: the folder of the run, which all processes share.
        execution: the options of the execution.
        held_out: documents to validate on; of several corpora, in proportion to their tokens. None
            for no validation.
        group: the processes of the run, each of which calls this; None for this process alone.
        watch: watches the time, in the first process.

    Returns:
        The loop; iterating over it trains and yields a report for each step.

    Raises:
        ValueError: the tokens have another vocabulary than the model, a shard is damaged, the
            folder contains another run, or a step does not fit into memory.
    """
    group, folder = group or Group.alone(execution.device), Path(folder)
    if snapshots.has_trained(folder):
        config = config.as_begun(storage.read_json(folder / snapshots.CONFIG))
    return Loop(PretrainingRun(config, tokens, held_out), folder, execution, group, watch)


@dataclass(frozen=True)
class PretrainingJob:
    """A pretraining run as every process receives it.

    Fields:
        config, execution: as in `pretrain`.
        tokens: the training documents, and held-out documents to validate on; of one corpus or of
            several by name.
        output: the folder of the run.
        budget: the time of the run; None for the steps of the configuration.
        clock: measures the time.
    """

    config: PretrainingConfig
    execution: Execution
    tokens: Tokens | Mapping[str, Tokens]
    output: Path
    budget: Budget | None = None
    clock: Clock = time.monotonic

    def loop(self, group: Group) -> Loop[Batch]:
        """Make the training loop of one process."""
        started = self.clock()
        config, watch = self.config, None
        plan = find_plan(self.output, self.budget)
        if plan is None and self.budget:
            plan = self._plan(self.budget, group, started)
        if plan:
            config = plan.apply(config)
            watch = Watch(plan, self.output, self.clock, started) if group.first else None
        return pretrain(
            *(config, self._training, self.output, self.execution),
            held_out=self._held_out,
            group=group,
            watch=watch,
        )

    @property
    def _training(self) -> Corpora:
        if isinstance(self.tokens, Tokens):
            return self.tokens.part("training")
        return {name: each.part("training") for name, each in self.tokens.items()}

    @property
    def _held_out(self) -> Corpora | None:
        if isinstance(self.tokens, Tokens):
            return self.tokens.held_out
        parts = {name: each.held_out for name, each in self.tokens.items()}
        return {name: part for name, part in parts.items() if part} or None

    def _plan(self, budget: Budget, group: Group, started: float) -> Plan:
        run = PretrainingRun(self.config, self._training, self._held_out)
        left = seconds_left(budget, 0.0, 0.0)
        if left <= 0:
            raise ValueError("the deadline is over; name a later one")
        times = measure(
            *(run, self.execution, group), folder=self.output, left=left, clock=self.clock
        )
        left = seconds_left(budget, 0.0, self.clock() - started)
        (left,) = group.from_first([left])  # it decides for all
        return Plan.make(self.config, self.execution, budget, times, left)


class PretrainingRun(Run[Batch]):
    """Pretraining on the tokens of a corpus, by masked tokens and sentence order."""

    values = VALUES
    weights = {  # noqa: RUF012
        "mask_accuracy": "replaced", "sop_loss": "pairs", "sop_accuracy": "pairs",
    }  # fmt: skip
    judged = "mlm_loss"
    shares = {"[MASK]": "mask_accuracy", "SOP": "sop_accuracy"}  # noqa: RUF012
    score = "mlm_loss"
    higher_is_better = False

    config: PretrainingConfig
    model: AlbertForPreTraining

    def __init__(
        self, config: PretrainingConfig, tokens: Corpora, held_out: Corpora | None
    ) -> None:
        self.config, self.tokens, self.held_out = config, tokens, held_out
        self.tokenizer = _parts(tokens)[0].tokenizer

    def identity(self) -> dict[str, Any]:
        tokens: Any = (
            self.tokens.checksum
            if isinstance(self.tokens, TokenPart)
            else {name: part.checksum for name, part in sorted(self.tokens.items())}
        )
        return {**settings.to_json(self.config), "tokens": tokens}

    def read_identity(self, found: dict[str, Any]) -> dict[str, Any]:
        fields = with_earlier_rules(found)
        tokens = fields.pop("tokens", None)
        config = settings.from_json(PretrainingConfig, fields)
        return {**settings.to_json(config), "tokens": tokens}

    def check(self, execution: Execution, ranks: int) -> None:
        for part in _parts(self.tokens):
            part.check_tokenizer(self.tokenizer)
        pieces = self.tokenizer.vocab_size
        if self.config.model.vocab_size != pieces:
            raise ValueError(
                f"the tokens have a vocabulary of {pieces} pieces, the model one of "
                f"{self.config.model.vocab_size}; set vocab_size={pieces}"
            )
        for phase in self.config.phases:
            names = set() if isinstance(self.tokens, TokenPart) else set(self.tokens)
            settings.check(
                phase.shares is None or names >= set(phase.shares),
                f"shares of {', '.join(sorted(names)) or 'folders that have names, NAME=TOKENS'}",
                shares=phase.shares,
            )
            self._data(self.tokens, phase)
            settings.check(
                phase.batch_size >= ranks,
                f"{ranks} or more, an example for each process",
                batch_size=phase.batch_size,
            )
        settings.check(
            bool(execution.bf16) or not execution.bf16_residual,
            "left out without --bf16",
            bf16_residual=execution.bf16_residual,
        )
        check_memory(self.config, execution, ranks=ranks)

    def begin(self, device: torch.device, execution: Execution, *, resumed: bool) -> str:
        self.model, initialisation = initialise(
            self.config.model,
            self.tokenizer,
            self.config.seed,
            None if resumed else self.config.source,
        )
        self.model.to(device).train()
        self.model.albert.activation_checkpointing(execution.checkpointing)
        self.model.albert.bf16_residual(execution.bf16_residual)
        self.objective = PretrainingObjective(self.model, compiled=bool(execution.compiled))
        return str(initialisation)

    def enter_phase(self, number: int) -> None:
        encoder = self.model.albert.encoder
        encoder.depth = self.config.phases[number].layers or len(encoder.applications)

    def stream(self, number: int, position: Position, group: Group, workers: int) -> Prefetcher:
        phase = self.config.phases[number]
        return Prefetcher(
            self._data(self.tokens, phase),
            position,
            phase.batch_size,
            rank=group.rank,
            ranks=group.size,
            workers=workers,
        )

    def counts(self, number: int, batch: Batch) -> Counts:
        layers = self.config.phases[number].layers
        return {
            **count(batch),
            "tokens": int(batch.attention_mask.sum()),
            "flops": int(flops(self.config.model, batch, layers)),
        }

    def losses(self, batch: Batch, counts: Counts) -> Losses:
        losses: Losses = self.objective(batch, counts)
        return losses

    def report(self, counts: Counts) -> dict[str, float]:
        return {name: counts[name] for name in ("tokens", "replaced", "pairs", "flops")}

    def validate(
        self, number: int, examples: int, group: Group, *, bf16: bool
    ) -> dict[str, float] | None:
        """The mean losses and accuracies of the first held-out examples.

        These are the same examples with the same masks every time, divided among the processes.
        """
        if self.held_out is None:
            return None
        phase = replace(self.config.phases[number], masking=None, shares=None)
        data = self._data(self.held_out, phase)
        examples = min(examples, data.examples(0))
        size = min(VALIDATION_BATCH, examples)
        sums = torch.zeros(len(SUMS), dtype=torch.float64, device=group.device)
        self.objective.eval()
        stream = data.stream(Position(), size, rank=group.rank, ranks=group.size)
        for batch, _ in islice(stream, examples // size):
            with torch.autocast(group.device.type, dtype=torch.bfloat16, enabled=bf16):
                sums += self.objective.score(batch)
        self.objective.train()
        found = dict(zip(SUMS, group.sum(sums).tolist(), strict=True))
        masked, ordered = max(1.0, found.pop("masked")), max(1.0, found.pop("ordered"))
        return {
            name: value / (masked if name.startswith("mlm") else ordered)
            for name, value in found.items()
        }

    def findings(self, coverages: Sequence[Coverage]) -> list[dict[str, Any]]:
        """See `Run.findings`; an epoch that ended early is compared up to that point."""
        rows = []
        pairs = zip(coverages, self.config.phases, strict=True)
        for number, (coverage, phase) in enumerate(pairs, start=1):
            data = self._data(self.tokens, phase)
            corpora = list(data.parts.items()) if isinstance(data, Mixture) else [("", data)]
            for key in sorted(coverage.totals, key=lambda key: (key % len(corpora), key)):
                epoch, place = divmod(key, len(corpora))
                name, corpus = corpora[place]
                whole, seen = corpus.expected(epoch), coverage.totals[key].examples
                expected = corpus.expected(epoch, seen) if seen < whole.examples else whole
                row = {
                    "phase": number,
                    "tokens": name,
                    "epoch": epoch,
                    "seen": seen,
                    "expected": whole.examples,
                    "verdict": coverage.compare(key, expected).verdict,
                }
                rows.append({field: value for field, value in row.items() if value != ""})
        return rows

    def export(self, folder: Path, *, half: bool = False) -> None:
        snapshots.export(self.model, self.tokenizer, folder, half=half)

    def _data(self, corpora: Corpora, phase: Phase) -> PretrainingData | Mixture:
        seed = self.config.seed
        if isinstance(corpora, TokenPart):
            return self._corpus(corpora, phase, seed)
        parts = {
            # the masks of one corpus are no copy of those of another
            name: self._corpus(part, phase, int(randomness.key(seed, 0, f"tokens {name}")))
            for name, part in corpora.items()
        }
        return Mixture(parts, phase.shares or shares_by_tokens(corpora))

    def _corpus(self, part: TokenPart, phase: Phase, seed: int) -> PretrainingData:
        return PretrainingData(
            part,
            length=phase.length,
            masking=phase.masking or self.config.masking,
            seed=seed,
            short_probability=self.config.short_probability,
            objective=self.config.objective,
        )


def _parts(corpora: Corpora) -> list[TokenPart]:
    return [corpora] if isinstance(corpora, TokenPart) else list(corpora.values())


def flops(model: AlbertConfig, batch: Batch, layers: int | None) -> float:
    """The number of floating-point operations that a training step on a batch needs.

    The backward pass counts twice as many as the forward pass. Recomputation, as in activation
    checkpointing, does not count.
    """
    lengths_B = batch.attention_mask.sum(1)
    applied = replace(model, num_hidden_layers=layers or model.num_hidden_layers)
    mean_length = float((lengths_B**2).sum() / lengths_B.sum())  # of a token's text
    backbone = lengths_B.sum() * costs.flops_per_token(applied, round(mean_length))
    head = np.count_nonzero(batch.labels >= 0) * costs.flops_per_prediction(model)
    return 3.0 * float(backbone + head)
