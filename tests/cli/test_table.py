"""`table` prints the table of the card, and writes it."""

import json
from pathlib import Path

import pytest
from commands import Run

from albertlm.cli.table import table


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.json"
    path.write_text('{"task": "sst2", "split": "dev", "n": 872, "scores": {"accuracy": 0.75}}')
    return path


def test_the_table_and_its_folder(run: Run, result: Path, tmp_path: Path) -> None:
    done = run("table", result, "--output", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    for shown in ("tiny", "75.0", "albert-base-v2 (card)", "looks at dev", "out/README.md"):
        assert shown in done.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "results.csv",
        "results.png",
    ]


def test_without_a_folder_nothing_is_written(run: Run, result: Path) -> None:
    assert "tiny" in run("table", result).out
    assert [*result.parent.iterdir()] == [result]


def test_json(run: Run, result: Path, tmp_path: Path) -> None:
    done = run("table", result, "--json")
    (found,) = json.loads(done.out)["results"]
    assert (found["model"], found["score"], found["n"], found["seeds"]) == ("tiny", 75, 872, 1)
    told = json.loads(run("table", result, "-o", tmp_path / "out", "--json").out)
    assert told["table"].endswith("README.md")


def test_bad_input(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    code, out, err = run("table", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is not the result of a task" in err
    with pytest.raises(FileNotFoundError):
        table([str(tmp_path / "none.json")])
