"""The PyTorch models of this library as an engine, on any device.

B batch, T positions, P read positions, D hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from albertlm.checkpoints import names
from albertlm.inference.arithmetic import Floats, Parameters
from albertlm.inference.engines.base import (
    TokenizedText,
    check_depth,
    check_resumable,
    read_trained,
)
from albertlm.models.torch.backbone import AlbertModel
from albertlm.models.torch.layer import Layout
from albertlm.models.torch.pretrained import PreTrainedModel, device_of
from albertlm.settings import check

DTYPES = {name: getattr(torch, name) for name in ("float32", "bfloat16", "float16")}
"""The types of numbers that the engine computes with, by name; float16 only on a GPU."""


class TorchEngine:
    """An `Engine` that computes with a model, which it sets to evaluation mode.

    Args:
        model: a model with or without a head.
        parameters: the trained parameters; by default those of the model, in their current state.
        device: the device that the model is moved to; by default it stays where it is.
        dtype: the type that the model is converted to, one of `DTYPES`; `auto` leaves it as it is.

    Raises:
        ValueError: there is no such device, or it does not compute with the type.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        parameters: Parameters | None = None,
        *,
        device: str | None = None,
        dtype: str = "auto",
    ) -> None:
        on = model.device if device is None else device_of(device)
        allowed = ["auto", *(name for name in DTYPES if name != "float16" or on.type != "cpu")]
        told = f"one of {', '.join(allowed)} with engine='torch' on {on.type}"
        check(dtype in allowed, told, dtype=dtype)
        model.to(on, DTYPES.get(dtype))
        self.config = model.config
        if parameters is None:
            parameters = _Trained(model)
            # the configuration may name the class of what the model was made from
            self.config = replace(self.config, architectures=(type(model).__name__,))
        self.parameters = parameters
        model.eval()
        self._backbone: AlbertModel = model.base_model

    @classmethod
    def from_folder(cls, folder: Path, *, device: str | None = None, dtype: str = "auto") -> Self:
        config, tensors = read_trained(folder)
        model = AlbertModel.from_tensors(
            config, dict(tensors), str(folder), add_pooling_layer=False
        )
        return cls(model, tensors, device=device, dtype=dtype)

    @torch.inference_mode()
    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        read_BP = None if positions is None else self._stack(positions)
        encoder = self._backbone.encoder
        before, encoder.depth = encoder.depth, check_depth(self.config, depth)
        try:
            x_BTD = self._backbone(*self._pad(texts), read_positions=read_BP).last_hidden_state
        finally:
            encoder.depth = before
        counts = map(len, positions or [text.input_ids for text in texts])
        arrays: Floats = x_BTD.float().cpu().numpy()
        return [x_TD[:count] for x_TD, count in zip(arrays, counts, strict=True)]

    @torch.inference_mode()
    def resume(self, states: Sequence[Floats], applications: int) -> list[Floats]:
        check_resumable(self.config)
        weight = self._backbone.embeddings.word_embeddings.weight
        rows = [torch.from_numpy(x_TD) for x_TD in states]
        x_BTD = pad_sequence(rows, batch_first=True).to(weight.device, weight.dtype)
        mask_BT = self._stack([[1] * len(x_TD) for x_TD in states]).bool()
        layout = Layout.of(mask_BT, len(rows), mask_BT.shape[1], weight.device)
        x_ND = layout.gather(x_BTD)
        for _ in range(applications):
            x_ND = self._backbone.encoder.apply_shared(x_ND, layout)
        arrays: Floats = layout.scatter(x_ND).float().cpu().numpy()
        return [x_TD[: len(each)] for x_TD, each in zip(arrays, states, strict=True)]

    def _pad(self, texts: Sequence[TokenizedText]) -> tuple[Tensor, Tensor, Tensor]:
        """The padded ids, mask and segments, (B, T) each."""
        mask_BT = self._stack([[1] * len(text.input_ids) for text in texts])
        segments_BT = self._stack([text.token_type_ids for text in texts])
        return self._stack([text.input_ids for text in texts]), mask_BT, segments_BT

    def _stack(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Rows as one tensor on the model's device, padded with zeros."""
        device = self._backbone.embeddings.word_embeddings.weight.device
        padded = pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
        return padded.to(device)


class _Trained(Mapping[str, Floats]):
    """The parameters of a model by their names in `checkpoints.names`, without untrained heads.

    Values are converted on access, so they always reflect the current state of the model.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        untrained = model.loading.new if model.loading else ()
        found = {names.table_name(name): name for name in model.state_dict()}
        self._names = {name: own for name, own in found.items() if name not in untrained}
        self._model = model

    def __getitem__(self, name: str) -> Floats:
        array: Floats = self._model.state_dict()[self._names[name]].float().cpu().numpy()
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
