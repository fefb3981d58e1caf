"""A small training loop that one process or several run in tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from albertlm import AlbertForPreTraining
from albertlm.training.group import Group
from albertlm.training.run_config import Execution, PretrainingConfig
from albertlm.training.updates import Updater

BATCH, LENGTH, RATE = 12, 24, 0.01


@dataclass(frozen=True)
class Trained:
    """The result of a process."""

    losses: list[float]
    norms: list[float]
    weights: dict[str, Tensor]
    state: dict[str, Tensor]
    state_size: int


def train(
    config: PretrainingConfig,
    execution: Execution,
    steps: int,
    micro_batches: int = 1,
    dtype: torch.dtype = torch.float32,
    weights: dict[str, Tensor] | None = None,
    state: dict[str, Tensor] | None = None,
    first_step: int = 0,
) -> Trained:
    """Train on random ids, divided by rows among the processes; the loss is the global mean."""
    torch.set_default_dtype(dtype)
    with Group.join("cpu", timeout=60) as group:
        torch.manual_seed(0)
        model = AlbertForPreTraining(config.model)
        if weights is not None:
            model.load_state_dict(weights)
        updater = Updater(model, config, execution, group)
        if state is not None:
            updater.load_state_dict(state)
        losses, norms = [], []
        for step in range(first_step, first_step + steps):
            loss = torch.zeros(())
            rows = _rows(config.model.vocab_size, step, group)
            counts = group.sum(torch.tensor([(rows["labels"] >= 0).sum(), len(rows["ids"])]))
            for number in range(micro_batches):
                part = {name: each[number::micro_batches] for name, each in rows.items()}
                mean = _loss(model, part, counts)
                mean.backward()
                loss += mean.detach()
            losses.append(group.sum(loss).item())
            norms.append(updater.step(RATE).item())
        weights = {name: each.clone() for name, each in model.state_dict().items()}
        return Trained(losses, norms, weights, updater.state_dict(), updater.means.numel())


def _rows(vocab_size: int, step: int, group: Group) -> dict[str, Tensor]:
    """This process's rows of a step's batch; rows differ in the number of predicted tokens."""
    draw = torch.Generator().manual_seed(step)
    ids = torch.randint(5, vocab_size, (BATCH, LENGTH), generator=draw)
    chosen = torch.rand(BATCH, LENGTH, generator=draw) < torch.linspace(0.1, 0.5, BATCH)[:, None]
    labels = ids.where(chosen, torch.full_like(ids, -100))
    order = torch.randint(0, 2, (BATCH,), generator=draw)
    mine = slice(group.rank * BATCH // group.size, (group.rank + 1) * BATCH // group.size)
    return {"ids": ids[mine], "labels": labels[mine], "order": order[mine]}


def _loss(model: AlbertForPreTraining, rows: dict[str, Tensor], counts: Tensor) -> Any:
    output = model(rows["ids"])
    masked = F.cross_entropy(
        output.prediction_logits.flatten(0, 1), rows["labels"].flatten(), reduction="sum"
    )
    order = F.cross_entropy(output.sop_logits, rows["order"], reduction="sum")
    return masked / counts[0] + order / counts[1]
