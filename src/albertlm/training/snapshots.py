"""The checkpoints of a run, with all that is needed to resume it as if it had not stopped.

Random numbers have no state to save, since they depend only on the seed and the step.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import torch

from albertlm import storage
from albertlm.data.batches import Position
from albertlm.models.torch.pretrained import PreTrainedModel
from albertlm.tokenization.tokenizer import AlbertTokenizer
from albertlm.training.metrics import METRICS, TENSORBOARD

CONFIG, PLAN, CLOCK = "config.json", "plan.json", "clock.jsonl"
_MANIFEST, _OPTIMIZER = "checkpoint.json", "optimizer.pt"


@dataclass
class Progress:
    """The progress of a run.

    Fields:
        step: the number of optimizer steps done.
        position: the position of the next example in the data of the phase.
        losses: the losses of the last steps, the newest last, as many as the rule for spikes needs.
        rollbacks: the number of rollbacks because of spikes.
        judged: the last values of `Run.judged`, as many as the rules for plateaus need.
        restarts: the steps at which the run began again, the last one last.
        skipped: the number of steps that changed nothing, since their gradient was not finite.
        in_a_row: the number of the last steps that did.
        ended: whether the clock ended the run at this step.
        coverage: the examples read in each phase, from `Coverage.to_dict`.
        score: the `Run.score` of the weights, or None if it was not measured.
        scores: those of all validations so far, oldest first.
    """

    step: int = 0
    position: Position = field(default_factory=Position)
    losses: list[float] = field(default_factory=list)
    rollbacks: int = 0
    judged: list[float] = field(default_factory=list)
    restarts: list[int] = field(default_factory=list)
    skipped: int = 0
    in_a_row: int = 0
    ended: bool = False
    coverage: list[dict[str, Any]] = field(default_factory=list)
    score: float | None = None
    scores: list[float] = field(default_factory=list)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        return cls(**values | {"position": Position.from_dict(values["position"])})


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk, with verified files."""

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
            checksum = manifest.pop("checksum", None)  # earlier versions wrote none
            if len(manifest) != 2 or checksum not in (None, _checksum(manifest)):
                raise ValueError
            checksums = dict(manifest["sha256"])
            progress = Progress.from_dict(manifest["progress"])
        except (OSError, KeyError, TypeError, ValueError):
            raise ValueError(
                f"{folder / _MANIFEST} is missing or damaged; the previous checkpoint is used"
            ) from None
        storage.verify(folder, checksums, mend="the previous checkpoint is used")
        return cls(folder, progress, checksums)

    def restore(self, model: PreTrainedModel) -> dict[str, Any]:
        """Load the weights into the model and return the optimizer's state.

        Raises:
            ValueError: the checkpoint has another architecture.
        """
        trained = type(model).from_pretrained(self.folder)
        if trained.config != model.config:
            raise ValueError(f"{self.folder} has another architecture; name another output")
        model.load_state_dict(trained.state_dict())
        state: dict[str, Any] = torch.load(
            self.folder / _OPTIMIZER, map_location="cpu", weights_only=True
        )
        return state


def save(
    run: Path,
    progress: Progress,
    model: PreTrainedModel,
    optimizer_state: dict[str, Any],
    keep: int,
    *,
    higher_is_better: bool = False,
    keep_first: bool = False,
) -> Path:
    """Write `checkpoint-STEP` atomically and return its folder.

    Older checkpoints are removed, except for the newest `keep` and the one with the best score, and
    with `keep_first` that of step 0.
    """
    folder = run / f"checkpoint-{progress.step}"
    with storage.replaced_folder(folder) as temporary:
        model.save_pretrained(temporary)
        with (temporary / _OPTIMIZER).open("wb") as file:  # its errors name their cause
            torch.save(optimizer_state, file)
        checksums = {path.name: storage.sha256(path) for path in sorted(temporary.iterdir())}
        manifest = {"progress": asdict(progress), "sha256": checksums}
        storage.write_json(temporary / _MANIFEST, manifest | {"checksum": _checksum(manifest)})
    kept = best(run, higher_is_better=higher_is_better)
    for path in checkpoints(run)[:-keep]:
        if path != kept and not (keep_first and not _step(path)):
            shutil.rmtree(path)
    return folder


def best(run: Path, *, higher_is_better: bool) -> Path | None:
    """The checkpoint with the best score, the oldest of several; None if none has a score.

    A score that is not a number is never the best.
    """
    scores = {path: score for path in checkpoints(run) if (score := _score(path)) is not None}
    choose = max if higher_is_better else min
    return choose(scores, key=lambda path: scores[path], default=None)


def claim(
    run: Path,
    identity: Mapping[str, Any],
    read: Callable[[dict[str, Any]], Mapping[str, Any]],
) -> None:
    """Claim the folder of a run; one in which no step was trained belongs to nobody.

    Args:
        run: the folder.
        identity: as in `storage.claim`.
        read: as in `storage.claim`.

    Raises:
        ValueError: the folder contains something else, or another run.
    """
    path = run / CONFIG
    if path.is_file():
        if "phases" not in storage.read_json(path):
            raise ValueError(f"{run} holds something other than a run; name another output")
        if not has_trained(run):
            for name in ("checkpoint-0", TENSORBOARD):
                shutil.rmtree(run / name, ignore_errors=True)
            for name in (METRICS, PLAN, CLOCK):
                (run / name).unlink(missing_ok=True)
            storage.write_json(path, identity)
    storage.claim(run, CONFIG, identity, what="a run", read=read)


def has_trained(run: Path) -> bool:
    """Whether a folder has a checkpoint, intact or damaged, of a trained step."""
    return any(run.glob("checkpoint-[1-9]*"))


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    found = [path for path in run.glob("checkpoint-*") if path.name.split("-")[1].isdigit()]
    return sorted(found, key=_step)


def go_back(run: Path, step: int) -> None:
    """Remove the checkpoints after a step, unless there is no other."""
    found = checkpoints(run)
    if found and _step(found[0]) <= step:
        for path in found:
            if _step(path) > step:
                shutil.rmtree(path)


def newest(run: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest intact checkpoint, and the faults of newer ones.

    The damaged ones are renamed, so that they are ignored but can be inspected.
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


def export(
    model: PreTrainedModel, tokenizer: AlbertTokenizer, folder: Path, *, half: bool = False
) -> None:
    """Write a model folder in the hub's layout, with model and tokenizer; `half` for float16."""
    if half:
        written = type(model)(model.config).half()
        written.load_state_dict(model.state_dict())
        model = written
    with storage.replaced_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


def _step(folder: Path) -> int:
    return int(folder.name.split("-")[1])


def _checksum(manifest: dict[str, Any]) -> str:
    """The SHA-256 of a manifest's values."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _score(folder: Path) -> float | None:
    """The score of a checkpoint, or None if it was not measured or cannot be read."""
    try:
        score = storage.read_json(folder / _MANIFEST)["progress"]["score"]
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return None if score is None or math.isnan(score) else float(score)
