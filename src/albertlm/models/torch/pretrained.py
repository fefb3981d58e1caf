"""The base class of all models: initial weights, and folders in the hub's format."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from albertlm import checkpoints, hub
from albertlm.checkpoints import huggingface, names
from albertlm.checkpoints.names import LoadReport
from albertlm.config import AlbertConfig
from albertlm.models.torch.interface import ModelInterface
from albertlm.settings import check_choice

DTYPES = ("float32", "bfloat16", "float16", "float64")
"""The types of weights, by their names in PyTorch."""

logger = logging.getLogger(__name__)


class PreTrainedModel(ModelInterface):
    """Base of the models; a constructor builds its modules and ends with `self.init_weights()`.

    Attributes:
        config: the architecture.
        loading: the report of `from_pretrained`; None for a new model.
    """

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.config = config
        self.loading: LoadReport | None = None

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        config: AlbertConfig | str | Path | None = None,
        dtype: str | torch.dtype | None = None,
        torch_dtype: str | torch.dtype | None = None,
        ignore_mismatched_sizes: bool = False,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        token: str | None = None,
        subfolder: str = "",
        **config_changes: Any,
    ) -> Self:
        """A model with the weights of a folder or hub id, in evaluation mode.

        Args:
            name: a folder, or an id of the hub such as `albert-large-v1`.
            config: the configuration, or the folder or hub id of another; by default that of the
                folder.
            dtype: the type of the weights, such as `bfloat16` or `torch.bfloat16`; float32 by
                default. `auto` is the type in the configuration.
            torch_dtype: the older name of `dtype`.
            ignore_mismatched_sizes: draw a head anew if its tensors have other shapes in the file,
                such as a classifier for another number of labels. It is an error otherwise.
            revision: a branch, tag or commit of the hub's repository.
            cache_dir: the hub's cache.
            local_files_only: never use the network.
            token: an access token, for private models.
            subfolder: the folder of the model within that of `name`.
            **config_changes: fields of `AlbertConfig` such as `num_labels` or `id2label`, which
                override those in the configuration.

        Raises:
            OSError: the folder or model cannot be found or fetched, or contains no weights.
            ValueError: a file is damaged, or a tensor is unknown, missing, not finite or of the
                wrong shape.
        """
        folder = hub.resolve(
            name,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            token=token,
            subfolder=subfolder,
            part="model",
        )
        config = _config(folder if config is None else config).changed(**config_changes)
        kind = _dtype(torch_dtype if dtype is None else dtype, config)
        tensors = checkpoints.read(folder)
        try:
            names.check_finite(tensors)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        model = cls.from_tensors(
            config, tensors, str(name), ignore_mismatched_sizes=ignore_mismatched_sizes
        )
        return model.to(kind)

    @classmethod
    def from_tensors(
        cls,
        config: AlbertConfig,
        tensors: Mapping[str, np.ndarray],
        source: str,
        *,
        ignore_mismatched_sizes: bool = False,
        **options: Any,
    ) -> Self:
        """A model with weights that were read from a file, in evaluation mode.

        Args:
            config: the architecture.
            tensors: as `checkpoints.read` returns them; not copied.
            source: where they come from, for messages.
            ignore_mismatched_sizes: as in `from_pretrained`.
            **options: of the class.

        Raises:
            ValueError: a tensor is unknown, missing or of the wrong shape.
        """
        with _NoInit():
            model = cls(config, **options)
        model._fill(tensors, source, ignore_mismatched_sizes)
        return model.eval()

    def save_pretrained(self, folder: str | Path, *, max_shard_bytes: int = 5 * 10**9) -> None:
        """Write `config.json` and `model.safetensors`, which transformers can load.

        Values are written in float32 or, after `model.half()`, in float16; bfloat16 is converted
        to float32. Weights that groups share are written for each group, as on the hub.

        Args:
            folder: created if it does not exist; other files in it are kept.
            max_shard_bytes: the size above which weights are split into several files.
        """
        arrays = {
            name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
            for name, tensor in self.state_dict().items()
        }
        huggingface.write(folder, arrays, max_shard_bytes=max_shard_bytes)
        (dtype, *_) = {str(array.dtype) for array in arrays.values()}
        self.config.save_pretrained(folder, architecture=type(self).__name__, dtype=dtype)

    @torch.no_grad()
    def init_weights(self) -> None:
        """Draw random weights, except those of a backbone, which its own constructor has drawn."""
        for child in self.children():
            if not isinstance(child, PreTrainedModel):
                for module in child.modules():
                    self._init_module(module)

    def _init_module(self, module: nn.Module) -> None:
        """Draw normal weights and zero biases as in transformers (Google truncates the tails)."""
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias":
                nn.init.zeros_(parameter)
            elif isinstance(module, nn.LayerNorm):
                nn.init.ones_(parameter)
            else:
                nn.init.normal_(parameter, std=self.config.initializer_range)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            module.weight[module.padding_idx] = 0

    def _fill(self, arrays: Mapping[str, np.ndarray], source: str, ignore_others: bool) -> None:
        """Use a file's tensors as parameters, and draw those of a head that it does not contain."""
        own = {names.table_name(name): name for name in self.state_dict()}
        wanted = {name: tuple(self.get_parameter(own[name]).shape) for name in own}
        found = {name: array.shape for name, array in arrays.items()}
        try:
            report = names.match(names.fitting(found, wanted) if ignore_others else found, wanted)
            self._check_shared(arrays)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None
        self.loading = report
        state = {own[name]: torch.from_numpy(arrays[name]) for name in report.loaded}
        self.load_state_dict(state, strict=False, assign=True)  # `match` has checked more
        with torch.no_grad():
            for module in sorted({own[name].rpartition(".")[0] for name in report.new}):
                self._init_module(self.get_submodule(module))
        if report.new:
            logger.warning(
                "%s: %s holds no %s%s; random until trained",
                type(self).__name__,
                source,
                ", ".join(report.new),
                " of this shape" if any(name in found for name in report.new) else "",
            )

    def _check_shared(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Reject different values for a shared parameter, which a file contains once per group."""
        first: dict[nn.Parameter, str] = {}
        for own_name, parameter in self.named_parameters(remove_duplicate=False):
            name = names.table_name(own_name)
            known = first.setdefault(parameter, name)
            if known != name and not np.array_equal(arrays[name], arrays[known]):
                raise ValueError(
                    f"{name} differs from {known}, but config.json has "
                    f"shared_across_groups={self.config.shared_across_groups!r}; without that "
                    "field each group has its own"
                )


def device_of(name: str | None) -> torch.device:
    """The device of a name; by default a GPU where there is one, or else the processor.

    Raises:
        ValueError: there is no such device.
    """
    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(
            f"device={name!r} is not here ({reason}); name another, such as cpu"
        ) from None
    return device


def _config(given: object) -> AlbertConfig:
    """The configuration that is given, or that of a folder or hub id."""
    if isinstance(given, str | Path):
        return AlbertConfig.from_pretrained(given)
    if isinstance(given, AlbertConfig):
        return given
    kind = f"{type(given).__module__.partition('.')[0]}.{type(given).__name__}"
    raise ValueError(f"config is of type {kind}; give an AlbertConfig of albertlm or a folder")


def _dtype(given: str | torch.dtype | None, config: AlbertConfig) -> torch.dtype:
    """The type of weights that is given by name, or that of a configuration for `auto`."""
    if given == "auto":
        given = config.extra.get("dtype") or config.extra.get("torch_dtype")
    name = str(given or "float32").removeprefix("torch.")
    check_choice(DTYPES, dtype=name)
    kind: torch.dtype = getattr(torch, name)
    return kind


class _NoInit(TorchFunctionMode):
    """Leaves new parameters uninitialised, which takes no time and no memory until written.

    The meta device would do the same, but random numbers on it import the compiler, in 1.3 s.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
