"""`compare` prints what the library finds."""

import dataclasses
import json
from pathlib import Path

import pytest
from commands import Run

from albertlm.cli.compare import compare
from albertlm.tasks import comparison
from albertlm.tasks.predictions import read_predictions, write_predictions
from albertlm.tasks.task import Prediction


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.jsonl" for name in "ab"]
    for path, wrong in zip(paths, (3, 5), strict=True):
        values = ["x" if i < wrong else "y" for i in range(20)]
        write_predictions(path, [Prediction(str(i), each, "y") for i, each in enumerate(values)])
    return paths


def test_json_and_table(run: Run, files: list[Path]) -> None:
    done = run("compare", *files, "--json")
    assert (done.code, done.err) == (0, "")
    expected = comparison.compare(*map(read_predictions, files))
    assert json.loads(done.out) == dataclasses.asdict(expected)
    table = run("compare", *files).out
    for shown in ("accuracy of A", "0.8500", "-0.1000", "only A right", "p, McNemar", "0.5000"):
        assert shown in table


def test_numbers_have_no_right_and_wrong(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_predictions(path, [Prediction("0", 3.5, 4.0)])
    table = run("compare", path, path).out
    assert "mean_absolute_error of B" in table
    assert "McNemar" not in table


def test_bad_input(run: Run, files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        compare(files[0], tmp_path / "none.jsonl")
    write_predictions(files[1], [Prediction("7", "x", "x")])
    code, out, err = run("compare", *files)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "compare files of the same data" in err
