"""The losses of fine-tuning: a batch's share of the mean over all labels of a step.

B examples, R rows of tokens (several for each example if it has choices), T positions, D hidden,
L labels, C choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from albertlm.config import IGNORED
from albertlm.models.torch.backbone import AlbertModel
from albertlm.models.torch.heads import (
    AlbertForMultipleChoice,
    AlbertForQuestionAnswering,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
)
from albertlm.models.torch.layer import Layout, to_device
from albertlm.models.torch.pretrained import PreTrainedModel
from albertlm.models.torch.squad import AlbertForSquadV2
from albertlm.settings import check
from albertlm.tasks.task import Problem, TaskHead
from albertlm.training.labelled import LabelledBatch

MODELS: dict[TaskHead, type[PreTrainedModel]] = {
    "sequence-classification": AlbertForSequenceClassification,
    "token-classification": AlbertForTokenClassification,
    "multiple-choice": AlbertForMultipleChoice,
    "question-answering": AlbertForQuestionAnswering,
}
"""The model with each head; `AlbertForSquadV2` is another one for questions."""


@dataclass(frozen=True, kw_only=True)
class TaskLoss:
    """The loss of a model with one of the heads for tasks.

    The sums of a step's gradients are those of the mean over all of its labels, in however many
    batches and processes they are computed.

    Fields:
        head: the kind of head.
        problem: the `problem_type`; None for other heads.
        class_weights: the factor of each class's labels, with a mean of 1 over the training data,
            so that the loss keeps its scale; None for equal ones.
        smoothing: the share of each label's probability that is spread over all classes.
        rows_at_once: the number of rows of tokens whose activations are held at once. If an
            example has more, its choices are computed in chunks, and again in the backward pass.

    Raises:
        ValueError: smoothing or weights are given for something else than exclusive classes.
    """

    head: TaskHead
    problem: Problem | None = None
    class_weights: tuple[float, ...] | None = None
    smoothing: float = 0.0
    rows_at_once: int | None = None

    def __post_init__(self) -> None:
        check(
            0 <= self.smoothing < 1, "from 0 up to, but not including, 1", smoothing=self.smoothing
        )
        exclusive = self.head == "token-classification" or (
            self.problem == "single_label_classification"
        )
        if not exclusive and (self.smoothing or self.class_weights):
            raise ValueError(
                "label smoothing and class weights need classes that exclude each other; leave "
                f"them out for {self.problem or self.head}"
            )

    def count(self, batch: LabelledBatch) -> int:
        """The number of labels over which the loss of a step is a mean."""
        match self.head:
            case "question-answering":
                return len(batch)
            case "sequence-classification":
                return int(batch.labels.size)
        return int((batch.labels != IGNORED).sum())

    def __call__(self, model: PreTrainedModel, batch: LabelledBatch, labels: int) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            model: a model with the head.
            batch: some or all examples of a step.
            labels: the number of labels of the whole step, over all batches and ranks.
        """
        gold = to_device(torch.from_numpy(batch.labels), model.device)
        match model:
            case AlbertForSequenceClassification():
                total = self._of_texts(_text_logits(model, batch), gold)
            case AlbertForTokenClassification():
                states = _encode(model, batch)
                logits_BTL = model.classifier(model.dropout(states))
                total = self._cross_entropy(logits_BTL, gold[:, : logits_BTL.shape[1]])
            case AlbertForMultipleChoice():
                logits_BC = _by_example(self._chunked(model, batch), batch)
                total = F.cross_entropy(logits_BC, gold[:, 0], reduction="sum")
            case AlbertForQuestionAnswering():
                logits_BT2 = model.qa_outputs(_encode(model, batch)).float()
                barred_BT1 = ~_may_be_answer(batch, model.device)[:, :, None]
                logits_BT2 = logits_BT2.masked_fill(barred_BT1, -1e30)
                total = 0.5 * F.cross_entropy(logits_BT2, gold, reduction="sum")
            case _:
                total = _of_squad_v2(model, batch, gold) * len(batch)
        return total / max(1, labels)

    def _of_texts(self, logits_BL: Tensor, gold: Tensor) -> Tensor:
        match self.problem:
            case "regression":
                return F.mse_loss(logits_BL.float(), gold, reduction="sum")
            case "multi_label_classification":
                return F.binary_cross_entropy_with_logits(logits_BL.float(), gold, reduction="sum")
        return self._cross_entropy(logits_BL, gold[:, 0])

    def _cross_entropy(self, logits: Tensor, gold: Tensor) -> Tensor:
        weights = self.class_weights
        return F.cross_entropy(
            logits.flatten(0, -2).float(),
            gold.flatten(),
            None if weights is None else torch.tensor(weights, device=logits.device),
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.smoothing,
        )

    def _chunked(self, model: AlbertForMultipleChoice, batch: LabelledBatch) -> Tensor:
        """The logits (R, 1) of all choices."""
        rows = len(batch.input_ids)
        size = self.rows_at_once or rows
        if size >= rows:
            return _text_logits(model, batch)
        chunks = [
            checkpoint(
                partial(_text_logits, model, batch, slice(start, start + size)), use_reentrant=False
            )
            for start in range(0, rows, size)
        ]
        return torch.cat(chunks)


def _encode(
    model: PreTrainedModel,
    batch: LabelledBatch,
    rows: slice = slice(None),
    *,
    pooled: bool = False,
) -> Tensor:
    """The states (R, T, D) of some of the rows, or the pooled states (R, D) of their [CLS]."""
    used = slice(int(batch.attention_mask[rows].sum(1).max()))
    ids_RT, segments_RT, mask_RT = (
        torch.from_numpy(each[rows, used].copy())
        for each in (batch.input_ids, batch.token_type_ids, batch.attention_mask)
    )
    device, (count, length) = model.device, ids_RT.shape
    cls_R1 = torch.zeros((count, 1), dtype=torch.int64, device=device)
    backbone: AlbertModel = model.albert  # type: ignore[assignment]
    output = backbone.encode(
        to_device(ids_RT, device),
        to_device(segments_RT, device),
        torch.arange(length, device=device).expand(count, length),
        Layout.of(mask_RT.bool(), count, length, device),
        read_positions=cls_R1 if pooled else None,
    )
    return cast(Tensor, output.pooler_output) if pooled else output.last_hidden_state


def _text_logits(
    model: AlbertForSequenceClassification | AlbertForMultipleChoice,
    batch: LabelledBatch,
    rows: slice = slice(None),
) -> Tensor:
    """The logits (R, L) of some of the rows."""
    logits: Tensor = model.classifier(model.dropout(_encode(model, batch, rows, pooled=True)))
    return logits


def _by_example(logits_R1: Tensor, batch: LabelledBatch) -> Tensor:
    """The logits of each example's choices, (B, C); minus infinity where it has fewer than C."""
    counts = batch.rows
    examples = np.repeat(np.arange(len(batch)), counts)
    places = np.arange(len(examples)) - np.repeat(np.cumsum(counts) - counts, counts)
    logits_BC = torch.full(
        (len(batch), int(counts.max())), -torch.inf, device=logits_R1.device, dtype=torch.float32
    )
    at = tuple(to_device(torch.from_numpy(each), logits_R1.device) for each in (examples, places))
    return logits_BC.index_put(at, logits_R1[:, 0].float())


def _may_be_answer(batch: LabelledBatch, device: torch.device) -> Tensor:
    """(B, T) whether an answer may start or end at a token: in the context, or at [CLS]."""
    places = np.arange(batch.input_ids.shape[1])
    ends = batch.attention_mask.sum(1, keepdims=True) - 1
    in_context = (batch.token_type_ids == 1) & (places < ends)
    return to_device(torch.from_numpy(in_context | (places == 0)), device)


def _of_squad_v2(model: PreTrainedModel, batch: LabelledBatch, gold_B2: Tensor) -> Tensor:
    """The mean loss of Google's head."""
    arrays = batch.input_ids, batch.attention_mask, batch.token_type_ids
    loss: Tensor = model(
        *(to_device(torch.from_numpy(each), model.device) for each in arrays),
        no_answer_mask=~_may_be_answer(batch, model.device),
        start_positions=gold_B2[:, 0],
        end_positions=gold_B2[:, 1],
        is_impossible=gold_B2[:, 0] == 0,
    ).loss
    return loss


def model_class(head: TaskHead, *, conditional: bool) -> type[PreTrainedModel]:
    """The class of the model with a head.

    Args:
        head: the kind of head.
        conditional: whether the end of an answer depends on its start, as in Google's head for
            SQuAD 2.0.

    Raises:
        ValueError: `conditional` is set for another head than that for questions.
    """
    if not conditional:
        return MODELS[head]
    check(head == "question-answering", "false unless answers are spans", conditional=conditional)
    return AlbertForSquadV2
