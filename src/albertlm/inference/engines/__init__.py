"""Engines, which compute hidden states from token ids.

base: the interface of all engines, their precisions, and the reading of model folders.
packed: rows of texts, their masks and embeddings, for the engines with a graph.
numpy: ALBERT in NumPy, which needs only the core install.
openvino: a graph for OpenVINO with the shared layer in a loop.
onnx: the same graph for ONNX Runtime.
torch: the PyTorch models of this library, on any device.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from albertlm import extras
from albertlm.settings import check_choice

if TYPE_CHECKING:
    from albertlm.inference.engines.base import Engine


class EngineKind(NamedTuple):
    """What is known of an engine without importing it.

    Fields:
        name: its class, in the module of this package that has the engine's name.
        library: the module that it computes with.
    """

    name: str
    library: str


ENGINES = {
    "numpy": EngineKind("NumpyEngine", "numpy"),
    "openvino": EngineKind("OpenVinoEngine", "openvino"),
    "torch": EngineKind("TorchEngine", "torch"),
    "onnx": EngineKind("OnnxEngine", "onnxruntime"),
}
"""The engines by name, in the order of preference where none was measured."""


def open_engine(
    name: str | None, folder: Path, *, device: str | None = None, dtype: str = "auto"
) -> Engine:
    """Load a model folder into an engine.

    Args:
        name: one of `ENGINES`, or `auto`, the default: on the CPU, the fastest one of those that
            `albertlm benchmark` has measured for a model of this shape, or else the first one
            that has the precision, NumPy if it is `auto`, too; on other devices, `torch`.
        folder: a model folder in the hub's layout.
        device: the device to compute on, such as `cpu` or `cuda`; the CPU by default.
        dtype: the precision, such as `float32`, `bfloat16` or `int8`; `auto` is bfloat16 where the
            engine and the CPU have it and else float32, never int8.

    Raises:
        OSError: the folder has no configuration or no weights.
        ModuleNotFoundError: the engine's library is not installed.
        ValueError: a file is damaged, a tensor is unknown, missing or of the wrong shape, the
            engine is unknown or does not support the device or the precision, or int8 is too
            inaccurate for the model.
    """
    name, dtype = resolve_engine(name, folder, device=device, dtype=dtype)
    opened: Engine = engine_class(name).from_folder(folder, device=device, dtype=dtype)
    if dtype == "int8":
        from albertlm.inference import accuracy

        accuracy.require(folder, name, opened)
    return opened


def resolve_engine(
    name: str | None, folder: Path, *, device: str | None = None, dtype: str = "auto"
) -> tuple[str, str]:
    """The engine and the precision that `open_engine` opens.

    Raises:
        ValueError: the engine is unknown, or does not support the precision.
    """
    from albertlm.inference.engines.base import resolve_dtype

    on_cpu = device in (None, "cpu")
    check_choice(["auto", *ENGINES], engine=name or "auto")
    if name in (None, "auto"):
        from albertlm.inference import speed

        name, dtype = speed.choose(folder, dtype) if on_cpu else ("torch", dtype)
    if on_cpu and dtype == "auto":
        dtype = resolve_dtype(name, dtype)
    return name, dtype


def engine_class(name: str) -> Any:
    """The class of an engine.

    Raises:
        ModuleNotFoundError: its library is not installed.
    """
    return extras.load(f"albertlm.inference.engines.{name}", ENGINES[name].name)


def is_installed(name: str) -> bool:
    """Whether the library of an engine is installed."""
    return importlib.util.find_spec(ENGINES[name].library) is not None
