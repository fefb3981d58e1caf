"""ONNX Runtime as an engine, on a graph in memory whose loop holds the shared layer once.

N tokens to return, D hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import onnxruntime

from albertlm.config import AlbertConfig
from albertlm.export.onnx import OnnxStorage, encoder
from albertlm.inference import processor
from albertlm.inference.arithmetic import Floats, Parameters, of_encoder
from albertlm.inference.engines.base import (
    TokenizedText,
    check_cpu,
    check_resumable,
    read_trained,
    resolve_dtype,
)
from albertlm.inference.engines.packed import packed_batch, packed_states, split, split_states


class OnnxEngine:
    """An `Engine` on the CPU in float32 or int8.

    In int8, weights have a scale for each output and activations one for each token, so that the
    texts beside a text change nothing. On a processor without VNNI, weights have 7 bits.

    Args:
        config: the architecture.
        parameters: all trained parameters.
        dtype: `float32`, which is also `auto`, or `int8`.

    Raises:
        ValueError: the dtype is unknown.
    """

    def __init__(self, config: AlbertConfig, parameters: Parameters, dtype: str = "auto") -> None:
        self.config = config
        self.parameters = parameters
        self.dtype = resolve_dtype("onnx", dtype)
        self._sessions: dict[bool, onnxruntime.InferenceSession] = {}

    @classmethod
    def from_folder(cls, folder: Path, *, device: str | None = None, dtype: str = "auto") -> Self:
        check_cpu("onnx", device)
        return cls(*read_trained(folder), dtype)

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        batch = packed_batch(self.config, self.parameters, texts, positions, depth)
        x_ND: Floats = self._session().run(None, batch._asdict())[0]
        return split_states(x_ND, texts, positions)

    def resume(self, states: Sequence[Floats], applications: int) -> list[Floats]:
        check_resumable(self.config)
        batch = packed_states(self.config, states, applications)
        x_ND: Floats = self._session(resumes=True).run(None, batch._asdict())[0]
        return split(x_ND, [len(x_TD) for x_TD in states])

    def _session(self, *, resumes: bool = False) -> onnxruntime.InferenceSession:
        if resumes not in self._sessions:
            self._sessions[resumes] = self._open(resumes)
        return self._sessions[resumes]

    def _open(self, resumes: bool) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = processor.thread_limit() or 0
        stored: OnnxStorage = "float32"
        if self.dtype == "int8":
            stored = "int8" if processor.has_vnni() else "int7"
        model = encoder(self.config, of_encoder(self.parameters), stored, resumes=resumes)
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
