"""The loop: it learns, it goes on after an interruption as if there had been none."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AlbertForPreTraining as Theirs

from albertlm import AlbertForPreTraining, AlbertTokenizer
from albertlm.pretraining.loader import PretrainingData
from albertlm.pretraining.masking import MaskingConfig
from albertlm.pretraining.shards import TokenPart
from albertlm.recipes.small import smoke
from albertlm.training import state
from albertlm.training.config import Execution, Phase, PretrainingConfig
from albertlm.training.objective import PretrainingObjective
from albertlm.training.trainer import pretrain

OFTEN = Execution(log_every=5, save_every=10)


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
    return replace(smoke(tiny_tokenizer.vocab_size), bf16=False)


def test_it_learns_and_exports(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    config = replace(config, phases=(Phase(steps=60, batch_size=16, length=48),))
    losses = [report.values["mlm_loss"] for report in pretrain(config, tokens, tmp_path, OFTEN)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(5, 61, 5))
    assert [path.name for path in state.checkpoints(tmp_path)] == ["checkpoint-50", "checkpoint-60"]
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


def test_too_little_text(
    config: PretrainingConfig, make_tokens: Callable[..., TokenPart], tmp_path: Path
) -> None:
    tokens = make_tokens([["She walked."]])
    with pytest.raises(ValueError, match="fewer than a batch of 8"):
        next(pretrain(config, tokens, tmp_path / "run"))


def test_objective_equals_the_model_with_labels(
    config: PretrainingConfig, tokens: TokenPart
) -> None:
    torch.manual_seed(0)
    model = AlbertForPreTraining(config.model).eval()
    data = PretrainingData(tokens, length=48, masking=MaskingConfig(), seed=0)
    batch = next(data.batches(0, 12))
    losses = PretrainingObjective(model)(batch)
    inputs = {name: torch.from_numpy(array) for name, array in vars(batch).items()}
    del inputs["epochs"], inputs["examples"]
    output = model(**inputs)
    assert torch.allclose(losses.total, output.loss, atol=1e-5)
    assert torch.allclose(losses.sop_loss, output.sop_loss, atol=1e-5)
    right = (output.prediction_logits.argmax(-1).numpy() == batch.labels).sum()
    assert losses.mlm_accuracy == pytest.approx(right / (batch.labels >= 0).sum())


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
