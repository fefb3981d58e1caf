"""Exports in int8 on an emulated processor without VNNI, where 8-bit products can saturate."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from albertlm import AlbertConfig
from albertlm.checkpoints import names
from albertlm.export.onnx import OnnxStorage, save, whole
from albertlm.inference import processor

SCRIPT = Path(__file__).parents[1] / "support" / "run_graph.py"
INPUTS = {
    "input_ids": np.random.default_rng(0).integers(5, 70, (2, 12)),
    "attention_mask": np.ones((2, 12), np.int64),
    "token_type_ids": np.zeros((2, 12), np.int64),
}


@pytest.mark.slow
def test_only_weights_in_8_bits_saturate(
    tiny_config: Callable[..., AlbertConfig], tmp_path: Path
) -> None:
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        pytest.skip("qemu-x86_64 is missing; install qemu-user")
    if not processor.has_vnni():
        pytest.skip("this processor has no VNNI itself")
    config = tiny_config()
    random = np.random.default_rng(0)
    # all weights of a product are its largest ones, so that sums of two products are large
    weights = {
        name: 0.1 * random.choice([-1, 1], shape).astype(np.float32) + name.endswith("orm.weight")
        for name, shape in names.shapes(config, ("embeddings", "projection", "layer")).items()
    }
    np.savez(tmp_path / "inputs.npz", **INPUTS)  # type: ignore[arg-type]
    differences = {}
    storages: tuple[OnnxStorage, ...] = ("int8", "int7")
    for storage in storages:
        model = tmp_path / f"{storage}.onnx"
        save(whole(config, weights, storage, "feature-extraction", 3), model, "")
        states = []
        for before in ([], [emulator, "-cpu", "Haswell-v4"]):
            output = tmp_path / f"{storage}-{len(before)}.npy"
            command = [*before, sys.executable, SCRIPT, model, tmp_path / "inputs.npz", output]
            done = subprocess.run(
                list(map(str, command)), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            states.append(np.load(output))
        here, there = states
        differences[storage] = np.abs(there - here).max() / np.abs(here).max()
    assert differences["int7"] < 1e-3
    assert differences["int8"] > 0.02
