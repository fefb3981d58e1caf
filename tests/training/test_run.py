"""The loop trains a kind of run other than pretraining."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from albertlm import AlbertConfig, AlbertForSequenceClassification, settings
from albertlm.data.batches import Position
from albertlm.data.coverage import Coverage, Total
from albertlm.training import snapshots
from albertlm.training.group import Group
from albertlm.training.loop import Loop
from albertlm.training.run import Counts, Losses, Run, Stream
from albertlm.training.run_config import Execution, Phase, TrainingConfig

EXAMPLES = 40
OFTEN = Execution(device="cpu", bf16=False, log_every=1, save_every=10, validate_every=10)


@dataclass(frozen=True)
class Labelled:
    """Texts of three tokens, whose class depends on the second."""

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    epochs: NDArray[np.int64]
    examples: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: slice) -> Labelled:
        return Labelled(*(array[rows] for array in vars(self).values()))


class Batches:
    """A stream of examples in the order of their numbers."""

    def __init__(self, position: Position, size: int) -> None:
        self.waited = 0.0
        first = position.epoch * EXAMPLES + position.example
        self.numbers = (np.arange(start, start + size) for start in count(first, size))

    def __iter__(self) -> Iterator[tuple[Labelled, Position]]:
        return self

    def __next__(self) -> tuple[Labelled, Position]:
        numbers = next(self.numbers)
        epochs, examples = np.divmod(numbers, EXAMPLES)
        tokens = 5 + examples % 20
        ids = np.stack([np.full_like(tokens, 2), tokens, np.full_like(tokens, 3)], axis=1)
        epoch, example = map(int, divmod(numbers[-1] + 1, EXAMPLES))
        return Labelled(ids, tokens % 2, epochs, examples), Position(epoch, example)


class Parity(Run[Labelled]):
    """Whether a token's id is odd."""

    values = ("loss", "accuracy")
    judged = "loss"
    shares = {"odd": "accuracy"}  # noqa: RUF012
    score = "accuracy"
    higher_is_better = True
    model: AlbertForSequenceClassification

    def __init__(self, config: TrainingConfig, architecture: AlbertConfig) -> None:
        self.config, self.architecture = config, architecture
        self.scores = iter(np.linspace(0.9, 0.1, 100).tolist())
        self.looks: int | None = None

    def identity(self) -> dict[str, Any]:
        return settings.to_json(self.config)

    def read_identity(self, found: dict[str, Any]) -> dict[str, Any]:
        return settings.to_json(settings.from_json(TrainingConfig, found))

    def check(self, execution: Execution, ranks: int) -> None:
        settings.check_at_least(1, ranks=ranks)

    def begin(self, device: torch.device, execution: Execution, *, resumed: bool) -> str:
        torch.manual_seed(self.config.seed)
        self.model = AlbertForSequenceClassification(self.architecture).to(device).train()
        return "fresh weights"

    def enter_phase(self, number: int) -> None:
        pass

    @contextmanager
    def stream(
        self, number: int, position: Position, group: Group, workers: int
    ) -> Iterator[Stream[Labelled]]:
        yield Batches(position, self.config.phases[number].batch_size)

    def counts(self, number: int, batch: Labelled) -> Counts:
        return {"texts": len(batch)}

    def losses(self, batch: Labelled, counts: Counts) -> Losses:
        labels = torch.from_numpy(batch.labels)
        logits = self.model(torch.from_numpy(batch.ids)).logits
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / counts["texts"]
        right = (logits.argmax(1) == labels).sum() / counts["texts"]
        return Losses(loss, torch.stack([loss.detach(), right]))

    def report(self, counts: Counts) -> dict[str, float]:
        return {"tokens": 3 * counts["texts"]}

    def validate(
        self, number: int, examples: int, group: Group, *, bf16: bool
    ) -> dict[str, float] | None:
        return {"accuracy": next(self.scores)}

    def ends_early(self, scores: Sequence[float]) -> bool:
        return len(scores) == self.looks

    def findings(self, coverages: Sequence[Coverage]) -> list[dict[str, Any]]:
        whole = Total.of(np.arange(EXAMPLES))
        return [vars(each.compare(0, whole)) for each in coverages]

    def export(self, folder: Path, *, half: bool = False) -> None:
        self.model.save_pretrained(folder)


@pytest.fixture
def make(tiny_config: Callable[..., AlbertConfig]) -> Callable[..., Parity]:
    def run(**changes: Any) -> Parity:
        phase = Phase(steps=60, batch_size=10, length=3)
        config = TrainingConfig(
            phases=(phase,),
            optimizer="adamw",
            learning_rate=3e-3,
            learning_rate_batch=10,
            warmup_steps=5,
            schedule="linear",
            spikes=None,
        )
        return Parity(replace(config, **changes), tiny_config(initializer_range=0.1))

    return run


def losses(loop: Loop[Labelled], steps: int = 100) -> list[float]:
    found = []
    for report in loop:
        found.append(report.values["loss"])
        if report.step == steps:
            break
    return found


def test_it_learns_and_keeps_the_checkpoint_of_the_highest_score(
    make: Callable[..., Parity], tmp_path: Path
) -> None:
    loop = Loop(make(), tmp_path, replace(OFTEN, keep=1), Group.alone("cpu"))
    found = losses(loop)
    assert np.mean(found[-5:]) < 0.5 * np.mean(found[:5])
    assert [path.name for path in snapshots.checkpoints(tmp_path)] == [
        "checkpoint-10",
        "checkpoint-60",
    ]
    (finding,) = json.loads((tmp_path / "coverage.json").read_text("utf-8"))["epochs"]
    assert finding["verdict"] == "every example once"
    trained = AlbertForSequenceClassification.from_pretrained(tmp_path / "model").state_dict()
    for name, weight in loop.run.model.state_dict().items():
        assert torch.equal(weight, trained[name]), name
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open(encoding="utf-8")]
    assert {line["tokens"] for line in lines if "tokens" in line} == {30}


def test_it_resumes_bit_by_bit_with_the_moments_of_adamw(
    make: Callable[..., Parity], tmp_path: Path
) -> None:
    whole = losses(Loop(make(), tmp_path / "whole", OFTEN, Group.alone("cpu")))
    cut = losses(Loop(make(), tmp_path / "cut", OFTEN, Group.alone("cpu")), steps=23)
    rest = losses(Loop(make(), tmp_path / "cut", OFTEN, Group.alone("cpu")))
    assert cut == whole[:23]
    assert rest == whole[20:]


def test_micro_batches_change_nothing_but_rounding(
    make: Callable[..., Parity], tmp_path: Path
) -> None:
    whole = losses(Loop(make(), tmp_path / "whole", OFTEN, Group.alone("cpu")))
    execution = replace(OFTEN, micro_batch=3)
    parts = losses(Loop(make(), tmp_path / "parts", execution, Group.alone("cpu")))
    assert parts == pytest.approx(whole, rel=1e-3)


def test_another_identity_is_refused(make: Callable[..., Parity], tmp_path: Path) -> None:
    list(Loop(make(), tmp_path, OFTEN, Group.alone("cpu")))
    with pytest.raises(ValueError, match="begun with a different 'optimizer'"):
        Loop(make(optimizer="lamb"), tmp_path, OFTEN, Group.alone("cpu"))


def test_a_run_that_ends_early_is_complete(make: Callable[..., Parity], tmp_path: Path) -> None:
    def two_looks() -> Loop[Labelled]:
        run = make()
        run.looks = 2
        return Loop(run, tmp_path, OFTEN, Group.alone("cpu"))

    losses(two_looks(), steps=13)
    resumed = two_looks()
    assert len(losses(resumed)) == 10
    assert resumed.progress.step == 20
    assert len(resumed.progress.scores) == 2
    assert (tmp_path / "model" / "config.json").is_file()
    assert losses(two_looks()) == []
