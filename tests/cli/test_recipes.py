"""`albertlm recipes`: the table, one recipe's fields, JSON."""

import json
import re
import sys

import pytest
from commands import Run

from albertlm import costs
from albertlm.cli.recipes import recipes
from albertlm.recipes.registry import RECIPES
from albertlm.settings import override


def test_all_of_them(run: Run) -> None:
    done = run("recipes")
    assert (done.code, done.err) == (0, "")
    assert all(f"  {name} " in done.out for name in RECIPES)
    told = json.loads(run("recipes", "--json").out)
    assert told.keys() == RECIPES.keys()
    base = told["albert-base-v1"]
    assert (base["parameters"], base["steps"]) == (11_813_810, 125_000)
    assert base["tokens"] == 125_000 * 4096 * 512
    model = RECIPES["albert-base-v1"](30_000).model
    parts = costs.training_memory(model, batch_size=100, length=512, predictions=77, device="cuda")
    memory = base["step_bytes"]
    expected = memory["fixed"] + 100 * memory["of_an_example"]
    assert abs(sum(parts.values()) - expected) < 1e6


def test_names_are_whole_in_a_terminal_of_80_columns(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    out = re.sub(r"\x1b\[[0-9;]*m", "", run("recipes").out)
    assert all(f"  {name} " in out for name in RECIPES)
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_one_of_them(run: Run) -> None:
    done = run("recipes", "shipped", "--vocab-size", 500)
    assert "  model.vocab_size  " in done.out
    told = json.loads(run("recipes", "shipped", "--vocab-size", 500, "--json").out)
    assert told["model.vocab_size"] == 500
    assert (told["phases.0.layers"], told["phases.1.layers"]) == (3, None)
    assert told["masking.probability"] == 0.15


@pytest.mark.parametrize("name", ["smoke", "shipped", "albert-xxlarge-v1"])
def test_what_is_shown_is_what_set_takes(name: str, run: Run) -> None:
    told = json.loads(run("recipes", name, "--json").out)
    config = RECIPES[name](30_000)
    assert override(config, [f"{field}={value}" for field, value in told.items()]) == config


def test_an_unknown_one(run: Run) -> None:
    done = run("recipes", "ship")
    assert (done.code, done.out) == (2, "")
    assert "did you mean 'shipped'?" in done.err
    with pytest.raises(ValueError, match=r"unknown recipe 'ship'; did you mean 'shipped'\?"):
        recipes("ship")


def test_a_vocabulary_without_pieces_is_refused(run: Run) -> None:
    done = run("recipes", "--vocab-size", 0)
    assert (done.code, done.out) == (2, "")
    assert "Invalid value for '--vocab-size'" in done.err
