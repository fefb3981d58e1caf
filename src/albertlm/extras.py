"""Modules of the optional dependencies, and what to install where one is missing."""

from __future__ import annotations

import importlib
from typing import Any

EXTRAS = {
    "torch": "torch",
    "datasets": "datasets",
    "h5py": "keras",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "jax": "jax",
    "matplotlib": "train",
    "ray": "ray",
    "grpc_reflection": "ray-serve",
    "tokenizers": "wordpiece",
    "openvino": "openvino",
    **dict.fromkeys(("onnx", "onnxruntime"), "onnx"),
    **dict.fromkeys(("fastapi", "prometheus_client", "starlette", "uvicorn"), "serve"),
    **dict.fromkeys(
        (
            *("aiohttp", "ftfy", "py3langid", "pyarrow", "rensa", "selectolax", "sentencex"),
            "zstandard",
        ),
        "corpus",
    ),
}
"""The extra that installs each module."""


_WHOLE = {"albertlm.models.keras.tensorflow": "tensorflow"}
"""What a module of this package needs in the end, where another one would be missed before."""


def load(module: str, name: str) -> Any:
    """Import a module of this package, and return what it defines under a name.

    Raises:
        ModuleNotFoundError: it needs an optional dependency that is missing; the message says
            what to install.
    """
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        raise ModuleNotFoundError(
            f"{name} cannot be used: {hint(_WHOLE.get(module, error.name))}", name=error.name
        ) from None


def hint(module: str) -> str:
    """What to install if a module in `EXTRAS` is missing."""
    return f"{module} is missing; pip install 'albertlm[{EXTRAS[module]}]'"
