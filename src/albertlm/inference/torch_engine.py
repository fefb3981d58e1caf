"""The models of this library behind the pipelines.

B batch, T positions, P masks of a text, D hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from albertlm.checkpoints import names
from albertlm.inference.engine import Floats, TokenizedText
from albertlm.models.backbone import AlbertModel
from albertlm.models.heads import AlbertForMaskedLM, AlbertForSentenceOrder
from albertlm.models.pretrained import PreTrainedModel

ARCHITECTURES: dict[str, type[PreTrainedModel]] = {
    "fill-mask": AlbertForMaskedLM,
    "feature-extraction": AlbertModel,
    "sentence-order": AlbertForSentenceOrder,
}


class TorchEngine:
    """An `Engine` on the model's own device and in its precision; puts it in evaluation mode."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.config = model.config
        untrained = model.loading.new if model.loading else ()
        self.trained = {names.table_name(name) for name in model.state_dict()} - {*untrained}
        self._model: Any = model.eval()
        self._backbone: Any = model if isinstance(model, AlbertModel) else self._model.albert

    @classmethod
    def from_folder(cls, folder: Path, task: str) -> Self:
        """The engine of a model folder, with the head of a task; errors as of `from_pretrained`."""
        return cls(ARCHITECTURES[task].from_pretrained(folder))

    @torch.inference_mode()
    def hidden_states(self, texts: Sequence[TokenizedText]) -> list[Floats]:
        x_BTD = self._backbone(*self._pad(texts)).last_hidden_state
        return [
            x_TD[: len(text.input_ids)] for x_TD, text in zip(_array(x_BTD), texts, strict=True)
        ]

    @torch.inference_mode()
    def pooled(self, texts: Sequence[TokenizedText]) -> Floats:
        return _array(self._pooled(texts))

    @torch.inference_mode()
    def mask_logits(
        self, texts: Sequence[TokenizedText], positions: Sequence[list[int]]
    ) -> list[Floats]:
        read_BP = self._stack(positions)
        output = self._backbone(*self._pad(texts), read_positions=read_BP)
        embeddings_VE = self._backbone.embeddings.word_embeddings.weight
        logits_BPV = self._model.predictions(output.last_hidden_state, embeddings_VE)
        pairs = zip(_array(logits_BPV), positions, strict=True)
        return [logits_PV[: len(at)] for logits_PV, at in pairs]

    @torch.inference_mode()
    def order_logits(self, texts: Sequence[TokenizedText]) -> Floats:
        return _array(self._model.sop_classifier(self._pooled(texts)))

    def _pooled(self, texts: Sequence[TokenizedText]) -> Tensor:
        cls_B1 = torch.zeros(len(texts), 1, dtype=torch.long, device=self._device)
        pooled_BD: Tensor = self._backbone(*self._pad(texts), read_positions=cls_B1).pooler_output
        return pooled_BD

    def _pad(self, texts: Sequence[TokenizedText]) -> tuple[Tensor, Tensor, Tensor]:
        """Ids, mask and segments, (B, T) each."""
        mask_BT = self._stack([[1] * len(text.input_ids) for text in texts])
        segments_BT = self._stack([text.token_type_ids for text in texts])
        return self._stack([text.input_ids for text in texts]), mask_BT, segments_BT

    def _stack(self, rows: Sequence[list[int]]) -> Tensor:
        """Rows as one tensor, filled up with zeros."""
        return pad_sequence([torch.tensor(row) for row in rows], batch_first=True).to(self._device)

    @property
    def _device(self) -> torch.device:
        device: torch.device = self._backbone.embeddings.word_embeddings.weight.device
        return device


def _array(x: Tensor) -> Floats:
    array: Floats = x.float().cpu().numpy()
    return array
