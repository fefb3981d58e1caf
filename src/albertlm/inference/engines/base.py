"""The interface of engines, which compute hidden states from token ids.

T tokens of a text, P positions of a text, D hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from albertlm import checkpoints
from albertlm.checkpoints import names
from albertlm.config import AlbertConfig
from albertlm.inference import processor
from albertlm.inference.arithmetic import Floats, Parameters, StoredParameters
from albertlm.settings import check


class TokenizedText(NamedTuple):
    """The tokens of a text or a pair of texts, with special tokens and without padding."""

    input_ids: list[int]
    token_type_ids: list[int]


class Engine(Protocol):
    """A loaded model that computes hidden states; `heads` computes logits from them.

    The class of an engine also has a method `from_folder`, which `engines.open_engine` calls.
    """

    @property
    def config(self) -> AlbertConfig:
        """The architecture."""
        ...

    @property
    def parameters(self) -> Parameters:
        """All trained parameters of the model, including those of its heads, in float32."""
        ...

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        """Compute the last hidden states of each text, independently of the other texts.

        Args:
            texts: texts within the model's vocabulary and positions.
            positions: the positions of each text whose states are returned; all by default.
            depth: the number of applications of the shared layer; all of the model by default.

        Returns:
            (T, D) for each text, or (P, D) if positions are given.

        Raises:
            ValueError: the model has fewer applications than `depth`.
        """
        ...


@runtime_checkable
class ResumableEngine(Engine, Protocol):
    """An engine that can apply the shared layer to hidden states, for early exits and attention."""

    def resume(self, states: Sequence[Floats], applications: int) -> list[Floats]:
        """Apply the layer to the hidden states of texts some more times.

        Args:
            states: (T, D) of each text, which `states` returned at some depth.
            applications: the number of applications.

        Returns:
            (T, D) for each text.

        Raises:
            ValueError: the model has more than one layer.
        """
        ...


DTYPES = {
    "numpy": ("float32",),
    "openvino": ("float32", "bfloat16", "int8"),
    "onnx": ("float32", "int8"),
    "torch": ("float32", "bfloat16", "float16"),
}
"""The precisions of each engine, which also accepts `auto`; float16 needs a GPU."""


def resolve_dtype(engine: str, dtype: str) -> str:
    """The precision to compute in: `auto` is bfloat16 where the engine and the processor have it.

    Raises:
        ValueError: the engine does not have the precision.
    """
    allowed = DTYPES[engine]
    told = f"one of auto, {', '.join(allowed)} with engine={engine!r}"
    check(dtype in ("auto", *allowed), told, dtype=dtype)
    if dtype != "auto":
        return dtype
    return "bfloat16" if "bfloat16" in allowed and processor.has_bfloat16() else "float32"


def check_cpu(engine: str, device: str | None) -> None:
    """Raise a ValueError unless the device is the CPU, which is the default."""
    told = f"cpu with engine={engine!r}; use engine='torch' for others"
    check(device in (None, "cpu"), told, device=device)


def read_trained(folder: Path) -> tuple[AlbertConfig, StoredParameters]:
    """Read the configuration and the trained parameters of a folder, and check that they match.

    The parameters stay in the mapped file until they are used.

    Raises:
        OSError: the folder has no configuration or no weights.
        ValueError: a file is damaged, or a tensor is unknown, missing, not finite or of the
            wrong shape.
    """
    config = AlbertConfig.from_folder(folder)
    tensors = checkpoints.read(folder, keep_half=True)
    found = {name: tensor.shape for name, tensor in tensors.items()}
    try:
        names.match(found, names.shapes(config))
        names.check_finite(tensors)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    return config, StoredParameters(tensors)


def check_depth(config: AlbertConfig, depth: int | None) -> int:
    """The number of applications of the shared layer; all of the model for None.

    Raises:
        ValueError: the model has fewer applications.
    """
    deepest = config.num_hidden_layers * config.inner_group_num
    depth = deepest if depth is None else depth
    check(1 <= depth <= deepest, f"from 1 to the model's {deepest} applications", depth=depth)
    return depth


def has_one_layer(config: AlbertConfig) -> bool:
    """Whether all applications are of the same layer, so that states of any depth can go on."""
    return _layers(config) == 1


def check_resumable(config: AlbertConfig) -> None:
    """Raise a ValueError if a model has several layers, so that depths are not interchangeable."""
    if not has_one_layer(config):
        told = _layers(config)
        raise ValueError(f"the model has {told} layers; an early exit needs one shared layer")


def _layers(config: AlbertConfig) -> int:
    return min(config.num_hidden_groups, config.num_hidden_layers) * config.inner_group_num
