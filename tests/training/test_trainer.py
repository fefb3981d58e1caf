"""The loop: it learns, it goes on after an interruption as if there had been none."""

import errno
import json
import math
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode
from transformers import AlbertForPreTraining as Theirs

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertTokenizer, storage
from albertlm.pretraining.loader import Batch, PretrainingData
from albertlm.pretraining.masking import MaskingConfig
from albertlm.pretraining.shards import TokenPart
from albertlm.recipes.small import smoke
from albertlm.training import state, step
from albertlm.training.config import Execution, Phase, PretrainingConfig, SpikeRule
from albertlm.training.report.history import History
from albertlm.training.trainer import StepReport, pretrain

OFTEN = Execution(bf16=False, log_every=5, save_every=10)


@pytest.fixture(scope="module", params=[1, 3], ids=["one shard", "three shards"])
def tokens(
    request: pytest.FixtureRequest,
    make_tokens: Callable[..., TokenPart],
    tiny_sentences: list[str],
) -> TokenPart:
    rng = np.random.default_rng(0)
    documents = [list(map(str, rng.choice(tiny_sentences, size=10))) for _ in range(80)]
    return make_tokens(documents, shards=request.param)


@pytest.fixture
def config(tiny_tokenizer: AlbertTokenizer) -> PretrainingConfig:
    return smoke(tiny_tokenizer.vocab_size)


def test_it_learns_and_exports(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    config = replace(config, phases=(Phase(steps=60, batch_size=16, length=48),))
    losses = [report.values["mlm_loss"] for report in pretrain(config, tokens, tmp_path, OFTEN)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(5, 61, 5))
    assert [path.name for path in state.checkpoints(tmp_path)] == ["checkpoint-50", "checkpoint-60"]
    epochs = storage.read_json(tmp_path / "coverage.json")["epochs"]
    assert {each["verdict"] for each in epochs} == {"every example once"}
    assert sum(each.seen for each in History.read(tmp_path).coverage) == 60 * 16
    assert [each["seen"] == each["expected"] for each in epochs] == [True] * (len(epochs) - 1) + [
        False
    ]
    AlbertTokenizer.from_pretrained(tmp_path / "model")
    _, report = Theirs.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not any(report.values())


def test_an_interrupted_run_goes_on_bit_by_bit(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    phases = (
        Phase(steps=14, batch_size=8, length=32, layers=1),
        Phase(steps=16, batch_size=8, length=48),
    )
    model = replace(config.model, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    config = replace(config, model=model, phases=phases)

    def losses(run: Path, steps: int) -> list[tuple[int, float]]:
        found = []
        for report in pretrain(config, tokens, run, OFTEN):
            found.append((report.step, report.values["total"]))
            if report.step == steps:
                break
        return found

    whole = losses(tmp_path / "whole", 30)
    losses(tmp_path / "cut", 13)  # its last checkpoint is at step 10
    rest = losses(tmp_path / "cut", 30)
    assert rest == whole[10:]
    metrics = [(tmp_path / run / "metrics.jsonl").read_text("utf-8") for run in ("whole", "cut")]
    steps = [[json.loads(line)["step"] for line in text.splitlines()] for text in metrics]
    assert steps[0] == steps[1]


def test_a_line_cut_short_by_a_kill_is_left_out(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    list(pretrain(config, tokens, tmp_path, OFTEN))
    log = tmp_path / "metrics.jsonl"
    log.write_text(log.read_text("utf-8")[:-20], encoding="utf-8")
    list(pretrain(config, tokens, tmp_path, OFTEN))
    assert [json.loads(line)["step"] for line in log.read_text("utf-8").splitlines()] == [5, 10, 15]


def test_bad_phases() -> None:
    for changes in ({"steps": 0}, {"batch_size": -1}, {"layers": 0}):
        with pytest.raises(ValueError, match="of a phase is not allowed"):
            Phase(**({"steps": 1, "batch_size": 1, "length": 8} | changes))


def test_another_configuration_is_refused(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    next(pretrain(config, tokens, tmp_path, OFTEN))
    with pytest.raises(ValueError, match="another configuration"):
        next(pretrain(replace(config, seed=1), tokens, tmp_path))


def test_other_tokens_are_refused(
    config: PretrainingConfig,
    tokens: TokenPart,
    make_tokens: Callable[..., TokenPart],
    tiny_sentences: list[str],
    tmp_path: Path,
) -> None:
    next(pretrain(config, tokens, tmp_path, OFTEN))
    other = make_tokens([tiny_sentences] * 3)
    with pytest.raises(ValueError, match="a run on other tokens; name another output"):
        next(pretrain(config, other, tmp_path))


def test_a_model_for_another_vocabulary_is_refused(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    config = replace(config, model=replace(config.model, vocab_size=71))
    with pytest.raises(ValueError, match="vocabulary of 70 pieces, the model one of 71"):
        next(pretrain(config, tokens, tmp_path, OFTEN))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schedule": "cosine"}, "schedule='cosine'"),
        ({"warmup_steps": 20}, "warmup_steps=20"),
        ({"phases": (Phase(steps=10, batch_size=1, length=65),)}, "length=65"),
        ({"phases": (Phase(steps=10, batch_size=1, length=9, layers=3),)}, "layers=3"),
        ({"learning_rate": -1.0}, "learning_rate=-1.0"),
    ],
)
def test_bad_configuration(
    config: PretrainingConfig, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        replace(config, **changes)


def losses_of(reports: Iterable[StepReport]) -> list[tuple[int, float]]:
    return [(report.step, report.values["total"]) for report in reports]


def test_micro_batches_change_nothing_but_rounding(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    whole = losses_of(pretrain(config, tokens, tmp_path / "whole", OFTEN))
    parts = losses_of(pretrain(config, tokens, tmp_path / "parts", replace(OFTEN, micro_batch=3)))
    assert [loss for _, loss in parts] == pytest.approx([loss for _, loss in whole], rel=1e-5)


def test_checkpointing_changes_nothing(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    model = replace(config.model, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    config = replace(config, model=model)
    whole = losses_of(pretrain(config, tokens, tmp_path / "whole", OFTEN))
    again = losses_of(
        pretrain(config, tokens, tmp_path / "again", replace(OFTEN, checkpointing=True))
    )
    assert [loss for _, loss in again] == pytest.approx([loss for _, loss in whole], rel=1e-5)


def test_a_damaged_checkpoint_is_passed_over(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    whole = losses_of(pretrain(config, tokens, tmp_path / "whole", OFTEN))
    run = tmp_path / "run"
    list(pretrain(config, tokens, run, OFTEN))
    shutil.rmtree(run / "model")
    weights = run / "checkpoint-20" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    reports = list(pretrain(config, tokens, run, OFTEN))
    assert losses_of(reports) == whole[10:]
    assert f"{weights} is missing or damaged" in " ".join(reports[0].notes)
    assert "goes on from" in " ".join(reports[0].notes)
    assert (run / "checkpoint-20.damaged").is_dir()
    events = [line["event"] for line in log_lines(run) if "event" in line]
    assert events == ["damaged checkpoint"]
    assert state.newest(run)[1] == []


def log_lines(run: Path) -> list[dict[str, Any]]:
    return list(map(json.loads, (run / "metrics.jsonl").read_text("utf-8").splitlines()))


def test_sigterm_saves_and_ends(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    whole = losses_of(pretrain(config, tokens, tmp_path / "whole", OFTEN))
    before = signal.getsignal(signal.SIGTERM)
    found = []
    for report in pretrain(config, tokens, tmp_path / "cut", OFTEN):
        found.append(report)
        if report.step == 7:
            os.kill(os.getpid(), signal.SIGTERM)
    assert found[-1].step == 8  # the step that was begun is finished
    assert signal.getsignal(signal.SIGTERM) == before
    assert state.checkpoints(tmp_path / "cut")[-1].name == "checkpoint-8"
    assert not (tmp_path / "cut" / "model").exists()
    found += pretrain(config, tokens, tmp_path / "cut", OFTEN)
    assert losses_of(found) == whole


def test_a_spike_is_undone_and_its_data_left_out(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    rule = SpikeRule(deviations=50, window=5)
    phases = (Phase(steps=4, batch_size=8, length=32), Phase(steps=30, batch_size=8, length=32))
    config = replace(config, spikes=rule, phases=phases, warmup_steps=5)
    reports, told = [], []
    run = pretrain(config, tokens, tmp_path, OFTEN)
    for report in run:
        reports.append(report)
        told += report.notes
        if report.step == 12 and not told[1:]:
            # what a bad batch does to weights, and so to the next loss
            with torch.no_grad():
                trainer(run).model.predictions.bias.add_(100 * torch.randn(70))
    steps = [report.step for report in reports]
    assert steps == [*range(1, 13), *range(11, 35)]  # step 13 spiked, and 10 was saved
    assert re.search(r"the loss jumped to .* in step 13; back to step 10", told[1] + told[2])
    (event,) = [line for line in log_lines(tmp_path) if "event" in line]
    assert (event["event"], event["step"]) == ("rollback", 13)
    verdicts = {
        (each["phase"], each["epoch"]): each["verdict"]
        for each in storage.read_json(tmp_path / "coverage.json")["epochs"]
    }
    assert verdicts[1, 0] == "every example once"
    assert verdicts[2, 0] != "every example once"


def test_a_new_phase_is_no_spike(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    """A deeper model has another loss; so has a run whose weights are changed between phases."""
    rule = SpikeRule(deviations=50, window=5, rollbacks=0)
    phases = tuple(Phase(steps=8, batch_size=8, length=32) for _ in range(2))
    run = pretrain(replace(config, spikes=rule, phases=phases), tokens, tmp_path, OFTEN)
    steps = []
    for report in run:
        steps.append(report.step)
        if report.step == 8:
            with torch.no_grad():
                trainer(run).model.predictions.bias.add_(100 * torch.randn(70))
    assert steps == [*range(1, 17)]


def trainer(run: Iterator[StepReport]) -> Any:
    """The trainer behind the generator that `pretrain` returns."""
    return run.gi_frame.f_locals["trainer"]  # type: ignore[attr-defined]


def test_too_many_spikes_end_the_run(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    rule = SpikeRule(deviations=1, window=3, rollbacks=2)
    config = replace(config, spikes=rule, learning_rate=10.0, warmup_steps=0)
    with pytest.raises(FloatingPointError, match="after 2 rollbacks; lower the learning rate"):
        list(pretrain(config, tokens, tmp_path, OFTEN))


def test_it_begins_with_other_weights_where_asked(
    tiny_folder: Path, tokens: TokenPart, tmp_path: Path, tiny_tokenizer: AlbertTokenizer
) -> None:
    model = AlbertConfig.from_pretrained(tiny_folder)
    phases = (Phase(steps=2, batch_size=4, length=32),)
    config = PretrainingConfig(model=model, phases=phases, source=str(tiny_folder), warmup_steps=0)
    report = next(pretrain(config, tokens, tmp_path / "new", OFTEN))
    assert f"weights of {tiny_folder}: 70 pieces carried over" in report.notes
    begun = AlbertForPreTraining.from_pretrained(tmp_path / "new" / "checkpoint-0").state_dict()
    for name, weight in AlbertForPreTraining.from_pretrained(tiny_folder).state_dict().items():
        assert torch.equal(weight, begun[name]), name


def test_a_loss_that_is_not_finite_keeps_its_batch(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    run = pretrain(config, tokens, tmp_path, OFTEN)
    for report in run:
        if report.step == 12:
            trainer(run).model.predictions.bias.data.fill_(math.nan)
            break
    with pytest.raises(FloatingPointError, match=r"step 13 the loss is nan .*/not-finite-13-0"):
        next(run)
    with np.load(tmp_path / "not-finite-13-0.npz") as batch:
        assert batch["input_ids"].shape[0] == 8
    rest = losses_of(pretrain(config, tokens, tmp_path, OFTEN))
    assert [step for step, _ in rest] == list(range(11, 21))


def test_validation_and_the_best_checkpoint(
    config: PretrainingConfig,
    tokens: TokenPart,
    make_tokens: Callable[..., TokenPart],
    many_documents: list[list[str]],
    tmp_path: Path,
) -> None:
    config = replace(config, phases=(Phase(steps=60, batch_size=16, length=48),))
    held_out = make_tokens(many_documents[:8], held_out=True)
    often = replace(OFTEN, validate_every=10, keep=1)
    list(pretrain(config, tokens, tmp_path, often, held_out=held_out))
    scores = {
        line["step"]: line["validation"] for line in log_lines(tmp_path) if "validation" in line
    }
    assert list(scores) == [10, 20, 30, 40, 50, 60]
    best = min(scores, key=lambda step: scores[step]["mlm_loss"])
    names = {path.name for path in state.checkpoints(tmp_path)}
    assert names == {f"checkpoint-{best}", "checkpoint-60"}
    # the last one is what the exported model scores, with losses that transformers computes
    model = Theirs.from_pretrained(tmp_path / "model").eval()
    data = PretrainingData(
        held_out, length=48, masking=config.masking, seed=config.seed, short_probability=0.1
    )
    assert 16 < data.examples(0) <= 64
    (batch,) = data.batches(0, data.examples(0))
    with torch.no_grad():
        output = model(
            *(torch.from_numpy(getattr(batch, name)) for name in INPUTS),
        )
    rows, slots = np.nonzero(batch.labels >= 0)
    logits = output.prediction_logits[rows, batch.masked_positions[rows, slots]]
    labels = torch.from_numpy(batch.labels[rows, slots])
    loss = torch.nn.functional.cross_entropy(logits, labels)
    assert scores[60]["mlm_loss"] == pytest.approx(float(loss), rel=1e-5)
    accuracy = (logits.argmax(1) == labels).float().mean()
    assert scores[60]["mlm_accuracy"] == pytest.approx(float(accuracy), rel=1e-5)


INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def test_tensorboard_shows_what_is_logged(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    list(pretrain(config, tokens, tmp_path, OFTEN))
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    shown = [(each.step, each.value) for each in events.Scalars("training/mlm_loss")]
    logged = [(line["step"], line["mlm_loss"]) for line in log_lines(tmp_path)]
    assert shown == [(step, pytest.approx(value, rel=1e-6)) for step, value in logged]


def test_a_full_disk_leaves_a_run_that_goes_on(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = losses_of(pretrain(config, tokens, tmp_path / "whole", OFTEN))
    run, calls = tmp_path / "run", []
    save = torch.save

    def full(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(arguments[1]))
        save(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(OSError, match=r"the disk is full, .*checkpoint-20 was not written"):
            list(pretrain(config, tokens, run, OFTEN))
    assert [path.name for path in state.checkpoints(run)] == ["checkpoint-0", "checkpoint-10"]
    assert losses_of(pretrain(config, tokens, run, OFTEN)) == whole[10:]


def test_flops_are_those_of_transformers(config: PretrainingConfig, tokens: TokenPart) -> None:
    data = PretrainingData(tokens, length=32, masking=MaskingConfig(), seed=0)
    batch = next(data.batches(0, 8))
    full = Batch(**{name: array.copy() for name, array in vars(batch).items()})
    full.attention_mask[:] = 1  # every row as long as the longest
    model = Theirs(transformers.AlbertConfig(**config.model.to_dict(), attn_implementation="eager"))
    with FlopCounterMode(display=False) as counter:
        states = model.albert(torch.from_numpy(full.input_ids)).last_hidden_state
        model.predictions(states.flatten(0, 1)[: int((full.labels >= 0).sum())])
    counted = counter.get_total_flops()
    pooler = 2 * 8 * config.model.hidden_size**2
    assert step.flops(config.model, full, None) == pytest.approx(3 * (counted - pooler), rel=1e-3)
