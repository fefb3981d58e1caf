"""Checkpoints of a run: all that is needed to go on as if it had never stopped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch

from albertlm import storage
from albertlm.models.heads import AlbertForPreTraining
from albertlm.tokenization.tokenizer import AlbertTokenizer

_STATE = "training_state.pt"


def save(
    run: Path,
    step: int,
    model: AlbertForPreTraining,
    optimizer: torch.optim.Optimizer,
    keep: int,
) -> Path:
    """Write `checkpoint-STEP` whole or not at all, and remove all but the newest `keep`."""
    folder = run / f"checkpoint-{step}"
    if not folder.exists():
        with storage.atomic_path(folder) as temporary:
            model.save_pretrained(temporary)
            state = {"step": step, "optimizer": optimizer.state_dict()}
            torch.save(state, temporary / _STATE)
    for old in checkpoints(run)[:-keep]:
        shutil.rmtree(old)
    return folder


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    found = [path for path in run.glob("checkpoint-*") if path.name.split("-")[1].isdigit()]
    return sorted(found, key=lambda path: int(path.name.split("-")[1]))


def resume(run: Path, model: AlbertForPreTraining, optimizer: torch.optim.Optimizer) -> int:
    """Bring model and optimizer to the newest checkpoint; returns the number of steps done."""
    saved = checkpoints(run)
    if not saved:
        return 0
    trained = AlbertForPreTraining.from_pretrained(saved[-1])
    if trained.config != model.config:
        raise ValueError(f"{saved[-1]} has another configuration than this run; name a new output")
    model.load_state_dict(trained.state_dict())
    state: dict[str, Any] = torch.load(saved[-1] / _STATE, weights_only=True)
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def export(model: AlbertForPreTraining, tokenizer: AlbertTokenizer, folder: Path) -> None:
    """Write the folder that all else reads: model and tokenizer in the hub's layout."""
    with storage.replaced_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
