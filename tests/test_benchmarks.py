"""Benchmarks on third-party data say in one line that it is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        *(["corpus.py"], ["finetuning.py"], ["finetuning_speed.py"], ["sentences.py"]),
        *(["shipped.py"], ["tokenizer.py"], ["wikitext.py"]),
        ["-c", "import sample, pathlib; sample.sample_tokens(pathlib.Path())"],
    ],
)
def test_missing_data_is_one_line(command: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "ALBERTLM_DATA": str(tmp_path / "nowhere")}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=BENCHMARKS,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"there is no {tmp_path / 'nowhere'}")
    assert done.stderr.endswith("; set ALBERTLM_DATA to the folder of the data\n")
    assert done.stderr.count("\n") == 1
