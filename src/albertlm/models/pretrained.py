"""What all models share: fresh weights, and reading and writing a folder of the hub's layout."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from albertlm import hub
from albertlm.checkpoints import huggingface, names
from albertlm.checkpoints.names import LoadReport
from albertlm.config import AlbertConfig

logger = logging.getLogger(__name__)


class PreTrainedModel(nn.Module):
    """Base of the models: a constructor builds its modules and ends with `self.init_weights()`.

    Attributes:
        config: the architecture.
        loading: the report of `from_pretrained`; None for a model with fresh weights.
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
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        token: str | None = None,
        **config_changes: Any,
    ) -> Self:
        """A model with the weights of a folder or hub id, as float32 and in evaluation mode.

        Args:
            name: a folder, or an id of the hub such as `albert-large-v1`.
            revision: a branch, tag or commit of the hub's repository.
            cache_dir: the hub's cache.
            local_files_only: never look at the network.
            token: for private models.
            **config_changes: fields of `AlbertConfig` that shall differ from `config.json`.

        Raises:
            OSError: the folder or model cannot be had, or holds no weights.
            ValueError: a file is damaged, or a tensor is unknown, missing or of the wrong shape.
        """
        folder = hub.resolve(
            name,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            token=token,
            part="model",
        )
        config = AlbertConfig.from_json_file(folder / "config.json")
        if config_changes:
            config = AlbertConfig.from_dict({**config.to_dict(), **config_changes})
        with _NoInit():
            model = cls(config)
        model._fill(huggingface.read(folder), str(name))
        return model.eval()

    def save_pretrained(self, folder: str | Path, *, max_shard_bytes: int = 5 * 10**9) -> None:
        """Write `config.json` and `model.safetensors`, which transformers opens too.

        Values are written as they are, in float32 or, after `model.half()`, in float16; bfloat16
        becomes float32. What groups share is written for each of them, as the hub's names ask.

        Args:
            folder: is made if it is missing; its other files, such as the vocabulary, stay.
            max_shard_bytes: above this size the weights go into several files.
        """
        arrays = {
            name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
            for name, tensor in self.state_dict().items()
        }
        huggingface.write(folder, arrays, max_shard_bytes=max_shard_bytes)
        self.config.save_pretrained(folder, architecture=type(self).__name__)

    @torch.no_grad()
    def init_weights(self) -> None:
        """Fresh random weights; those of a backbone inside were drawn by its own constructor."""
        for child in self.children():
            if not isinstance(child, PreTrainedModel):
                for module in child.modules():
                    self._init_module(module)

    def _init_module(self, module: nn.Module) -> None:
        """Normal weights, zero biases, as transformers has them (Google cuts the tails off)."""
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias":
                nn.init.zeros_(parameter)
            elif isinstance(module, nn.LayerNorm):
                nn.init.ones_(parameter)
            else:
                nn.init.normal_(parameter, std=self.config.initializer_range)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            module.weight[module.padding_idx] = 0

    def _fill(self, arrays: dict[str, np.ndarray], source: str) -> None:
        """Take the file's tensors as parameters, and draw those of a head that it does not hold."""
        own = {names.table_name(name): name for name in self.state_dict()}
        wanted = {name: tuple(self.get_parameter(own[name]).shape) for name in own}
        try:
            report = names.match({name: array.shape for name, array in arrays.items()}, wanted)
            self._check_shared(arrays)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None
        self.loading = report
        state = {own[name]: torch.from_numpy(arrays[name]) for name in report.loaded}
        self.load_state_dict(state, strict=False, assign=True)  # `match` was stricter
        with torch.no_grad():
            for module in sorted({own[name].rpartition(".")[0] for name in report.new}):
                self._init_module(self.get_submodule(module))
        if report.new:
            logger.warning(
                "%s: %s holds no %s; random until trained",
                type(self).__name__,
                source,
                ", ".join(report.new),
            )

    def _check_shared(self, arrays: dict[str, np.ndarray]) -> None:
        """Refuse two values for one parameter, which a file holds once for each group."""
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


class _NoInit(TorchFunctionMode):
    """Leaves new parameters unwritten, which costs neither time nor, until written, memory.

    The meta device would do the same, but random numbers on it import the compiler: 1.3 s.
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
