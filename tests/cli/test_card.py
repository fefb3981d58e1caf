"""`card` begins, writes and checks a card, and says in one line what is wrong."""

import inspect
import json
import shutil
from pathlib import Path

import pytest
from commands import Run

from albertlm import storage
from albertlm.cli.card import card


@pytest.fixture
def model(tiny_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    return folder


def test_a_card_is_begun_written_and_checked(run: Run, model: Path, tmp_path: Path) -> None:
    result = tmp_path / "squad.json"
    storage.write_json(result, {"task": "squad2", "n": 9, "scores": {"f1": 50.0}})
    done = run("card", model, "--license", "mit", "--runs", result)
    assert (done.code, done.out) == (0, f"{model / 'README.md'}\n")
    assert "SQuAD 2.0" in (model / "README.md").read_text()
    assert "is what its files say" in run("card", model, "--check", "--runs", result).out
    found = json.loads(run("card", model, "--check", "--json").out)
    assert found == {"card": str(model / "README.md"), "checked": True}


def test_what_is_wrong(run: Run, model: Path) -> None:
    assert inspect.signature(card).parameters["license_"].default is None  # it is never guessed
    for options, told in (
        ((), "state the licence of the model, such as --license apache-2.0"),
        (("--license", "mit", "--runs", model), "is no source of a card"),
        (("--license", "mit"), "exists and is never changed"),
        (("--check",), "README.md: No such file"),
    ):
        done = run("card", model, *options)
        assert (done.code, done.out) == (2, "")
        assert told in done.err
        assert done.err.count("\n") == 1
