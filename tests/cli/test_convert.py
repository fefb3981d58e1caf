"""`convert`: what it tells, and its answers to bad input."""

import json
from pathlib import Path

import pytest
from commands import Run

from albertlm import checkpoints
from albertlm.cli.convert import convert


def test_what_was_taken_and_left_is_told(tiny_folder: Path, tmp_path: Path, run: Run) -> None:
    target = tmp_path / "tf1"
    table = run("convert", tiny_folder, target, "--to", "tf1").out
    assert f"(hub)to{target}(tf1)" in "".join(table.split())  # a long path is wrapped
    assert "vocabulary: 30k-clean.model" in table
    assert "largest difference of hidden states, read again: " in table
    done = run("convert", target, tmp_path / "keras", "--to", "keras-hub", "--json")
    told = json.loads(done.out)
    assert (told["from"], told["to"]) == ("tf1", "keras-hub")
    assert told["largest_difference"] < 1e-5
    assert set(told["taken"]) == set(checkpoints.read(tmp_path / "keras"))
    assert "sop_classifier.classifier.bias" in told["left_aside"]
    assert told["not_in_the_source"] == []


def test_a_difference_is_told(tiny_folder: Path, tmp_path: Path, run: Run) -> None:
    """The erf form of GELU, which TensorFlow's formats do not have, becomes the tanh form."""
    source = tmp_path / "source"
    source.mkdir()
    for path in tiny_folder.iterdir():
        (source / path.name).write_bytes(path.read_bytes())
    config = source / "config.json"
    config.write_text(config.read_text().replace("gelu_new", "gelu"))
    done = run("convert", source, tmp_path / "tf1", "--to", "tf1", "--json")
    assert "warning: Google's code computes the tanh form of GELU" in done.err
    assert 1e-5 < json.loads(done.out)["largest_difference"] < 0.1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("./missing", "new"), "error: there is no folder missing; check the path"),
        ((".", "new"), "error: . has no config.json"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, str],
    problem: str,
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert convert.__doc__
    monkeypatch.chdir(tmp_path)
    done = run("convert", *arguments)
    assert done.code == 2
    assert done.err.startswith(problem)
    assert done.err.count("\n") == 1
