"""The pretraining objective: the mean over masked tokens plus the mean over sentence orders.

B batch, P masked positions, N masked tokens, D hidden, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from albertlm.models.cross_entropy import vocabulary_cross_entropy
from albertlm.models.heads import IGNORED, AlbertForPreTraining
from albertlm.models.layer import AlbertLayer, Layout, to_device
from albertlm.pretraining.loader import Batch


@dataclass(frozen=True)
class Counts:
    """What the means of a step go over.

    Fields:
        masked: masked tokens.
        ordered: pairs with a sentence-order label.
    """

    masked: int
    ordered: int

    @classmethod
    def of(cls, batch: Batch) -> Counts:
        """Those of one batch, counted on the host."""
        return cls(
            int((batch.labels != IGNORED).sum()),
            int((batch.sentence_order_label != IGNORED).sum()),
        )

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.masked + other.masked, self.ordered + other.ordered)


@dataclass(frozen=True)
class Losses:
    """Scalars of a batch: its shares in the means of the whole step, which add up to them.

    `total` is to be differentiated; the rest is for the eye: losses, and shares of right
    predictions. They are tensors of the model's device, which nothing has waited for.
    """

    total: Tensor
    mlm_loss: Tensor
    sop_loss: Tensor
    mlm_accuracy: Tensor
    sop_accuracy: Tensor


class PretrainingObjective(nn.Module):
    """A model and its loss in one module.

    Source: `get_masked_lm_output` and `get_sentence_order_output` of the released code.

    Args:
        model: what is trained.
        compiled: compile the layer once, which is applied many times, and the masked-token loss.
    """

    def __init__(self, model: AlbertForPreTraining, *, compiled: bool = False) -> None:
        super().__init__()
        self.model = model
        self.compiled = compiled
        if compiled:
            for module in model.modules():
                if isinstance(module, AlbertLayer):
                    module.compile(dynamic=True)

    def forward(self, batch: Batch, counts: Counts | None = None) -> Losses:
        """The losses of a batch. Only masked tokens meet the vocabulary.

        Args:
            batch: some or all examples of a step.
            counts: those of the whole step, over all batches and ranks; of this batch by default.
                The gradients of the batches then add up to the gradient of the step's means.
                Where a step has no pair with a label at all, the sentence-order loss is 0 and its
                head and the pooler get no gradient; where only this batch has none, zeros.
        """
        counts = counts or Counts.of(batch)
        device = self.model.predictions.bias.device
        rows, length = batch.input_ids.shape
        mask_BT = torch.from_numpy(batch.attention_mask).bool()
        positions = np.pad(batch.masked_positions, ((0, 0), (1, 0)))  # [CLS] first, for the pooler
        output = self.model.albert.encode(
            to_device(torch.from_numpy(batch.input_ids), device),
            to_device(torch.from_numpy(batch.token_type_ids), device),
            torch.arange(length, device=device).expand(rows, length),
            Layout.of(mask_BT, rows, length, device),
            read_positions=to_device(torch.from_numpy(positions), device),
        )
        mlm_loss, right = self._masked_tokens(output.last_hidden_state[:, 1:], batch, counts)
        sop_loss, ordered = _sentence_order(
            self.model.sop_classifier(output.pooler_output), batch, counts
        )
        return Losses(
            total=mlm_loss + sop_loss,
            mlm_loss=mlm_loss.detach(),
            sop_loss=sop_loss.detach(),
            mlm_accuracy=right / max(1, counts.masked),
            sop_accuracy=ordered / max(1, counts.ordered),
        )

    def _masked_tokens(
        self, states_BPD: Tensor, batch: Batch, counts: Counts
    ) -> tuple[Tensor, Tensor]:
        """The loss, and how many predictions are right."""
        device = states_BPD.device
        masked = np.flatnonzero(batch.labels != IGNORED)
        index_N, labels_N = torch.from_numpy(masked), torch.from_numpy(batch.labels.ravel()[masked])
        states_ND = states_BPD.flatten(0, 1)[to_device(index_N, device)]
        return vocabulary_cross_entropy(
            self.model.predictions.transform(states_ND),
            self.model.albert.embeddings.word_embeddings.weight,
            self.model.predictions.bias,
            to_device(labels_N, device),
            counts.masked,
            compiled=self.compiled,
        )


def _sentence_order(logits_BL: Tensor, batch: Batch, counts: Counts) -> tuple[Tensor, Tensor]:
    """The loss, and how many orders are told."""
    if not counts.ordered:
        return logits_BL.new_zeros((), dtype=torch.float32), logits_BL.new_zeros(())
    order_B = to_device(torch.from_numpy(batch.sentence_order_label), logits_BL.device)
    loss = nn.functional.cross_entropy(
        logits_BL.float(), order_B, ignore_index=IGNORED, reduction="sum"
    )
    return loss / counts.ordered, (logits_BL.argmax(1) == order_B).sum()
