"""Exports as engines, against the engine of their model."""

from pathlib import Path

import numpy as np
import pytest

from albertlm.export import package
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.inference.exported import ExportedEngine

TEXTS = [
    TokenizedText([2, 17, 4, 66, 3, 33, 3], [0, 0, 0, 0, 0, 1, 1]),
    TokenizedText([2, 8, 3], [0, 0, 0]),
]


@pytest.mark.parametrize("to", ["onnx", "openvino"])
def test_states_are_those_of_the_model(
    to: package.Format, tmp_path: Path, tiny_folder: Path
) -> None:
    package.write(tiny_folder, tmp_path, to)
    engine = NumpyEngine.from_folder(tiny_folder)
    exported = ExportedEngine(tmp_path, engine.parameters)
    for positions in (None, [[0, 6], [1]]):
        expected = engine.states(TEXTS, positions)
        for ours, wanted in zip(exported.states(TEXTS, positions), expected, strict=True):
            assert ours.shape == wanted.shape
            # weights are in half precision
            assert np.abs(ours - wanted).max() <= 1e-2 * np.abs(wanted).max()
    with pytest.raises(ValueError, match="depth=2 is not allowed; it must be None: it is a const"):
        exported.states(TEXTS, depth=2)
