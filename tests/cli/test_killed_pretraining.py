"""A run that is killed at any moment, and started again with the same command, ends the same."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from albertlm.data.token_shards import TokenPart

STEPS = 60
PROGRAM = "import sys; from albertlm.cli import main; main(sys.argv[1:])"
TIMES = ("seconds", "waited", "idle")
TOKENS = "tokens"


@pytest.fixture(scope="module")
def tokens(make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]) -> Path:
    return make_tokens(many_documents, shards=2).folder.parent


def command(tokens: Path, run: Path) -> list[str]:
    return [
        *(sys.executable, "-c", PROGRAM, "pretrain", "smoke", str(tokens), "--output", str(run)),
        *("--set", f"phases.0.steps={STEPS}", "--set", "model.hidden_dropout_prob=0.1"),
        *("--save-every", "7", "--log-every", "1", "--no-bf16"),
    ]


def logged(run: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text("utf-8").splitlines())
    return [{name: line[name] for name in line if name not in TIMES} for line in lines]


def start(arguments: Sequence[str], run: Path, signal_number: int, delay: float) -> int:
    """Start a run, and send it a signal so long after its first step; returns the exit code."""
    log = run / "metrics.jsonl"
    size = log.stat().st_size if log.exists() else 0
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            time.sleep(0.002)
            if log.exists() and log.stat().st_size > size:
                time.sleep(delay)
                process.send_signal(signal_number)
                break
        process.communicate(timeout=120)
        return process.returncode


@pytest.mark.slow
def test_killed_and_terminated(tokens: Path, tmp_path: Path) -> None:
    check(tokens, tmp_path, kills=3)


@pytest.mark.slow
def test_on_real_text(shared_data: Path, tmp_path: Path) -> None:
    articles = next((shared_data / "corpus").glob("wikipedia-*-00000-*.parquet"))
    rows = next(pq.ParquetFile(articles).iter_batches(200))
    pq.write_table(pa.Table.from_batches([rows]), tmp_path / "articles.parquet")
    vocabulary = shared_data / "albert-vocab"
    made = (
        ["corpus", "build", str(tmp_path / "articles.parquet"), "--output", str(tmp_path / "c")],
        ["tokens", str(tmp_path / "c"), "--vocabulary", str(vocabulary), "--output", TOKENS],
    )
    for arguments in made:
        subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            check=True,
            capture_output=True,
            cwd=tmp_path,
        )
    check(tmp_path / TOKENS, tmp_path, kills=1)


def check(tokens: Path, folder: Path, kills: int) -> None:
    """Terminate a run once, kill it so many times, and compare with one that was let alone."""
    whole, cut = folder / "whole", folder / "cut"
    subprocess.run(command(tokens, whole), check=True, capture_output=True)
    random_ = random.Random(0)
    # first, as it comes for certain while most steps are to be done: behind them nobody listens
    assert start(command(tokens, cut), cut, signal.SIGTERM, random_.uniform(0, 0.1)) == os.EX_OK
    assert not (cut / "model").exists()
    delays = [random_.uniform(0, 0.3) for _ in range(kills)]
    codes = [start(command(tokens, cut), cut, signal.SIGKILL, delay) for delay in delays]
    assert -signal.SIGKILL in codes
    subprocess.run([*command(tokens, cut), "--resume"], check=True, capture_output=True)
    assert logged(cut) == logged(whole)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (cut / "model" / name).read_bytes() == (whole / "model" / name).read_bytes()
    assert (cut / "coverage.json").read_bytes() == (whole / "coverage.json").read_bytes()
