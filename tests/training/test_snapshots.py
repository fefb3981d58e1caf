"""Checkpoints: damaged ones are skipped, and the newest and the best are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from albertlm import AlbertConfig, AlbertForMaskedLM, storage
from albertlm.data.batches import Position
from albertlm.training.snapshots import (
    Checkpoint,
    Progress,
    best,
    checkpoints,
    claim,
    has_trained,
    newest,
    save,
)

MakeConfig = Callable[..., AlbertConfig]


@pytest.fixture
def model(tiny_config: MakeConfig) -> AlbertForMaskedLM:
    torch.manual_seed(0)
    return AlbertForMaskedLM(tiny_config())


def names(run: Path) -> list[str]:
    return [path.name for path in checkpoints(run)]


def test_what_is_saved_is_restored(
    model: AlbertForMaskedLM, tiny_config: MakeConfig, tmp_path: Path
) -> None:
    progress = Progress(
        step=7,
        position=Position(epoch=1, example=5),
        losses=[3.0, 2.5],
        rollbacks=1,
        coverage=[{"0": {"examples": 3, "checksum": 2**63}}],
        score=0.5,
    )
    state = {"a.exp_avg": torch.randn(3)}
    folder = save(tmp_path, progress, model, state, keep=2)
    opened = Checkpoint.open(folder)
    assert opened.progress == progress
    other = AlbertForMaskedLM(tiny_config())
    assert torch.equal(opened.restore(other)["a.exp_avg"], state["a.exp_avg"])
    for name, weight in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], weight), name


@pytest.mark.parametrize(
    ("higher_is_better", "kept"),
    [(False, ["checkpoint-2", "checkpoint-5"]), (True, ["checkpoint-3", "checkpoint-5"])],
)
def test_the_newest_and_the_best_stay(
    higher_is_better: bool, kept: list[str], model: AlbertForMaskedLM, tmp_path: Path
) -> None:
    for step, score in enumerate([None, 0.4, 0.1, 0.9, None, 0.5]):
        progress = Progress(step=step, score=score)
        save(tmp_path, progress, model, {}, keep=1, higher_is_better=higher_is_better)
    assert names(tmp_path) == kept


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_what_is_not_a_number_is_never_the_best(
    higher_is_better: bool, model: AlbertForMaskedLM, tmp_path: Path
) -> None:
    assert best(tmp_path, higher_is_better=higher_is_better) is None
    for step, score in enumerate([float("nan"), 0.4, 0.4, float("nan")]):
        save(tmp_path, Progress(step=step, score=score), model, {}, keep=4)
    found = best(tmp_path, higher_is_better=higher_is_better)
    assert found == tmp_path / "checkpoint-1"  # the older of two equal ones


def test_steps_are_ordered_by_number_and_strangers_left_out(tmp_path: Path) -> None:
    for name in ("checkpoint-10", "checkpoint-9", "checkpoint-10.damaged", "checkpoint-x"):
        (tmp_path / name).mkdir()
    assert names(tmp_path) == ["checkpoint-9", "checkpoint-10"]


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.pt", "checkpoint.json"])
@pytest.mark.parametrize("kind", ["missing", "damaged"])
def test_a_damaged_one_is_passed_over(
    file: str, kind: str, model: AlbertForMaskedLM, tmp_path: Path
) -> None:
    for step in (1, 2):
        save(tmp_path, Progress(step=step), model, {"x": torch.zeros(2)}, keep=5)
    path = tmp_path / "checkpoint-2" / file
    if kind == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3])
    found, (fault,) = newest(tmp_path)
    assert found is not None
    assert found.progress.step == 1
    assert str(path) in fault
    assert names(tmp_path) == ["checkpoint-1"]
    assert (tmp_path / "checkpoint-2.damaged").is_dir()
    assert newest(tmp_path)[1] == []


def test_another_architecture_is_refused(
    model: AlbertForMaskedLM, tiny_config: MakeConfig, tmp_path: Path
) -> None:
    folder = save(tmp_path, Progress(), model, {}, keep=1)
    deeper = AlbertForMaskedLM(tiny_config(num_hidden_layers=5))
    with pytest.raises(ValueError, match="has another architecture; name another output"):
        Checkpoint.open(folder).restore(deeper)


def test_every_bit_of_the_manifest_counts(model: AlbertForMaskedLM, tmp_path: Path) -> None:
    folder = save(tmp_path, Progress(step=2, losses=[3.0, 2.5]), model, {}, keep=1)
    path = folder / "checkpoint.json"
    whole = path.read_bytes()
    space = {number for number, byte in enumerate(whole) if byte in b" \n"}
    for number in sorted(set(range(len(whole))) - space):
        path.write_bytes(whole[:number] + bytes([whole[number] ^ 1]) + whole[number + 1 :])
        with pytest.raises(ValueError, match="damaged"):
            Checkpoint.open(folder)
    path.write_bytes(whole)
    manifest = storage.read_json(path)
    del manifest["checksum"]  # as earlier versions wrote it
    storage.write_json(path, manifest)
    assert Checkpoint.open(folder).progress.losses == [3.0, 2.5]


def test_a_folder_without_a_trained_step_belongs_to_nobody(
    model: AlbertForMaskedLM, tmp_path: Path
) -> None:
    claim(tmp_path, {"phases": 1}, dict)
    save(tmp_path, Progress(), model, {}, keep=1)
    (tmp_path / "metrics.jsonl").write_text("{}\n", encoding="utf-8")
    (tmp_path / "not-finite-1-0.npz").touch()
    claim(tmp_path, {"phases": 2}, dict)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "not-finite-1-0.npz"}
    save(tmp_path, Progress(step=1), model, {}, keep=1)
    with pytest.raises(ValueError, match="begun with a different 'phases'"):
        claim(tmp_path, {"phases": 3}, dict)
    claim(tmp_path, {"phases": 2}, dict)
    assert has_trained(tmp_path)
