"""`albertlm recipes`: the table, one recipe's fields, JSON."""

import json
from collections.abc import Callable

from albertlm import costs
from albertlm.recipes.registry import RECIPES


def test_all_of_them(run: Callable) -> None:
    done = run("recipes")
    assert (done.code, done.err) == (0, "")
    assert all(f"  {name} " in done.out for name in RECIPES)
    told = json.loads(run("recipes", "--json").out)
    assert told.keys() == RECIPES.keys()
    base = told["albert-base-v1"]
    assert (base["parameters"], base["steps"]) == (11_813_810, 125_000)
    assert base["tokens"] == 125_000 * 4096 * 512
    shape = {"batch_size": 100, "length": 512, "predictions": 77, "device": "cuda"}
    parts = costs.training_memory(RECIPES["albert-base-v1"](30_000).model, **shape)
    memory = base["step_bytes"]
    expected = memory["fixed"] + 100 * memory["of_an_example"]
    assert abs(sum(parts.values()) - expected) < 1e6


def test_one_of_them(run: Callable) -> None:
    done = run("recipes", "shipped", "--vocab-size", 500)
    assert "  model.vocab_size  " in done.out
    told = json.loads(run("recipes", "shipped", "--vocab-size", 500, "--json").out)
    assert told["model.vocab_size"] == 500
    assert (told["phases.0.layers"], told["phases.1.layers"]) == (3, None)
    assert told["masking.probability"] == 0.15


def test_an_unknown_one(run: Callable) -> None:
    done = run("recipes", "ship")
    assert (done.code, done.out) == (2, "")
    assert "did you mean shipped?" in done.err
