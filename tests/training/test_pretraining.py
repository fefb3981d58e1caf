"""The pretraining run: its counts, validation and identity."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from albertlm import AlbertForPreTraining, settings, storage
from albertlm.data.batches import Position
from albertlm.data.masking import MaskingConfig
from albertlm.data.token_shards import TokenPart, Tokens
from albertlm.recipes.small import smoke
from albertlm.reporting.history import History
from albertlm.training.group import Group
from albertlm.training.judgement import SpikeRule
from albertlm.training.pretraining import PretrainingJob, PretrainingRun, pretrain
from albertlm.training.run_config import Execution, Phase, PretrainingConfig

EXECUTION = Execution(device="cpu", bf16=False)


@pytest.fixture(scope="module")
def tokens(make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]) -> TokenPart:
    return make_tokens(many_documents)


@pytest.fixture(scope="module")
def held_out(make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]) -> TokenPart:
    return make_tokens(many_documents[:9], held_out=True)


@pytest.fixture
def config() -> PretrainingConfig:
    return replace(smoke(70), phases=(Phase(steps=20, batch_size=8, length=64),))


def begun(
    config: PretrainingConfig, tokens: TokenPart, held_out: TokenPart | None
) -> PretrainingRun:
    run = PretrainingRun(config, tokens, held_out)
    run.begin(torch.device("cpu"), EXECUTION, resumed=False)
    return run


def test_counts_are_those_of_the_batch(config: PretrainingConfig, tokens: TokenPart) -> None:
    run = begun(config, tokens, None)
    with run.stream(0, Position(), Group.alone("cpu"), 0) as batches:
        batch, _ = next(iter(batches))
    counts = run.counts(0, batch)
    assert counts["masked"] == (batch.labels >= 0).sum()
    assert counts["pairs"] == (batch.sentence_order_label >= 0).sum()
    assert run.report(counts) == {
        "tokens": batch.attention_mask.sum(),
        "replaced": (batch.input_ids == tokens.tokenizer.mask_token_id).sum(),
        "pairs": counts["pairs"],
        "flops": counts["flops"],
    }


def test_validation_is_the_loss_of_the_model_on_all_examples(
    config: PretrainingConfig, tokens: TokenPart, held_out: TokenPart
) -> None:
    run = begun(config, tokens, held_out)
    found = run.validate(0, 1000, Group.alone("cpu"), bf16=False)
    data = run._data(held_out, config.phases[0])
    batch, _ = next(data.stream(Position(), data.examples(0)))
    assert 1 < len(batch) <= 64
    with torch.no_grad():
        output = run.model.eval()(
            torch.from_numpy(batch.input_ids),
            torch.from_numpy(batch.attention_mask),
            torch.from_numpy(batch.token_type_ids),
            masked_positions=torch.from_numpy(batch.masked_positions),
            labels=torch.from_numpy(batch.labels),
            sentence_order_label=torch.from_numpy(batch.sentence_order_label),
        )
    assert found is not None
    assert found["mlm_loss"] == pytest.approx(output.mlm_loss.item(), rel=1e-5)
    assert found["sop_loss"] == pytest.approx(output.sop_loss.item(), rel=1e-5)
    has_label = batch.sentence_order_label >= 0
    right = output.sop_logits.argmax(1).numpy() == batch.sentence_order_label
    assert found["sop_accuracy"] == pytest.approx(right[has_label].mean())
    assert set(found) == {"mlm_loss", "mlm_accuracy", "sop_loss", "sop_accuracy"}


def test_without_held_out_documents_nothing_is_validated(
    config: PretrainingConfig, tokens: TokenPart
) -> None:
    assert begun(config, tokens, None).validate(0, 32, Group.alone("cpu"), bf16=False) is None


def test_a_phase_masks_as_it_says_and_is_validated_as_the_others(
    config: PretrainingConfig, tokens: TokenPart, held_out: TokenPart
) -> None:
    plain = config.phases[0]
    most = replace(
        plain, masking=MaskingConfig(probability=0.5, max_ngram=0, mask_share=1.0, random_share=0.0)
    )
    run = begun(replace(config, phases=(plain, most)), tokens, held_out)
    shares = []
    for number in range(2):
        with run.stream(number, Position(), Group.alone("cpu"), 0) as batches:
            batch, _ = next(iter(batches))
        shares.append((batch.labels >= 0).sum() / batch.attention_mask.sum())
        assert batch.is_mask[batch.labels >= 0].all() == bool(number)
    assert shares == pytest.approx([0.15, 0.5], abs=0.02)
    scores = [run.validate(number, 8, Group.alone("cpu"), bf16=False) for number in range(2)]
    assert scores[0] == scores[1]


def test_validation_leaves_the_model_in_training(
    config: PretrainingConfig, tokens: TokenPart, held_out: TokenPart
) -> None:
    run = begun(config, tokens, held_out)
    run.validate(0, 8, Group.alone("cpu"), bf16=False)
    assert run.objective.training
    assert all(parameter.grad is None for parameter in run.model.parameters())


def test_a_phase_sets_the_depth(config: PretrainingConfig, tokens: TokenPart) -> None:
    phases = (
        Phase(steps=10, batch_size=4, length=32, layers=1),
        Phase(steps=10, batch_size=4, length=32),
    )
    run = begun(replace(config, phases=phases), tokens, None)
    depths = []
    for number in range(2):
        run.enter_phase(number)
        depths.append(run.model.albert.encoder.depth)
    assert depths == [1, config.model.num_hidden_layers]


def test_a_field_that_an_older_identity_lacks_has_its_default(
    config: PretrainingConfig, tokens: TokenPart
) -> None:
    """Or the earlier rule, where the default is another."""
    run = PretrainingRun(config, tokens, None)
    older = run.identity()
    del older["optimizer"], older["model"]["extra"]
    assert run.read_identity(older) == run.identity()
    for name in ("rate_by", "not_finite", "epochs_continue"):
        del older[name]
    del older["spikes"]["averaged"], older["spikes"]["deaf"]
    then = replace(
        config,
        rate_by="examples",
        not_finite=1,
        epochs_continue=False,
        spikes=SpikeRule(averaged=1, deaf=0),
    )
    assert run.read_identity(older) == PretrainingRun(then, tokens, None).identity()
    assert config.as_begun(older) == then
    assert config.as_begun(older | {"spikes": None}).spikes == config.spikes
    assert config.as_begun(run.identity()) == config
    assert run.read_identity(older | {"spikes": None})["spikes"] is None
    with pytest.raises(ValueError, match="has no 'optimiser'; did you mean 'optimizer'"):
        run.read_identity(older | {"optimiser": "lamb"})


def test_every_recipe_is_read_back_from_its_json(config: PretrainingConfig) -> None:
    assert settings.from_json(PretrainingConfig, settings.to_json(config)) == config


def test_a_job_can_be_sent_to_other_processes(
    config: PretrainingConfig, tokens: TokenPart, tmp_path: Path
) -> None:
    opened = Tokens.open(tokens.folder.parent)
    assert opened.tokenizer.vocab_size == opened.vocab_size == 70
    job = PretrainingJob(config, EXECUTION, opened, tmp_path)
    copy: PretrainingJob = pickle.loads(pickle.dumps(job))
    *_, last = copy.loop(Group.alone("cpu"))
    assert last.step == config.total_steps
    AlbertForPreTraining.from_pretrained(tmp_path / "model")


@pytest.fixture(scope="module")
def corpora(
    make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]
) -> dict[str, TokenPart]:
    return {"wiki": make_tokens(many_documents), "books": make_tokens(many_documents[:20])}


def test_a_run_on_several_corpora_goes_on_bit_by_bit(
    config: PretrainingConfig,
    corpora: dict[str, TokenPart],
    held_out: TokenPart,
    tmp_path: Path,
) -> None:
    """Killed in each phase; no example comes twice with the same masks, and none is forgotten."""
    phase = Phase(steps=5, batch_size=32, length=32)
    phases = (
        phase,
        replace(phase, steps=6, shares={"wiki": 0.4, "books": 0.6}),
        replace(phase, steps=2, shares={"books": 1.0}),
    )
    config = replace(config, phases=phases, warmup_steps=2)
    execution = replace(EXECUTION, save_every=3, validate_every=8, validation_examples=8)

    def train(name: str, last: int | None = None) -> list[int]:
        loop = pretrain(*(config, corpora, tmp_path / name, execution), held_out={"wiki": held_out})
        return [report.step for report in islice(loop, last)]

    assert train("whole") == [*range(1, 14)]
    assert [*train("cut", 4), *train("cut", 6), *train("cut")] == [
        *range(1, 5), *range(4, 10), *range(10, 14),
    ]  # fmt: skip
    for name in ("model/model.safetensors", "coverage.json", "config.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()
    found = storage.read_json(tmp_path / "cut" / "config.json")["tokens"]
    assert found == {name: part.checksum for name, part in corpora.items()}
    rows = storage.read_json(tmp_path / "cut" / "coverage.json")["epochs"]
    assert {row["verdict"] for row in rows} == {"every example once"}
    seen = [(row["tokens"], row["epoch"]) for row in rows]
    assert len(set(seen)) == len(seen)
    assert sum(row["seen"] for row in rows) == 13 * 32
    books = [
        sum(r["seen"] for r in rows if (r["tokens"], r["phase"]) == ("books", n)) for n in (2, 3)
    ]
    assert books == [pytest.approx(0.6 * 6 * 32, abs=4), 2 * 32]
    assert {row["tokens"] for row in rows if row["phase"] == 3} == {"books"}
    assert {row["tokens"] for row in rows if row["seen"] < row["expected"]} == {"wiki", "books"}
    report = History.read(tmp_path / "cut")
    assert {each.tokens for each in report.coverage} == {"wiki", "books"}


def test_shares_that_fit_no_folder(
    config: PretrainingConfig, corpora: dict[str, TokenPart], tokens: TokenPart
) -> None:
    phase = replace(config.phases[0], shares={"wiki": 0.5, "news": 0.5})
    config = replace(config, phases=(phase,))
    group: dict[str, Any] = {"execution": EXECUTION, "ranks": 1}
    with pytest.raises(ValueError, match=r"it must be shares of books, wiki$"):
        PretrainingRun(config, corpora, None).check(**group)
    with pytest.raises(ValueError, match="it must be shares of folders that have names, NAME=TOK"):
        PretrainingRun(config, tokens, None).check(**group)
    for bad in ({"wiki": 0.5}, {"wiki": 1.5, "books": -0.5}, {}):
        with pytest.raises(ValueError, match="it must be 0 or more each and 1 together"):
            replace(phase, shares=bad)
    read = settings.from_json(PretrainingConfig, settings.to_json(config))
    assert read.phases[0].shares == phase.shares
