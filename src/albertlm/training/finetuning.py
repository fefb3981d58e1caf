"""The fine-tuning run: its data, loss, looks at dev data, and output."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from albertlm import checkpoints, costs, hub, settings
from albertlm.checkpoints import names
from albertlm.config import AlbertConfig
from albertlm.data.batches import Position
from albertlm.data.coverage import Coverage
from albertlm.models.torch.layer import AlbertLayer
from albertlm.models.torch.pretrained import PreTrainedModel
from albertlm.tokenization.tokenizer import AlbertTokenizer
from albertlm.training import snapshots
from albertlm.training.finetuning_config import LOWER_IS_BETTER, FinetuningConfig
from albertlm.training.group import Group
from albertlm.training.labelled import LabelledBatch, LabelledData, LabelledStream
from albertlm.training.loop import Loop
from albertlm.training.losses import model_class
from albertlm.training.memory import available_memory
from albertlm.training.run import Counts, Losses, Run, Stream
from albertlm.training.run_config import Execution

Look = Callable[[PreTrainedModel], Mapping[str, float]]
"""From a model to its scores on dev data."""


def finetune(
    config: FinetuningConfig,
    data: LabelledData,
    tokenizer: AlbertTokenizer,
    folder: str | Path,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
    *,
    look: Look | None = None,
    group: Group | None = None,
) -> Loop[LabelledBatch]:
    """Start a fine-tuning run, or resume the one in the folder.

    Args:
        config: the configuration of the run.
        data: the training data.
        tokenizer: the tokenizer of the model, which is saved with it.
        folder: the folder of the run, which all processes share.
        execution: the options of the execution. A micro-batch is a number of rows of tokens, of
            which an example with choices has several. Checkpoints are saved at each look.
        look: scores a model on dev data; None to train to the last step without.
        group: the processes of the run, each of which calls this; None for this process alone.

    Returns:
        The loop; iterating over it trains and yields a report for each step.

    Raises:
        ValueError: the folder contains another run, a step does not fit into memory, or there are
            more processes than examples in a batch.
    """
    group = group or Group.alone(execution.device)
    rows = max(len(feature.rows) for feature in data.features)
    at_once = execution.micro_batch
    execution = replace(
        execution,
        micro_batch=at_once and max(1, at_once // rows),
        validate_every=config.look_every,
        save_every=config.look_every,
        keep=1,
    )
    run = FinetuningRun(config, data, tokenizer, look, rows_at_once=at_once)
    return Loop(run, Path(folder), execution, group)


class FinetuningRun(Run[LabelledBatch]):
    """Fine-tuning of a model with a new head on the examples of a task."""

    values = ("total",)
    judged = "total"
    shares = {}  # noqa: RUF012
    score = "score"
    higher_is_better = True

    config: FinetuningConfig
    model: PreTrainedModel

    def __init__(
        self,
        config: FinetuningConfig,
        data: LabelledData,
        tokenizer: AlbertTokenizer,
        look: Look | None = None,
        *,
        rows_at_once: int | None = None,
    ) -> None:
        self.config, self.data, self.tokenizer = config, data, tokenizer
        self.look, self.rows_at_once = look, rows_at_once
        self.loss = config.loss(rows_at_once)

    def identity(self) -> dict[str, Any]:
        return {**settings.to_json(self.config), "data": self.data.checksum}

    def read_identity(self, found: dict[str, Any]) -> dict[str, Any]:
        data = found.pop("data", None)
        config = settings.from_json(FinetuningConfig, found)
        return {**settings.to_json(config), "data": data}

    def check(self, execution: Execution, ranks: int) -> None:
        told = f"at most the {self.data.smallest} examples of a batch"
        settings.check(ranks <= self.data.smallest, told, processes=ranks)
        needed = step_memory(self.config, self.data, execution, self.rows_at_once, ranks)
        available = available_memory(str(execution.device))
        if available is not None and needed > available:
            raise ValueError(
                f"a step needs {needed / 1e9:.1f} GB, but only {available / 1e9:.1f} GB are free; "
                "use a smaller --micro-batch, --checkpointing or shorter texts"
            )

    def begin(self, device: torch.device, execution: Execution, *, resumed: bool) -> str:
        kind = model_class(self.config.head, conditional=self.config.conditional)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            if self.config.source is None or resumed:
                self.model, note = kind(self.config.model), "fresh weights"
            else:
                self.model, note = _from_source(kind, self.config.model, self.config.source)
        self.model.loading = None  # its new head will be trained
        self.model.to(device).train()
        self.model.albert.activation_checkpointing(execution.checkpointing)  # type: ignore[operator,union-attr]
        if execution.compiled:
            for module in self.model.modules():
                if isinstance(module, AlbertLayer):
                    module.compile(dynamic=True)
        return note

    def enter_phase(self, number: int) -> None:
        """See `Run.enter_phase`; there is only one."""

    def stream(
        self,
        number: int,  # noqa: ARG002 (there is only one phase)
        position: Position,
        group: Group,
        workers: int,  # noqa: ARG002 (batches are made from what is in memory)
    ) -> AbstractContextManager[Stream[LabelledBatch]]:
        stream = LabelledStream(self.data, position, rank=group.rank, ranks=group.size)
        return nullcontext(stream)

    def counts(self, number: int, batch: LabelledBatch) -> Counts:  # noqa: ARG002
        lengths_R = batch.attention_mask.sum(1)
        tokens = int(lengths_R.sum())
        of_token = costs.flops_per_token(
            self.config.model, round(float((lengths_R**2).sum() / tokens))
        )
        return {"labels": self.loss.count(batch), "tokens": tokens, "flops": 3 * tokens * of_token}

    def losses(self, batch: LabelledBatch, counts: Counts) -> Losses:
        total = self.loss(self.model, batch, counts["labels"])
        return Losses(total, total.detach().float().reshape(1))

    def report(self, counts: Counts) -> dict[str, float]:
        return {name: counts[name] for name in ("tokens", "flops")}

    def validate(
        self,
        number: int,  # noqa: ARG002
        examples: int,  # noqa: ARG002 (all are scored)
        group: Group,
        *,
        bf16: bool,  # noqa: ARG002 (scores are those of float32)
    ) -> dict[str, float] | None:
        """The scores of all dev data in float32, and `score`, by which checkpoints are compared.

        The first process computes them; the others get only `score`.
        """
        if self.look is None:
            return None
        scores: dict[str, float] = {}
        score = torch.zeros(1, dtype=torch.float64)
        if group.first:
            scores = dict(self.look(self.model))
            self.model.train()
            metric = self.config.metric
            score[0] = scores[metric] * (-1 if metric in LOWER_IS_BETTER else 1)
        return {**scores, self.score: group.sum(score).item()}

    def ends_early(self, scores: Sequence[float]) -> bool:
        patience = self.config.patience
        return patience is not None and looks_since_best(scores) >= patience

    def findings(self, coverages: Sequence[Coverage]) -> list[dict[str, Any]]:
        """See `Run.findings`; an epoch that ended early is compared up to that point."""
        rows = []
        for epoch, seen in sorted(coverages[0].totals.items()):
            verdict = coverages[0].compare(epoch, self.data.expected(epoch, seen.examples)).verdict
            expected = len(self.data.features)
            rows.append(
                {"epoch": epoch, "seen": seen.examples, "expected": expected, "verdict": verdict}
            )
        return rows

    def export(self, folder: Path, *, half: bool = False) -> None:
        """See `Run.export`; the weights are those of the best look, the first of equal ones."""
        best = snapshots.best(folder.parent, higher_is_better=self.higher_is_better)
        kept = self.model if best is None else type(self.model).from_pretrained(best)
        snapshots.export(kept, self.tokenizer, folder, half=half)


def looks_since_best(scores: Sequence[float]) -> int:
    """The number of looks after the first with the best score; NaN is never the best."""
    places = [place for place, score in enumerate(scores) if not math.isnan(score)]
    best = max(places, key=lambda place: scores[place], default=0)
    return max(0, len(scores) - 1 - best)


def step_memory(
    config: FinetuningConfig,
    data: LabelledData,
    execution: Execution,
    rows_at_once: int | None,
    ranks: int = 1,
) -> int:
    """The peak memory of a step in one process, in bytes."""
    longest = max(data.features, key=lambda feature: feature.length)
    rows = -(-config.batch_size // ranks) * len(longest.rows)
    parts = costs.training_memory(
        config.model,
        batch_size=min(rows, rows_at_once or rows),
        length=longest.length,
        predictions=1,
        checkpointing=execution.checkpointing,
        bf16=bool(execution.bf16),
        optimizer_states=2 / ranks if execution.sharded else 2,
        device="cuda" if str(execution.device).startswith("cuda") else "cpu",
    )
    return sum(parts.values())


def _from_source(
    kind: type[PreTrainedModel], config: AlbertConfig, source: str
) -> tuple[PreTrainedModel, str]:
    """A model with the weights of a checkpoint, and a line that says so.

    Its head is that of the checkpoint only if that has the same one, with the same classes.
    """
    folder = hub.resolve(source)
    found = AlbertConfig.from_json_file(folder / "config.json")
    tensors = checkpoints.read(folder)
    same = (found.architectures, found.label_names) == ((kind.__name__,), config.label_names)
    if not same:
        drawn = {names.table_name(name): each for name, each in kind(config).state_dict().items()}
        new = {name: each.numpy() for name, each in drawn.items() if _is_new(name)}
        tensors = new | {name: each for name, each in tensors.items() if not _is_new(name)}
    model = kind.from_tensors(config, tensors, source)
    return model, f"weights of {source}, {'with its' if same else 'and a fresh'} head"


def _is_new(name: str) -> bool:
    """Whether a parameter belongs to a head."""
    return names.part_of(name) not in (*names.BACKBONE, "pooler")
