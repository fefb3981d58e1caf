"""All commands of a pretraining, one after the other: from a corpus to scores and a report."""

import json
from pathlib import Path

import pytest
from commands import Run

from albertlm import AlbertForPreTraining
from albertlm.corpus.shards import Corpus


@pytest.mark.slow
def test_from_a_corpus_to_scores_and_a_report(
    run: Run, corpus: Corpus, vocabulary: Path, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    made = run("tokens", corpus.folder, "--vocabulary", vocabulary, "--output", tokens)
    assert made.code == 0, made.err
    pretrain = ("pretrain", "smoke", tokens, "--output", tmp_path / "run", "--json")
    result = json.loads(run(*pretrain).out)
    assert result["steps"] == 20
    assert run(*pretrain).code == 0  # finished already

    scores = json.loads(
        run("evaluate", "pretraining", tokens, "--model", result["model"], "--json").out
    )
    assert 0 <= scores["mlm_accuracy"] <= 1
    assert scores["predictions"] > 100
    assert run("fill-mask", "She [MASK] it.", "--model", result["model"], "--json").code == 0

    told = json.loads(run("report", tmp_path / "run", "--json").out)
    assert Path(told["report"]).is_file()
    (summary,) = told["runs"]
    assert (summary["steps"], summary["finished"]) == (20, True)
    model = AlbertForPreTraining.from_pretrained(result["model"])
    assert summary["parameters"] == sum(each.numel() for each in model.parameters())
