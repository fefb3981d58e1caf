"""`albertlm export`: folders, refusals in one line, and the check of an export."""

import json
from pathlib import Path

import pytest
from commands import Run

from albertlm.cli import export
from albertlm.inference import accuracy
from albertlm.inference.accuracy import Agreement, measure


@pytest.mark.parametrize("to", ["onnx", "openvino"])
def test_a_model_is_exported_and_checked(
    to: str, run: Run, tmp_path: Path, tiny_folder: Path
) -> None:
    output = tmp_path / "out"
    done = run("export", tiny_folder, output, "--to", to, "--task", "fill-mask", "--json")
    told = json.loads(done.out)
    assert (told["format"], told["task"]) == (to, "fill-mask")
    assert told["bytes"] > 10_000
    assert "complete" in run("export", output, "--check").out
    done = run("export", tiny_folder, output)
    assert done.code == 2
    assert "is a folder that is not empty" in done.err
    (output / "README.md").unlink()
    damaged = next(output.glob("*.onnx" if to == "onnx" else "*.bin"))
    damaged.write_bytes(b"\0" + damaged.read_bytes()[1:])
    done = run("export", output, "--check")
    assert done.code == 2
    assert "is damaged: its SHA-256 differs" in done.err


def test_int8_is_compared_with_the_model(
    run: Run, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert export.export.__doc__
    monkeypatch.setattr(measure, "__kwdefaults__", {"masks": 50, "features": 5})
    text = tmp_path / "sentences.txt"
    text.write_text("The old fisherman walked to the river.\n", encoding="utf-8")
    options = ("--int8", "--text", text, "--depth", 1)
    monkeypatch.setattr(accuracy, "LEAST_AGREEMENT", 0.5)
    monkeypatch.setattr(accuracy, "LEAST_COSINE", 0.5)
    told = json.loads(run("export", tiny_folder, tmp_path / "a", *options, "--json").out)
    assert told["masks"] >= 0.5
    monkeypatch.setattr(accuracy, "LEAST_COSINE", 1.01)
    done = run("export", tiny_folder, tmp_path / "b", *options)
    assert done.code == 2
    assert "int8 in onnx is too inaccurate for this model: a mean cosine of" in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "b").exists()
    assert Agreement(masks=None, cosine=told["cosine"]).cosine <= 1.001


def test_what_is_refused(run: Run, tmp_path: Path, tiny_folder: Path) -> None:
    for arguments, told in (
        ((tiny_folder,), "the folder to write is missing"),
        ((tmp_path, "--check"), "holds no exported model"),
        ((tiny_folder, tmp_path / "x", "--depth", 9), "from 1 to the model's 3 applications"),
        ((tiny_folder, tmp_path / "x", "--task", "question-answering"), "no trained qa_outputs"),
    ):
        done = run("export", *arguments)
        assert done.code == 2
        assert told in done.err
    assert not (tmp_path / "x").exists()
