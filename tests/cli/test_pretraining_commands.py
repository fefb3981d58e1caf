"""vocab, pretrain and evaluate, one after the other on a small corpus; and their bad input."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from albertlm import cli


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture
def corpus(tmp_path: Path, tiny_sentences: list[str]) -> Path:
    """300 documents, of which the rule holds out a few."""
    texts = [
        "\n".join(tiny_sentences[i % 150 : i % 150 + 12]).replace(".", f" in {1900 + i}.")
        for i in range(300)
    ]
    path = tmp_path / "corpus.parquet"
    pq.write_table(pa.table({"id": [str(i) for i in range(300)], "text": texts}), path)
    return path


def test_from_documents_to_scores(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("vocab", corpus, "--output", tmp_path / "v", "--size", 90, "--json") == 0
    vocabulary = json.loads(capsys.readouterr().out)["vocabulary"]
    arguments = ["pretrain", "smoke", corpus, "--vocabulary", vocabulary, "--output"]
    assert run(*arguments, tmp_path / "run", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["steps"] == 20
    assert run(*arguments, tmp_path / "run", "--json") == 0  # finished already
    capsys.readouterr()
    other = shutil.copy(corpus, tmp_path / "other.parquet")
    arguments[2] = other
    assert run(*arguments, tmp_path / "run") == 2
    assert "other files" in capsys.readouterr().err
    assert run("evaluate", corpus, "--model", result["model"], "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert 0 <= scores["mlm_accuracy"] <= 1
    assert scores["predictions"] > 100
    assert run("fill-mask", "She [MASK] it.", "--model", result["model"], "--json") == 0


def test_bad_input(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vocabulary = tmp_path / "v" / "spiece.model"
    commands = {
        "vocab": ["vocab", corpus, "--output", tmp_path / "v", "--size", 10**6],
        "not a file": ["vocab", tmp_path / "none.txt", "--output", tmp_path / "v"],
        "unknown recipe 'smok'": [
            "pretrain", "smok", corpus, "--vocabulary", vocabulary, "--output", tmp_path / "r",
        ],
    }  # fmt: skip
    for said, command in commands.items():
        assert run(*command) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
        assert said in captured.err
