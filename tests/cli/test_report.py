"""`albertlm report` on the folder of a run, or of several, and its bad input."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Run

from albertlm.cli.report import report

RUN = """{"step": 5, "mlm_loss": 3.0, "tokens": 100, "seconds": 2}
{"step": 10, "mlm_loss": 2.0, "tokens": 100, "seconds": 2}
"""


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    folder = tmp_path / "trained"
    folder.mkdir()
    config = {"model": {"hidden_size": 64}, "phases": [{"steps": 10}], "log_every": 5}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "metrics.jsonl").write_text(RUN, encoding="utf-8")
    return folder


def test_a_table_and_files(run: Run, trained: Path) -> None:
    done = run("report", trained)
    assert (done.code, done.err) == (0, "")
    assert str(trained / "report" / "README.md") in done.out
    assert "masked-token loss (nats)" in done.out
    names = [path.name for path in sorted((trained / "report").iterdir())]
    assert names == ["README.md", "curves.png", "curves.svg"]


def test_json_of_several_runs(
    run: Run, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = trained.rename(tmp_path / "other")
    trained.mkdir()
    for file in ("config.json", "metrics.jsonl"):
        (trained / file).write_bytes((other / file).read_bytes())
    told = json.loads(run("report", trained, other, "--json").out)
    assert told["report"] == "report/README.md"
    assert [each["name"] for each in told["runs"]] == ["trained", "other"]
    assert told["runs"][0]["training"]["mlm_loss"] == {"last": 2.0, "best": 2.0, "best_step": 10}
    assert told["runs"][0]["tokens_per_second"] == 50
    assert (tmp_path / "report" / "README.md").is_file()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "is not a pretraining run"),
        (lambda folder: (folder / "metrics.jsonl").unlink(), "has no values yet"),
        (lambda folder: (folder / "metrics.jsonl").write_text(f"?\n{RUN}"), "line 1 of"),
        (lambda folder: folder.rename(folder.with_name("gone")), "there is no folder"),
    ],
)
def test_bad_input(
    run: Run, trained: Path, prepare: Callable[[Path], object], message: str
) -> None:
    prepare(trained)
    done = run("report", trained)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert message in done.err


def test_a_run_that_is_named_twice_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is named twice"):
        report([trained, trained], output=tmp_path / "report")
    assert not (tmp_path / "report").exists()
