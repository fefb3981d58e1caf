"""Training in a process against training in this one, and how the process ends."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from albertlm.tokenization import training_process

OPTIONS: dict[str, Any] = {"vocab_size": 60, "model_type": "unigram", "minloglevel": 2}


def test_the_model_is_that_of_sentencepiece(tiny_sentences: list[str]) -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(tiny_sentences), model_writer=model, **OPTIONS
    )
    assert training_process.train(tiny_sentences, **OPTIONS) == model.getvalue()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"vocab_size": 10**6}, r"value <= \d+"), ({"wrong": 1}, "wrong")],
)
def test_an_error_of_sentencepiece_is_raised_here(
    options: dict[str, Any], said: str, tiny_sentences: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match=said):
        training_process.train(tiny_sentences * 9, **(OPTIONS | options))
    assert "Traceback" not in capfd.readouterr().err


def children() -> list[int]:
    task = Path(f"/proc/{os.getpid()}/task")
    if not task.is_dir():
        pytest.skip("needs Linux's /proc")
    return [int(each) for path in task.glob("*/children") for each in path.read_text().split()]


def test_a_killed_process_is_an_error(tiny_sentences: list[str]) -> None:
    before = children()

    def sentences() -> Iterator[str]:
        yield from tiny_sentences
        for child in set(children()) - set(before):
            os.kill(child, signal.SIGKILL)

    with pytest.raises(OSError, match=r"was killed, perhaps for its memory; give fewer sentences"):
        training_process.train(sentences(), **OPTIONS)


def test_an_interruption_ends_the_process(tiny_sentences: list[str]) -> None:
    before = children()

    def interrupted() -> Iterator[str]:
        yield from tiny_sentences
        assert set(children()) > set(before)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training_process.train(interrupted(), **OPTIONS)
    assert set(children()) == set(before)


def test_the_process_ends_with_the_one_that_started_it() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", training_process.__name__, "{}"], stdin=subprocess.PIPE
    )
    assert process.stdin
    process.stdin.write(b"".join(b"%d word\n" % number for number in range(100_000)) + b"\n")
    process.stdin.close()
    assert process.wait(60) == 1
