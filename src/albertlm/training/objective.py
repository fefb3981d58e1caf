"""The pretraining objective: the mean over masked tokens plus the mean over sentence orders.

B batch, P masked positions, N masked tokens, M rows of them, D hidden, L labels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from albertlm.config import IGNORED
from albertlm.data import scoring
from albertlm.data.batches import Batch
from albertlm.models.torch.cross_entropy import vocabulary_cross_entropy
from albertlm.models.torch.heads import AlbertForPreTraining
from albertlm.models.torch.layer import AlbertLayer, Layout, rounded_up, to_device
from albertlm.training.run import Counts, Losses

VALUES = ("total", "mlm_loss", "sop_loss", "mlm_accuracy", "mask_accuracy", "sop_accuracy")
"""The names of the values that `PretrainingObjective` returns.

`mlm_accuracy` is that of all masked tokens, `mask_accuracy` that of those that were replaced by
[MASK]: unchanged ones are nearly always right.
"""

SUMS = ("mlm_loss", "mlm_accuracy", "masked", "sop_loss", "sop_accuracy", "ordered")
"""The names of the sums that `PretrainingObjective.score` returns."""


def count(batch: Batch) -> dict[str, int]:
    """The numbers of `masked` tokens, of `replaced` ones and of `pairs` with a label."""
    return {
        "masked": int((batch.labels != IGNORED).sum()),
        "replaced": int(batch.is_mask.sum()),
        "pairs": int((batch.sentence_order_label != IGNORED).sum()),
    }


class PretrainingObjective(nn.Module):
    """A model and its pretraining loss.

    Source: `get_masked_lm_output` and `get_sentence_order_output` of the released code.

    Args:
        model: the model to train.
        compiled: compile the shared layer and the masked-token loss.
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
        """Compute the losses of a batch, named in `VALUES`; logits only of masked tokens.

        Args:
            batch: some or all examples of a step.
            counts: the counts of the whole step, over all batches and ranks, so that the gradients
                of its batches add up to that of the means; by default those of this batch. If the
                step has no labelled pair, the sentence-order loss is 0 and its head and the pooler
                get no gradient. If only this batch has none, their gradients are zero.
        """
        counts = counts or count(batch)
        states_MD, labels_N, logits_BL = self._read(batch)
        mlm_loss, right_N = vocabulary_cross_entropy(
            self.model.predictions.transform(states_MD),
            self.model.albert.embeddings.word_embeddings.weight,
            self.model.predictions.bias,
            labels_N,
            counts["masked"],
            compiled=self.compiled,
        )
        sop_loss, ordered = _sentence_order(logits_BL, batch, counts["pairs"])
        total = mlm_loss + sop_loss
        is_mask_N = torch.from_numpy(batch.is_mask[batch.labels != IGNORED])
        accuracies = (
            right_N.sum() / max(1, counts["masked"]),
            (right_N & to_device(is_mask_N, right_N.device)).sum() / max(1, counts["replaced"]),
            ordered / max(1, counts["pairs"]),
        )
        values = [each.detach().float() for each in (total, mlm_loss, sop_loss, *accuracies)]
        return Losses(total, torch.stack(values))

    @torch.no_grad()
    def score(self, batch: Batch) -> Tensor:
        """The scores of a batch, summed and named in `SUMS`, (6,) in float64."""
        states_MD, labels_N, logits_BL = self._read(batch)
        x_NE = self.model.predictions.transform(states_MD)[: len(labels_N)]
        embeddings_VE = self.model.albert.embeddings.word_embeddings.weight
        bias_V = self.model.predictions.bias
        masked = scoring.score(lambda part: F.linear(x_NE[part], embeddings_VE, bias_V), labels_N)
        has_order = np.flatnonzero(batch.sentence_order_label != IGNORED)
        order = torch.from_numpy(batch.sentence_order_label[has_order])
        rows = to_device(torch.from_numpy(has_order), logits_BL.device)
        pairs = scoring.score(
            lambda part: logits_BL[rows[part]], to_device(order, logits_BL.device)
        )
        sums = (*masked, len(labels_N), *pairs, len(order))
        device = labels_N.device
        return torch.stack([torch.as_tensor(each, device=device).double() for each in sums])

    def _read(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The states and labels (N,) of masked tokens, and the order logits (B, L).

        The states (M, D) may have more rows than there are labels, to be of few shapes on a CPU.
        """
        device = self.model.predictions.bias.device
        if device.type == "cpu":
            batch = _with_few_shapes(batch, self.model.config.max_position_embeddings)
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
        masked = np.flatnonzero(batch.labels != IGNORED)
        labels_N = torch.from_numpy(batch.labels.ravel()[masked])
        if len(masked):
            masked = np.resize(masked, rounded_up(len(masked), batch.labels.size, device))
        index_M = to_device(torch.from_numpy(masked), device)
        states_MD = output.last_hidden_state[:, 1:].flatten(0, 1)[index_M]
        return (
            states_MD,
            to_device(labels_N, device),
            self.model.sop_classifier(output.pooler_output),
        )


def _with_few_shapes(batch: Batch, positions: int) -> Batch:
    """The batch with more padding, for which a CPU needs few kernels; see `rounded_up`."""
    length, predictions = batch.input_ids.shape[1], batch.labels.shape[1]
    columns = max(0, min(positions, -(-length // 16) * 16) - length)
    more = dict.fromkeys(("input_ids", "token_type_ids", "attention_mask"), columns)
    more |= dict.fromkeys(("masked_positions", "labels"), -predictions % 8)
    padded = {
        name: np.pad(
            getattr(batch, name),
            ((0, 0), (0, count)),
            constant_values=IGNORED if name == "labels" else 0,
        )
        for name, count in more.items()
    }
    return replace(batch, **padded)


def _sentence_order(logits_BL: Tensor, batch: Batch, ordered: int) -> tuple[Tensor, Tensor]:
    """The loss, and the number of correct orders."""
    if not ordered:
        return logits_BL.new_zeros((), dtype=torch.float32), logits_BL.new_zeros(())
    order_B = to_device(torch.from_numpy(batch.sentence_order_label), logits_BL.device)
    loss = F.cross_entropy(logits_BL.float(), order_B, ignore_index=IGNORED, reduction="sum")
    return loss / ordered, (logits_BL.argmax(1) == order_B).sum()
