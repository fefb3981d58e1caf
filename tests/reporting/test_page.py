"""The Markdown page: one run, several, what is told of unfinished ones; what is not overwritten."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from albertlm.reporting import curves, page
from albertlm.reporting.history import History


def cells(text: str, first: str) -> list[str]:
    """The other cells of the one row of the page that begins with a cell."""
    [row] = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in row.strip("|").split(" | ")][1:]


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty files stand for figures, which take longer than all else."""

    def draw(runs: Sequence[History], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for kind in ("png", "svg"):
            (folder / f"curves.{kind}").touch()

    monkeypatch.setattr(curves, "draw", draw)


def write(folder: Path, *runs: Path) -> str:
    page.write_report(page.read_runs(runs), folder)
    return (folder / "README.md").read_text(encoding="utf-8")


def test_one_run(make_run: Callable[..., Path], tmp_path: Path) -> None:
    scores = [
        (n, {"step": 5 * n, "validation": {"mlm_accuracy": accuracy}})
        for n, accuracy in ((10, 0.5), (20, 0.25))
    ]
    event = (3, {"step": 15, "event": "rollback", "reason": "a | spike"})
    text = write(tmp_path / "report", make_run(lines=[*scores, event], tokens="ab" * 32))
    assert {file.name for file in (tmp_path / "report").iterdir()} == {
        "README.md", "curves.png", "curves.svg",
    }  # fmt: skip
    assert cells(text, "state") == ["finished"]
    assert cells(text, "steps") == ["100"]
    assert cells(text, "held out: masked-token accuracy") == ["25.0% (50.0% at 50)"]
    assert cells(text, "2") == ["40", "4", "64", "–"]
    assert cells(text, "`run`") == ["rollback", r"a \| spike", "15"]
    assert cells(text, "masking.probability") == ["0.15"]
    assert cells(text, "model.hidden_size") == ["32"]
    assert "| abababababab… |" in text
    assert "What differs" not in text
    assert "Coverage" not in text
    assert "waiting" not in text
    assert "unfinished" not in text
    assert "| phases |" not in text


def test_a_plan_beside_what_happened(make_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_run(last=70)
    plan = {"steps": [60, 40], "seconds": [7.2, 4.8]}
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    text = write(tmp_path / "out", folder)
    assert "| `run` | 1 | 60 steps, 7 s | 60 steps, 6 s |" in text
    assert "| `run` | 2 | 40 steps, 5 s | 10 steps, 1 s |" in text


def test_several_runs(make_run: Callable[..., Path], tmp_path: Path) -> None:
    runs = [make_run(f"e{size}", embedding=size) for size in (64, 128)]
    text = write(tmp_path / "report", *runs)
    assert text.splitlines()[2] == "# Pretraining: `e64`, `e128`"
    assert cells(text, "embedding") == ["64", "128"]
    assert cells(text, "seed") == ["0"]
    assert "## Settings in common" in text
    assert text.count("| phase | steps |") == 1
    runs.append(make_run("short", phases=[{"steps": 100}]))
    assert "| run | phase | steps |" in write(tmp_path / "report", *runs)


def test_what_is_told_of_a_run(make_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_run(last=50, lines=[(10, {"step": 45, "mlm_loss": 2.0})])
    log = folder / "metrics.jsonl"
    log.write_bytes(log.read_bytes() + b'{"step": 50, "ml')
    text = write(tmp_path / "report", folder)
    assert "`run` is unfinished: 45 of 100 steps done (45%)." in text
    assert "2 values that it had logged there before are left out" in text
    assert "The last line of the log of `run` is cut off" in text


def test_names(make_run: Callable[..., Path]) -> None:
    runs = [make_run("a/run"), make_run("b/run"), make_run("c")]
    assert [run.name for run in page.read_runs(runs)] == [str(runs[0]), str(runs[1]), "c"]
    with pytest.raises(ValueError, match="is named twice"):
        page.read_runs([runs[0], runs[1] / ".." / ".." / "a" / "run"])


def test_a_page_that_somebody_wrote_is_kept(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run = History.read(make_run())
    page.write_report([run], tmp_path)
    page.write_report([run], tmp_path)  # its own page is written again
    (tmp_path / "README.md").write_text("# My project\n", encoding="utf-8")
    with pytest.raises(FileExistsError, match="is not a report and was not replaced"):
        page.write_report([run], tmp_path)
    assert (tmp_path / "README.md").read_text("utf-8") == "# My project\n"


def test_coverage_and_waiting(make_run: Callable[..., Path], tmp_path: Path) -> None:
    more = (
        20,
        {"step": 105, "mlm_loss": 2.0, "waited": 0.2, "idle": 0.4, "seconds": 6.0, "flops": 9e12},
    )
    folder = make_run(lines=[more])
    row = {"phase": 1, "epoch": 0, "seen": 1200, "expected": 1200, "verdict": "every example once"}
    told = json.dumps({"epochs": [row, row | {"epoch": 1}]})
    (folder / "coverage.json").write_text(told, encoding="utf-8")
    text = write(tmp_path / "report", folder)
    assert cells(text, "`run`") == ["1", "0 to 1", "2,400", "2,400", "every example once"]
    assert cells(text, "waiting for data") == ["1.25%"]
    assert cells(text, "device idle between steps") == ["2.50%"]
    assert cells(text, "TFLOP of the model per second") == ["0.562"]


@pytest.mark.parametrize("budget", [60.0, None])
def test_the_plan_beside_what_happened(
    budget: float | None, make_run: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_run(last=70)
    plan = {
        "budget": {"seconds": budget, "deadline": None if budget else 2e9},
        "steps": [60, 40],
        "seconds": [5.0, 8.0],
    }
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    lines = [{"step": 60, "worked": 7.0}, {"step": 70, "worked": 9.4, "ended": True}]
    log = "".join(f"{json.dumps(line)}\n" for line in lines)
    (folder / "clock.jsonl").write_text(f'{log}{{"step": 71, "wor', encoding="utf-8")
    text = write(tmp_path / "report", folder)
    limit = "60 s" if budget else "until a moment"
    times = [line for line in text.splitlines() if line.startswith("| `run` |")]
    assert times == [
        "| `run` | 1 | 60 steps, 5 s | 60 steps, 6 s |",
        "| `run` | 2 | 40 steps, 8 s | 10 steps, 1 s |",
        f"| `run` | all, at work | {limit} | 9 s, ended by the clock |",
    ]
