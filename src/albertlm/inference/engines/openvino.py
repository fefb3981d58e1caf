"""OpenVINO as an engine: the shared layer is compiled once, as the body of a loop.

N tokens to return, D hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Self

import openvino

from albertlm.config import AlbertConfig
from albertlm.export.openvino import OpenVinoStorage, encoder
from albertlm.inference import processor
from albertlm.inference.arithmetic import Floats, Parameters, of_encoder, release
from albertlm.inference.engines.base import (
    TokenizedText,
    check_cpu,
    check_resumable,
    read_trained,
    resolve_dtype,
)
from albertlm.inference.engines.packed import (
    PackedBatch,
    packed_batch,
    packed_states,
    split,
    split_states,
)
from albertlm.settings import check

FEW_PLACES = 64
"""Below this number of places in all rows, 8-bit products are faster in small groups."""


class OpenVinoEngine:
    """An `Engine` on the CPU in float32, bfloat16, or int8.

    In int8, weights have a scale for each output, and activations are quantised as they are
    computed, in groups whose size depends on the number of places.

    Args:
        config: the architecture.
        parameters: all trained parameters.
        dtype: `float32`, `bfloat16` or `int8`; `auto` is bfloat16 where the processor has it.

    Raises:
        ValueError: the dtype is unknown, or is bfloat16 on a processor without it.
    """

    def __init__(self, config: AlbertConfig, parameters: Parameters, dtype: str = "auto") -> None:
        self.config = config
        self.parameters = parameters
        self.dtype = resolve_dtype("openvino", dtype)
        check(
            self.dtype != "bfloat16" or processor.has_bfloat16(),
            "float32 or int8 on this processor, which has no bfloat16",
            dtype=dtype,
        )
        self._is_from_folder = False
        self._compiled: dict[tuple[int, bool], openvino.CompiledModel] = {}
        self._one_at_a_time = Lock()

    @classmethod
    def from_folder(cls, folder: Path, *, device: str | None = None, dtype: str = "auto") -> Self:
        check_cpu("openvino", device)
        config, parameters = read_trained(folder)
        release(parameters)
        engine = cls(config, parameters, dtype)
        engine._is_from_folder = True
        return engine

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        batch = packed_batch(self.config, self.parameters, texts, positions, depth)
        x_ND = self._compute(batch, batch.inputs.shape[0] * batch.inputs.shape[1])
        return split_states(x_ND, texts, positions)

    def resume(self, states: Sequence[Floats], applications: int) -> list[Floats]:
        check_resumable(self.config)
        batch = packed_states(self.config, states, applications)
        x_ND = self._compute(batch, len(batch.places), resumes=True)
        return split(x_ND, [len(x_TD) for x_TD in states])

    def _compute(self, batch: PackedBatch, places: int, *, resumes: bool = False) -> Floats:
        with self._one_at_a_time:
            known = len(self._compiled)
            found = self._model(places, resumes=resumes)(list(batch))[0]
            x_ND: Floats = found.copy()  # the memory is used again by the next call
            # from now on, packed copies of weights are used
            if self._is_from_folder and len(self._compiled) > known:
                release(self.parameters)
        return x_ND

    def _model(self, places: int, *, resumes: bool = False) -> openvino.CompiledModel:
        """The graph compiled for a number of places, which is the same for all but in int8."""
        group = 0
        if self.dtype == "int8":
            group = 64 if places < FEW_PLACES else 256
        key = (group, resumes)
        if key not in self._compiled:
            stored: OpenVinoStorage = "int8" if self.dtype == "int8" else "float32"
            weights = of_encoder(self.parameters)
            model = encoder(self.config, weights, stored, resumes=resumes)
            self._compiled[key] = openvino.Core().compile_model(
                model, "CPU", self._properties(group)
            )
        return self._compiled[key]

    def _properties(self, group: int) -> dict[str, Any]:
        # without CACHE_DIR: it saves 0.05 s, and OpenVINO 2026.4 crashed on what it had cached
        return {
            # int8 with the hint bf16 dequantises the weights to bfloat16, and is slower
            "INFERENCE_PRECISION_HINT": "bf16" if self.dtype == "bfloat16" else "f32",
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(group),
            "INFERENCE_NUM_THREADS": processor.thread_limit() or 0,
            # or processes with a thread each all compute on the first core
            "ENABLE_CPU_PINNING": False,
            # what is compiled for shapes; by default 5,000, which took 0.5 GiB after 600 shapes
            "CPU_RUNTIME_CACHE_CAPACITY": "100",
        }
