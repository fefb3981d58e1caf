"""Folders of results: what `features` and `fill-mask` write, tell and refuse."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from commands import Run

from albertlm import pipeline
from albertlm.cli.bulk import refuse_without_folder

ONE = "The old [MASK] walked to the river."
LINES = [ONE, "", "She left."]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(LINES))
    return path


def test_features(run: Run, texts: Path, tmp_path: Path, tiny_folder: Path) -> None:
    given: list[object] = [texts, tmp_path / "out", "-m", tiny_folder, "--engine", "numpy"]
    command = ("features", *given, "--workers", 1)
    code, out, err = run(*command, "--json")
    assert code == 0
    assert err == (
        "warning: 1 of 3 lines have no features (1 empty); the column `problem` names them\n"
    )
    assert json.loads(out) == {
        "output": str(tmp_path / "out"),
        "texts": 3,
        "problems": {"empty": 1},
        "engine": "numpy",
        "dtype": "float32",
    }
    rows = pyarrow.parquet.read_table(tmp_path / "out").to_pylist()
    assert [row["text"] for row in rows] == LINES
    expected = pipeline("feature-extraction", tiny_folder)(ONE, pooling="mean")
    np.testing.assert_allclose(rows[0]["features"], expected, atol=1e-6)
    again = run(*command)
    assert again.out == f"3 texts by numpy in float32: {tmp_path / 'out'}\n"


def test_fills(
    run: Run, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts").write_text(ONE)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    given: list[object] = ["--file", tmp_path / "texts", "--output", tmp_path / "out"]
    given += ["-m", tiny_folder, "--workers", 1, "--device", "cpu", "--engine", "numpy"]
    code, out, err = run("fill-mask", *given, "--targets", "river,zebra")
    assert (code, out) == (0, f"1 texts by numpy in float32: {tmp_path / 'out'}\n")
    assert err.startswith("warning: the target 'zebra' is not a single piece")
    assert "1 texts, " in err
    ((fills,),) = pyarrow.parquet.read_table(tmp_path / "out").column("fills").to_pylist()
    assert [fill["token_str"] for fill in fills] == ["▁river"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("features", "-", "out"), "workers read parts of a file; name a file instead of -"),
        (("features", "texts", "out.npz", "--workers", 2), "belong to a folder of results"),
        (("fill-mask", ONE, "--output", "out"), "--output is for the texts of a file; name it"),
        (("fill-mask", ONE, "--runner", "ray"), "belong to a folder of results"),
        (("fill-mask", ONE, "--address", "a:1"), "belong to a folder of results"),
    ],
)
def test_what_belongs_to_folders(command: tuple[object, ...], message: str, run: Run) -> None:
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_defaults_need_no_folder() -> None:
    refuse_without_folder(None, "local", None)
