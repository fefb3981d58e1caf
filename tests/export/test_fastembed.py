"""An export is served by fastembed, unchanged: its features are those of the pipeline."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from albertlm import hub, pipeline
from albertlm.export.package import write

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-fastembed" / "bin" / "python"
TEXTS = ["She walked to the river.", "Nobody remembers the old boats in winter, my neighbour said."]


@pytest.mark.slow
def test_features_are_those_of_the_pipeline(tmp_path: Path) -> None:
    if not PYTHON.exists():
        pytest.skip("fastembed is missing; install it with `make runtimes`")
    write(hub.SHIPPED, tmp_path, "onnx")
    script = ROOT / "tests" / "support" / "serve_fastembed.py"
    command = [str(PYTHON), str(script), str(tmp_path), *TEXTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = np.array(json.loads(done.stdout.splitlines()[-1]))
    # fastembed cuts and pads as tokenizer.json says, and reads the hub's form of texts
    extract = pipeline("feature-extraction", engine="numpy", hub_mode=True)
    expected = np.stack(extract(TEXTS, pooling="mean"))
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
