"""Checkpoints of a run: all that is needed to go on as if it had never stopped.

Random numbers need no state: they are functions of the seed and the step.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import torch

from albertlm import storage
from albertlm.models.heads import AlbertForPreTraining
from albertlm.pretraining.loader import Position
from albertlm.tokenization.tokenizer import AlbertTokenizer

_MANIFEST, _OPTIMIZER = "checkpoint.json", "optimizer.pt"


@dataclass
class Progress:
    """Where a run is.

    Fields:
        step: number of optimizer steps done.
        position: of the phase's data that comes next.
        losses: of the last steps, the newest last, as far as the rule for spikes asks.
        rollbacks: how often the run went back because of a spike.
        coverage: what was read of each phase's epochs, as `Coverage` keeps it.
        score: the held-out masked-token loss of these weights, where it was measured.
    """

    step: int = 0
    position: Position = field(default_factory=Position)
    losses: list[float] = field(default_factory=list)
    rollbacks: int = 0
    coverage: list[dict[str, Any]] = field(default_factory=list)
    score: float | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        return cls(**values | {"position": Position(**values["position"])})


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk whose files have their checksums."""

    folder: Path
    progress: Progress
    sha256: dict[str, str]

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the manifest and verify all files.

        Raises:
            ValueError: a file is damaged or missing.
        """
        try:
            manifest = storage.read_json(folder / _MANIFEST)
            checksums = dict(manifest["sha256"])
            progress = Progress.from_dict(manifest["progress"])
        except (OSError, KeyError, TypeError, ValueError):
            raise ValueError(f"{folder / _MANIFEST} is missing or damaged") from None
        for name, checksum in checksums.items():
            path = folder / name
            if not path.is_file() or storage.sha256(path) != checksum:
                raise ValueError(f"{path} is missing or damaged: its SHA-256 is another")
        return cls(folder, progress, checksums)

    def restore(self, model: AlbertForPreTraining) -> dict[str, Any]:
        """Give the model its weights; returns the optimizer's state.

        Raises:
            ValueError: the checkpoint is of another architecture.
        """
        trained = AlbertForPreTraining.from_pretrained(self.folder)
        if trained.config != model.config:
            raise ValueError(f"{self.folder} is of another architecture; name another output")
        model.load_state_dict(trained.state_dict())
        state: dict[str, Any] = torch.load(
            self.folder / _OPTIMIZER, map_location="cpu", weights_only=True
        )
        return state


def save(
    run: Path,
    progress: Progress,
    model: AlbertForPreTraining,
    optimizer_state: dict[str, Any],
    keep: int,
) -> Path:
    """Write `checkpoint-STEP`, whole or not at all.

    Of all checkpoints stay the newest `keep`, and the one with the best score.
    """
    folder = run / f"checkpoint-{progress.step}"
    with storage.replaced_folder(folder) as temporary:
        model.save_pretrained(temporary)
        torch.save(optimizer_state, temporary / _OPTIMIZER)
        checksums = {path.name: storage.sha256(path) for path in sorted(temporary.iterdir())}
        manifest = {"progress": asdict(progress), "sha256": checksums}
        storage.write_json(temporary / _MANIFEST, manifest)
    older = checkpoints(run)[:-keep]
    scores = {path: _score(path) for path in checkpoints(run)}
    best = min(scores, key=lambda path: scores[path])
    for path in older:
        if path != best or math.isinf(scores[path]):
            shutil.rmtree(path)
    return folder


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    found = [path for path in run.glob("checkpoint-*") if path.name.split("-")[1].isdigit()]
    return sorted(found, key=lambda path: int(path.name.split("-")[1]))


def newest(run: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that is whole, and what is wrong with those that are newer.

    The latter are renamed, so that they are out of the way and can be looked at.
    """
    faults: list[str] = []
    for folder in reversed(checkpoints(run)):
        try:
            return Checkpoint.open(folder), faults
        except ValueError as error:
            faults.append(str(error))
            with storage.replaced_folder(folder.with_name(f"{folder.name}.damaged")) as place:
                folder.rename(place)
    return None, faults


def export(model: AlbertForPreTraining, tokenizer: AlbertTokenizer, folder: Path) -> None:
    """Write the folder that all else reads: model and tokenizer in the hub's layout."""
    with storage.replaced_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


def _score(folder: Path) -> float:
    """Infinite where it was not measured or cannot be read."""
    try:
        score = storage.read_json(folder / _MANIFEST)["progress"]["score"]
    except (OSError, KeyError, TypeError, ValueError):
        return math.inf
    return math.inf if score is None else float(score)
