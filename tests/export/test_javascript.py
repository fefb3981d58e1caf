"""Exports in the runtimes of JavaScript: their outputs are those of ONNX Runtime in Python."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from albertlm.export.package import write

SCRIPTS = Path(__file__).parents[1] / "javascript"
RUNTIMES = ("node", "web", "transformers")
INPUTS = {
    "input_ids": [[2, 17, 4, 66, 3, 33, 3], [2, 8, 3, 0, 0, 0, 0]],
    "attention_mask": [[1] * 7, [1] * 3 + [0] * 4],
    "token_type_ids": [[0] * 5 + [1] * 2, [0] * 7],
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs a script with what `make runtimes` installed."""
    program = shutil.which("node")
    if program is None or not (SCRIPTS / "node_modules").is_dir():
        pytest.skip("node or its packages are missing; install them with `make runtimes`")

    def run(*arguments: object, given: Any = None) -> str:
        done = subprocess.run(
            [program, *map(str, arguments)],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def exports(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, bool]:
    """Exports of a model, and whether they are in int8."""
    folders = {}
    for task in ("feature-extraction", "fill-mask"):
        for int8 in (False, True):
            folder = tmp_path_factory.mktemp(task)
            write(tiny_folder, folder, "onnx", task=task, int8=int8)
            folders[folder] = int8
    return folders


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_outputs(runtime: str, node: Callable[..., str], exports: dict[Path, bool]) -> None:
    found = json.loads(node(SCRIPTS / "run.mjs", runtime, *exports, given=INPUTS))
    arrays = {name: np.array(rows) for name, rows in INPUTS.items()}
    for outputs, (folder, int8) in zip(found, exports.items(), strict=True):
        session = onnxruntime.InferenceSession(folder / "model.onnx")
        names = [output.name for output in session.get_outputs()]
        assert outputs.keys() == set(names)
        for name, expected in zip(names, session.run(names, arrays), strict=True):
            values = np.array(outputs[name]["values"]).reshape(outputs[name]["dims"])
            # an activation at the border of two steps may be rounded to either
            error = 2e-2 if int8 else 1e-5
            assert np.abs(values - expected).max() <= error * np.abs(expected).max(), folder


@pytest.mark.slow
def test_the_example_runs(node: Callable[..., str], tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    write(tiny_folder, folder, "onnx", task="fill-mask")
    (tmp_path / "node_modules").symlink_to(SCRIPTS / "node_modules")
    texts = ("The [MASK] walked.", "Nobody")
    first, *_ = node(folder / "example.mjs", *texts).splitlines()
    name, dims = first.split(" ", 1)
    assert name == "logits"
    assert dims.replace(" ", "").startswith("[2,")
    assert dims.replace(" ", "").endswith(",70]")
