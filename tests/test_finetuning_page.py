"""The page on fine-tuning: its table is its data, and its commands run one after the other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from commands import Run

from albertlm import pipeline
from albertlm.storage import read_json

PAGE = Path(__file__).parent.parent / "docs" / "finetuning.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.chdir(tmp_path)
    (table,) = (code for language, code in BLOCKS if language == "csv")
    (tmp_path / "reviews.csv").write_text(table, encoding="utf-8")
    commands = [line for kind, code in BLOCKS if kind == "console" for line in code.splitlines()]
    assert len(commands) == 7
    for command in commands:
        name, *arguments = shlex.split(command)
        assert name == "albertlm"
        done = run(*arguments)
        assert done.code == 0, f"{command}: {done.err}"
        assert done.out.strip(), command
    classify = pipeline("text-classification", tmp_path / "runs/reviews/model")
    (found,) = classify("They forgot our order twice.")
    assert found["label"] == "bad"
    seeds = [each["seed"] for each in read_json(tmp_path / "runs/seeds/results.json")["runs"]]
    assert {0, 1} <= {*seeds}
