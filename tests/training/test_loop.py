"""The loop: it learns, and an interruption does not change the result."""

import json
import math
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pytest
import torch
import transformers
from no_reading import NoReading
from safetensors.numpy import load_file
from signals import deliver
from torch.utils.flop_counter import FlopCounterMode
from transformers import AlbertForPreTraining as Theirs

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertTokenizer, storage
from albertlm.data.batches import Batch
from albertlm.data.loader import PretrainingData
from albertlm.data.masking import MaskingConfig
from albertlm.data.token_shards import TokenPart
from albertlm.recipes.small import smoke
from albertlm.reporting.history import History
from albertlm.training import snapshots
from albertlm.training.group import Group
from albertlm.training.judgement import PlateauRule, SpikeRule
from albertlm.training.loop import Loop, StepReport
from albertlm.training.pretraining import PretrainingRun, flops, pretrain
from albertlm.training.run import Counts
from albertlm.training.run_config import Execution, Phase, PretrainingConfig
from albertlm.training.stopping import SAVING, SIGNALS

OFTEN = Execution(bf16=False, log_every=5, save_every=10)


@pytest.fixture(scope="module")
def tokens(make_tokens: Callable[..., TokenPart], tiny_sentences: list[str]) -> TokenPart:
    rng = np.random.default_rng(0)
    documents = [list(map(str, rng.choice(tiny_sentences, size=10))) for _ in range(80)]
    return make_tokens(documents, shards=3)


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
    assert [path.name for path in snapshots.checkpoints(tmp_path)] == [
        "checkpoint-50",
        "checkpoint-60",
    ]
    epochs = storage.read_json(tmp_path / "coverage.json")["epochs"]
    assert {each["verdict"] for each in epochs} == {"every example once"}
    assert sum(each.seen for each in History.read(tmp_path).coverage) == 60 * 16
    assert [each["seen"] == each["expected"] for each in epochs] == [True] * (len(epochs) - 1) + [
        False
    ]
    AlbertTokenizer.from_pretrained(tmp_path / "model")
    loaded = Theirs.from_pretrained(tmp_path / "model", output_loading_info=True)
    _, report = cast(tuple[Theirs, dict[str, Any]], loaded)
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
        sizes: dict[str, Any] = {"steps": 1, "batch_size": 1, "length": 8} | changes
        with pytest.raises(ValueError, match="is not allowed; it must be 1 or more"):
            Phase(**sizes)


def test_another_configuration_is_refused(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    list(pretrain(config, tokens, tmp_path, OFTEN))
    with pytest.raises(ValueError, match="begun with a different 'seed'"):
        next(iter(pretrain(replace(config, seed=1), tokens, tmp_path)))


def test_other_tokens_are_refused(
    config: PretrainingConfig,
    tokens: TokenPart,
    make_tokens: Callable[..., TokenPart],
    tiny_sentences: list[str],
    tmp_path: Path,
) -> None:
    list(pretrain(config, tokens, tmp_path, OFTEN))
    other = make_tokens([tiny_sentences] * 3)
    with pytest.raises(ValueError, match="begun with a different 'tokens'; remove it"):
        next(iter(pretrain(config, other, tmp_path)))


def test_a_model_for_another_vocabulary_is_refused(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    config = replace(config, model=replace(config.model, vocab_size=71))
    with pytest.raises(ValueError, match="vocabulary of 70 pieces, the model one of 71"):
        next(iter(pretrain(config, tokens, tmp_path, OFTEN)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schedule": "cosine"}, "schedule='cosine'"),
        ({"warmup_steps": 20}, "warmup_steps=20"),
        ({"phases": (Phase(steps=10, batch_size=1, length=65),)}, "length=65"),
        ({"phases": (Phase(steps=10, batch_size=1, length=9, layers=3),)}, "layers=3"),
        ({"learning_rate": -1.0}, "learning_rate=-1.0"),
        ({"average": 1.0}, "average=1.0 is not allowed; it must be between 0 and 1"),
    ],
)
def test_bad_configuration(config: PretrainingConfig, changes: dict[str, Any], said: str) -> None:
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


def test_states_in_bfloat16_learn_as_those_in_float32(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    """The curve of the loss, in means of ten steps."""
    config = replace(config, phases=(Phase(steps=60, batch_size=16, length=32),))
    curves = []
    for name, bf16 in (("float32", False), ("bfloat16", True)):
        each = replace(OFTEN, bf16=bf16, bf16_residual=bf16)
        losses = [loss for _, loss in losses_of(pretrain(config, tokens, tmp_path / name, each))]
        curves.append(np.reshape(losses, (-1, 10)).mean(1))
    np.testing.assert_allclose(curves[1], curves[0], atol=0.03)
    assert curves[0][-1] < curves[0][0] - 0.2
    with pytest.raises(ValueError, match="bf16_residual=True is not allowed; it must be left out"):
        pretrain(config, tokens, tmp_path / "no", replace(OFTEN, bf16_residual=True))


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
    assert f"{weights} is damaged" in " ".join(reports[0].notes)
    assert "goes on from" in " ".join(reports[0].notes)
    assert (run / "checkpoint-20.damaged").is_dir()
    events = [line["event"] for line in log_lines(run) if "event" in line]
    assert events == ["damaged checkpoint"]
    assert snapshots.newest(run)[1] == []


def bias_of(loop: Loop[Batch]) -> torch.Tensor:
    """The prediction bias of the model in training."""
    assert isinstance(loop.run, PretrainingRun)
    return loop.run.model.predictions.bias


def log_lines(run: Path) -> list[dict[str, Any]]:
    return list(map(json.loads, (run / "metrics.jsonl").read_text("utf-8").splitlines()))


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_saves_and_ends(
    number: signal.Signals,
    config: PretrainingConfig,
    tokens: TokenPart,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    whole = losses_of(pretrain(config, tokens, tmp_path / "whole", OFTEN))
    before = signal.getsignal(number)
    found = []
    for report in pretrain(config, tokens, tmp_path / "cut", OFTEN):
        found.append(report)
        if report.step == 7:
            deliver(number)
            assert signal.getsignal(number) is signal.SIG_DFL  # a second one ends at once
    assert found[-1].step == 8  # the current step is finished
    assert signal.getsignal(number) == before
    assert capfd.readouterr().err == SAVING
    assert snapshots.checkpoints(tmp_path / "cut")[-1].name == "checkpoint-8"
    assert not (tmp_path / "cut" / "model").exists()
    found += pretrain(config, tokens, tmp_path / "cut", OFTEN)
    assert losses_of(found) == whole


def test_a_spike_is_undone_and_its_data_left_out(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    rule = SpikeRule(deviations=50, averaged=1, window=5, deaf=0)
    phases = (Phase(steps=4, batch_size=8, length=32), Phase(steps=30, batch_size=8, length=32))
    config = replace(config, spikes=rule, phases=phases, warmup_steps=5)
    reports: list[StepReport] = []
    told: list[str] = []
    loop = pretrain(config, tokens, tmp_path, OFTEN)
    for report in loop:
        reports.append(report)
        told += report.notes
        if report.step == 12 and not told[1:]:
            # the effect of a bad batch on weights, and so on step 14: 13 has begun
            with torch.no_grad():
                bias_of(loop).add_(100 * torch.randn(70))
    steps = [report.step for report in reports]
    assert steps == [*range(1, 14), *range(11, 35)]  # step 14 spiked, and 10 was saved
    assert re.search(r"the loss jumped to .* in step 14; back to step 10", told[1] + told[2])
    (event,) = [line for line in log_lines(tmp_path) if "event" in line]
    assert (event["event"], event["step"]) == ("rollback", 14)
    verdicts = {
        (each["phase"], each["epoch"]): each["verdict"]
        for each in storage.read_json(tmp_path / "coverage.json")["epochs"]
    }
    assert verdicts[1, 0] == "every example once"
    assert verdicts[2, 1] != "every example once"


def test_a_new_phase_is_no_spike(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    """A deeper model has another loss; here the weights are changed between phases."""
    rule = SpikeRule(deviations=50, averaged=1, window=5, deaf=0, rollbacks=0)
    phases = tuple(Phase(steps=8, batch_size=8, length=32) for _ in range(2))
    loop = pretrain(replace(config, spikes=rule, phases=phases), tokens, tmp_path, OFTEN)
    steps = []
    for report in loop:
        steps.append(report.step)
        if report.step == 8:
            with torch.no_grad():
                bias_of(loop).add_(100 * torch.randn(70))
    assert steps == [*range(1, 17)]


def test_a_mean_is_judged_and_a_checkpoint_from_before_it_restored(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    """Step 13 makes the mean of 11 to 13 too high, so that checkpoint 12 may be as bad."""
    rule = SpikeRule(deviations=200, averaged=3, window=5, deaf=0)
    phases = (Phase(steps=22, batch_size=8, length=32),)
    often = replace(OFTEN, save_every=2, keep=5)
    loop = pretrain(replace(config, spikes=rule, phases=phases), tokens, tmp_path, often)
    steps: list[int] = []
    for report in loop:
        steps.append(report.step)
        if steps == [*range(1, 13)]:
            with torch.no_grad():
                bias_of(loop).add_(100 * torch.randn(70))
    assert steps == [*range(1, 13), *range(11, 23)]
    (event,) = [line for line in log_lines(tmp_path) if "event" in line]
    assert event["reason"].endswith(
        "in step 13; back to step 10, and on behind the data read since"
    )


def test_a_spike_soon_after_a_switch_is_not_heard(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    rule = SpikeRule(deviations=20, averaged=1, window=3, deaf=9, rollbacks=0)
    phases = tuple(Phase(steps=steps, batch_size=8, length=32) for steps in (4, 16))
    loop = pretrain(replace(config, spikes=rule, phases=phases), tokens, tmp_path, OFTEN)
    spikes = {10: 100.0, 14: 1e6}  # in steps 11 and 16, the 7th and the 12th of the phase

    def train() -> None:
        for report in loop:
            if report.step in spikes:
                bias_of(loop).data.add_(spikes[report.step] * torch.randn(70))

    with pytest.raises(FloatingPointError, match="in step 16"):
        train()


def test_no_example_comes_twice_with_the_same_masks(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    """In three phases of one length, one of which ends within an epoch."""
    one = Phase(steps=7, batch_size=8, length=32)
    phases = (one, replace(one, steps=30), replace(one, steps=5))
    config = replace(config, phases=phases, warmup_steps=1)
    run = PretrainingRun(config, tokens, None)
    seen: list[tuple[int, int]] = []
    counts = run.counts

    def watched(number: int, batch: Batch) -> Counts:
        seen.extend(zip(batch.epochs.tolist(), batch.examples.tolist(), strict=True))
        return counts(number, batch)

    run.counts = watched  # type: ignore[method-assign]
    list(Loop(run, tmp_path, OFTEN, Group.alone("cpu")))
    assert len(set(seen)) == len(seen) == 42 * 8
    rows = storage.read_json(tmp_path / "coverage.json")["epochs"]
    assert [row["phase"] for row in rows if row["epoch"] == 0] == [1]
    assert sorted({row["epoch"] for row in rows}) == [row["epoch"] for row in rows]
    assert sum(row["expected"] - row["seen"] for row in rows if row["phase"] == 1) > 0  # unread
    assert {row["verdict"] for row in rows} == {"every example once"}


def test_a_step_without_a_finite_gradient_changes_nothing(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    each = replace(OFTEN, bf16=True, save_every=1, keep=30)
    loop = pretrain(config, tokens, tmp_path, each)
    told = []
    for report in loop:
        if report.step in (7, 9, 10):  # all values are read before a checkpoint
            loop.updater.gradients[0] = math.inf
        told += [report.step] if "total" not in report.values else []
        assert report.step != 8 or "its gradient is not finite" in report.notes
    assert told == [8, 10, 11]
    weights = [
        load_file(tmp_path / f"checkpoint-{step}" / "model.safetensors") for step in range(21)
    ]
    for step in range(2, 21):
        name = "predictions.bias"
        assert np.array_equal(weights[step][name], weights[step - 1][name]) == (step in told)
    found, _ = snapshots.newest(tmp_path)
    assert found is not None
    assert (found.progress.skipped, found.progress.in_a_row) == (3, 0)
    lines = [line for line in log_lines(tmp_path) if "event" not in line]
    assert all(math.isfinite(line["total"]) for line in lines)
    assert [line["step"] for line in log_lines(tmp_path) if "event" in line] == told


def test_too_many_of_them_end_the_run_and_keep_the_batch(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    each = replace(OFTEN, bf16=True, save_every=1)
    loop = pretrain(replace(config, not_finite=3), tokens, tmp_path, each)

    def train() -> None:
        for _ in loop:
            loop.updater.gradients[0] = math.nan

    with pytest.raises(FloatingPointError, match=r"step 4 .* after 2 such steps that changed"):
        train()
    assert (tmp_path / "not-finite-4-0.npz").exists()


def test_the_average_of_the_weights_is_that_of_all_steps(
    config: PretrainingConfig,
    tokens: TokenPart,
    make_tokens: Callable[..., TokenPart],
    many_documents: list[list[str]],
    tmp_path: Path,
) -> None:
    """Computed in float64; the same bytes after an interruption; the weights stay as they are."""
    held_out = make_tokens(many_documents[:8], held_out=True)
    averaged, often = replace(config, average=0.8), replace(OFTEN, save_every=1, keep=99)
    losses_of(pretrain(config, tokens, tmp_path / "plain", OFTEN))
    losses_of(pretrain(averaged, tokens, tmp_path / "whole", often, held_out=held_out))
    for _ in pretrain(averaged, tokens, tmp_path / "cut", OFTEN, held_out=held_out):
        if (tmp_path / "cut" / "checkpoint-10").exists():
            break
    losses_of(pretrain(averaged, tokens, tmp_path / "cut", OFTEN, held_out=held_out))

    def weights(*parts: str) -> dict[str, Any]:
        return load_file(tmp_path.joinpath(*parts) / "model.safetensors")

    expected = {
        name: np.float64(weight) for name, weight in weights("whole", "checkpoint-0").items()
    }
    for step in range(1, 21):
        for name, weight in weights("whole", f"checkpoint-{step}").items():
            expected[name] = 0.8 * expected[name] + 0.2 * np.float64(weight)
    for name, weight in weights("whole", "model-average").items():
        np.testing.assert_allclose(weight, expected[name], atol=1e-6)
        assert np.array_equal(weights("plain", "model")[name], weights("whole", "model")[name])
    for folder in ("model", "model-average"):
        files = [tmp_path / run / folder / "model.safetensors" for run in ("whole", "cut")]
        assert files[0].read_bytes() == files[1].read_bytes()
    scores = [line["validation"] for line in log_lines(tmp_path / "whole") if "validation" in line]
    assert scores[-1]["average_mlm_loss"] != scores[-1]["mlm_loss"]
    model = Theirs.from_pretrained(tmp_path / "whole" / "model-average").eval()
    data = PretrainingData(held_out, length=32, masking=config.masking, seed=0)
    (batch, *_) = data.batches(0, min(64, data.examples(0)))
    with torch.no_grad():
        output = model(*(torch.from_numpy(getattr(batch, name)) for name in INPUTS))
    rows, slots = np.nonzero(batch.labels >= 0)
    logits = output.prediction_logits[rows, batch.masked_positions[rows, slots]]
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.labels[rows, slots]))
    assert scores[-1]["average_mlm_loss"] == pytest.approx(float(loss), rel=1e-4)


def test_one_synchronisation_a_step(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU, floating-point numbers stand for those of a device."""
    read, reads = torch.Tensor.tolist, []

    def counted(tensor: torch.Tensor) -> Any:
        reads.append(tensor.is_floating_point())
        return read(tensor)

    monkeypatch.setattr(torch.Tensor, "tolist", counted)
    seldom = replace(OFTEN, save_every=1000, bf16=True)
    reports = iter(pretrain(config, tokens, tmp_path, seldom))
    next(reports)
    reads.clear()
    with NoReading(host=True):
        for _ in range(10):
            next(reports)
    assert reads.count(True) == 10


def test_on_a_plateau_it_begins_again_at_half_the_rate(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    """With the first weights and other data; killed after that, it ends in the same bytes."""
    plateau = PlateauRule(step=7, loss=0.5, averaged=3)
    phases = (Phase(steps=9, batch_size=8, length=32), Phase(steps=13, batch_size=8, length=32))
    config = replace(config, plateaus=(plateau,), phases=phases, warmup_steps=2, average=0.5)
    each = replace(OFTEN, save_every=4, keep=1, log_every=1)
    reports = list(pretrain(config, tokens, tmp_path / "whole", each))
    assert [report.step for report in reports] == [*range(1, 23)]
    events = [line for line in log_lines(tmp_path / "whole") if "event" in line]
    assert [(line["event"], line["step"]) for line in events] == [("restart", n) for n in (7, 14)]
    assert re.fullmatch(
        r"mlm_loss is 4\.\d+ after 7 steps, not below 0\.5; begins again in step 14 at 1/4 of the "
        "rate",
        events[1]["reason"],
    )
    rates = [report.values["learning_rate"] for report in reports]
    expected = [config.rate(n, phases[n >= 9], (7, 14)[: (n >= 7) + (n >= 14)]) for n in range(22)]
    assert rates == expected
    losses = [report.values["mlm_loss"] for report in reports]
    assert losses[7] > max(losses[4:7])  # the first weights again
    for report in pretrain(config, tokens, tmp_path / "cut", each):
        if report.step == 11:
            break
    assert (tmp_path / "cut" / "checkpoint-9").is_dir()
    list(pretrain(config, tokens, tmp_path / "cut", each))
    for name in ("model", "model-average"):
        files = [tmp_path / run / name / "model.safetensors" for run in ("whole", "cut")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_below_its_bound_it_goes_on(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    whole = losses_of(pretrain(config, tokens, tmp_path / "plain", OFTEN))
    judged = replace(config, plateaus=(PlateauRule(step=6, loss=9.0),))
    assert losses_of(pretrain(judged, tokens, tmp_path / "judged", OFTEN)) == whole


def test_an_idle_device_is_told(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("albertlm.training.metrics.FIRST_STEPS", 2)
    monkeypatch.setattr("albertlm.training.metrics.CHECKED_STEPS", 5)
    told: list[str] = []
    for report in pretrain(config, tokens, tmp_path, replace(OFTEN, save_every=100)):
        told += [note for note in report.notes if "idle" in note]
        assert ("idle" in report.values) == (report.step != 1)
        time.sleep(0.05)  # the caller is slow
    (note,) = told
    assert re.match(r"the device is idle between steps for \d+% of the time, and", note)
    assert sum(line["idle"] for line in log_lines(tmp_path)) > 0.05 * 10


def test_too_many_spikes_end_the_run(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    rule = SpikeRule(deviations=1, averaged=1, window=3, rollbacks=2)
    config = replace(config, spikes=rule, learning_rate=10.0, warmup_steps=0)
    with pytest.raises(FloatingPointError, match="after 2 rollbacks; lower the learning rate"):
        list(pretrain(config, tokens, tmp_path, OFTEN))


def test_it_begins_with_other_weights_where_asked(
    tiny_folder: Path, tokens: TokenPart, tmp_path: Path, tiny_tokenizer: AlbertTokenizer
) -> None:
    model = AlbertConfig.from_pretrained(tiny_folder)
    phases = (Phase(steps=2, batch_size=4, length=32),)
    config = PretrainingConfig(model=model, phases=phases, source=str(tiny_folder), warmup_steps=0)
    report = next(iter(pretrain(config, tokens, tmp_path / "new", OFTEN)))
    assert f"weights of {tiny_folder}: 70 pieces carried over" in report.notes
    begun = AlbertForPreTraining.from_pretrained(tmp_path / "new" / "checkpoint-0").state_dict()
    for name, weight in AlbertForPreTraining.from_pretrained(tiny_folder).state_dict().items():
        assert torch.equal(weight, begun[name]), name


def test_a_loss_that_is_not_finite_keeps_its_batch(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    loop = pretrain(config, tokens, tmp_path, OFTEN)
    reports = iter(loop)
    for report in reports:
        if report.step == 12:
            bias_of(loop).data.fill_(math.nan)
            break
    assert next(reports).step == 13  # had begun before
    with pytest.raises(FloatingPointError, match=r"step 14 the loss is nan .*/not-finite-14-0"):
        next(reports)
    with np.load(tmp_path / "not-finite-14-0.npz") as batch:
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
    names = {path.name for path in snapshots.checkpoints(tmp_path)}
    assert names == {f"checkpoint-{best}", "checkpoint-60"}
    # the last scores are those of the exported model, computed with transformers
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

    def full(state: dict[str, Any], file: BinaryIO) -> None:
        calls.append(state)
        if len(calls) == 3:
            with Path("/dev/full").open("wb") as device:
                save(state, device)
        save(state, file)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(OSError, match=r"the disk is full, .*checkpoint-20 was not written"):
            list(pretrain(config, tokens, run, OFTEN))
    assert [path.name for path in snapshots.checkpoints(run)] == ["checkpoint-0", "checkpoint-10"]
    assert losses_of(pretrain(config, tokens, run, OFTEN)) == whole[10:]


def test_flops_are_those_of_transformers(config: PretrainingConfig, tokens: TokenPart) -> None:
    data = PretrainingData(tokens, length=32, masking=MaskingConfig(), seed=0)
    batch = next(data.batches(0, 8))
    full = Batch(**{name: array.copy() for name, array in vars(batch).items()})
    full.attention_mask[:] = 1  # every row as long as the longest
    architecture = config.model.to_dict() | {"attn_implementation": "eager"}
    model = Theirs(transformers.AlbertConfig(**architecture))
    with FlopCounterMode(display=False) as counter:
        states = model.albert(torch.from_numpy(full.input_ids)).last_hidden_state
        model.predictions(states.flatten(0, 1)[: int((full.labels >= 0).sum())])
    counted = counter.get_total_flops()
    pooler = 2 * 8 * config.model.hidden_size**2
    assert flops(config.model, full, None) == pytest.approx(3 * (counted - pooler), rel=1e-3)
