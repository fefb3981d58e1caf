"""An exported model as an engine, which compares it with the model that it was made from.

B texts, T tokens of the longest text, D hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from albertlm.config import AlbertConfig
from albertlm.export import package
from albertlm.inference import processor
from albertlm.inference.arithmetic import Floats, Parameters
from albertlm.inference.engines.base import TokenizedText
from albertlm.settings import check

_Run = Callable[[Mapping[str, NDArray[np.int64]]], Floats]
"""Computes the last hidden states (B, T, D) from inputs by name, (B, T) each."""


class ExportedEngine:
    """An `Engine` that runs the files of an export for feature extraction, at its own depth.

    Args:
        folder: a folder that `export.package.write` wrote.
        parameters: the trained parameters of its model, for the heads.

    Raises:
        OSError: a file is missing.
        ValueError: the export is damaged, or of another version.
    """

    def __init__(self, folder: Path, parameters: Parameters) -> None:
        to = package.verify(folder)
        self.config = AlbertConfig.from_json_file(folder / "config.json")
        self.parameters = parameters
        self._run = _OPEN[to](folder / package.FILES[to][0])

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        check(depth is None, "None: it is a constant of the export", depth=depth)
        lengths = [len(text.input_ids) for text in texts]
        mask_BT = np.arange(max(lengths)) < np.array(lengths)[:, None]
        inputs = {"attention_mask": mask_BT.astype(np.int64)}
        for name in ("input_ids", "token_type_ids"):
            inputs[name] = np.zeros(mask_BT.shape, np.int64)
            inputs[name][mask_BT] = np.concatenate([getattr(text, name) for text in texts])
        states_BTD = self._run(inputs)
        read = positions or [range(length) for length in lengths]
        return [x_TD[list(at)] for x_TD, at in zip(states_BTD, read, strict=True)]


def _open_onnx(path: Path) -> _Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = processor.thread_limit() or 0
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(inputs: Mapping[str, NDArray[np.int64]]) -> Floats:
        states: Floats = session.run(["last_hidden_state"], dict(inputs))[0]
        return states

    return run


def _open_openvino(path: Path) -> _Run:
    import openvino

    properties = {
        "INFERENCE_NUM_THREADS": processor.thread_limit() or 0,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    model = openvino.Core().compile_model(path, "CPU", properties)

    def run(inputs: Mapping[str, NDArray[np.int64]]) -> Floats:
        states: Floats = model(dict(inputs))["last_hidden_state"].copy()
        return states

    return run


_OPEN: dict[package.Format, Callable[[Path], _Run]] = {
    "onnx": _open_onnx,
    "openvino": _open_openvino,
}
