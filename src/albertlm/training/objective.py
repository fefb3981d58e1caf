"""The pretraining objective: the mean over masked tokens plus the mean over sentence orders."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from albertlm.models.cross_entropy import vocabulary_cross_entropy
from albertlm.models.heads import IGNORED, AlbertForPreTraining, mean_cross_entropy
from albertlm.pretraining.loader import Batch


@dataclass(frozen=True)
class Losses:
    """Scalars of one batch: means, and shares of right predictions.

    `total` is to be differentiated; the rest is for the eye.
    """

    total: Tensor
    mlm_loss: Tensor
    sop_loss: Tensor
    mlm_accuracy: Tensor
    sop_accuracy: Tensor


class PretrainingObjective(nn.Module):
    """A model and its loss in one module.

    Source: `get_masked_lm_output` and `get_sentence_order_output` of the released code.
    """

    def __init__(self, model: AlbertForPreTraining) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Losses:
        """The losses of a batch. Only masked tokens meet the vocabulary."""
        device = self.model.predictions.bias.device
        tensors = {
            field.name: torch.from_numpy(getattr(batch, field.name)).to(device)
            for field in fields(batch)
        }
        positions, labels = tensors["masked_positions"], tensors["labels"]
        output = self.model.albert(
            tensors["input_ids"],
            tensors["attention_mask"],
            tensors["token_type_ids"],
            # The first is [CLS], for the pooler.
            read_positions=nn.functional.pad(positions, (1, 0)),
        )
        masked = labels != IGNORED
        states_ND = output.last_hidden_state[:, 1:][masked]
        mlm_loss, right = vocabulary_cross_entropy(
            self.model.predictions.transform(states_ND),
            self.model.albert.embeddings.word_embeddings.weight,
            self.model.predictions.bias,
            labels[masked],
        )
        order = tensors["sentence_order_label"]
        order_logits = self.model.sop_classifier(output.pooler_output)
        sop_loss = mean_cross_entropy(order_logits, order)
        ordered = (order_logits.argmax(1) == order).sum()
        return Losses(
            total=mlm_loss + sop_loss,
            mlm_loss=mlm_loss.detach(),
            sop_loss=sop_loss.detach(),
            mlm_accuracy=right / masked.sum().clamp(min=1),
            sop_accuracy=ordered / (order != IGNORED).sum().clamp(min=1),
        )
