"""The models with a head on the backbone, with the hub's attribute names.

B batch, T positions, P read positions, E embedding, D hidden, V vocabulary, L labels, C choices.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from albertlm.config import IGNORED, AlbertConfig
from albertlm.models.torch.backbone import AlbertModel, tokens_of
from albertlm.models.torch.layer import ACTIVATIONS
from albertlm.models.torch.outputs import (
    BackboneOutput,
    LogitsOutput,
    PreTrainingOutput,
    QuestionAnsweringOutput,
)
from albertlm.models.torch.pretrained import PreTrainedModel


class AlbertMLMHead(nn.Module):
    """Maps states to logits over the vocabulary, with the word embeddings as the output matrix."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.embedding_size)
        self.activation = ACTIVATIONS[config.activation]
        self.LayerNorm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def transform(self, x_BPD: Tensor) -> Tensor:
        """The states in the space of the embeddings, (B, P, E)."""
        x_BPE: Tensor = self.LayerNorm(self.activation(self.dense(x_BPD)))
        return x_BPE

    def forward(self, x_BPD: Tensor, embeddings_VE: Tensor) -> Tensor:
        """Logits (B, P, V)."""
        return F.linear(self.transform(x_BPD), embeddings_VE, self.bias)


class AlbertSOPHead(nn.Module):
    """Maps the pooled [CLS] state to the logits of both orders, without dropout (as Google)."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.classifier = nn.Linear(config.hidden_size, 2)

    def forward(self, pooled_BD: Tensor) -> Tensor:
        """Logits (B, 2): 0 in order, 1 swapped."""
        logits: Tensor = self.classifier(pooled_BD)
        return logits


class AlbertForPreTraining(PreTrainedModel):
    """Masked language modelling and sentence-order prediction (paper section 3.1)."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config)
        self.predictions = AlbertMLMHead(config)
        self.sop_classifier = AlbertSOPHead(config)
        self.init_weights()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        *,
        masked_positions: Tensor | None = None,
        labels: Tensor | None = None,
        sentence_order_label: Tensor | None = None,
        **options: Any,
    ) -> PreTrainingOutput:
        """The logits of both heads, and the losses for which labels are given.

        Args:
            input_ids: (B, T), as in `AlbertModel`.
            attention_mask: (B, T), as in `AlbertModel`.
            token_type_ids: (B, T), as in `AlbertModel`.
            masked_positions: (B, P), compute `prediction_logits` at these positions only.
            labels: (B, T), or (B, P) with `masked_positions`: the original ids; -100 is ignored.
            sentence_order_label: (B,), 0 in order, 1 swapped, -100 ignored.
            **options: as in `AlbertModel.forward`.
        """
        read = None
        if masked_positions is not None:
            cls = torch.zeros_like(masked_positions[:, :1])
            read = torch.cat([cls, masked_positions], dim=1)
        output = self.albert(
            input_ids, attention_mask, token_type_ids, read_positions=read, **options
        )
        states = output.last_hidden_state if read is None else output.last_hidden_state[:, 1:]
        prediction_logits = self.predictions(states, self.albert.embeddings.word_embeddings.weight)
        sop_logits = self.sop_classifier(output.pooler_output)
        mlm_loss = None if labels is None else mean_cross_entropy(prediction_logits, labels)
        sop_loss = None
        if sentence_order_label is not None:
            sop_loss = mean_cross_entropy(sop_logits, sentence_order_label)
        losses = [loss for loss in (mlm_loss, sop_loss) if loss is not None]
        return PreTrainingOutput(
            loss=torch.stack(losses).sum() if losses else None,
            prediction_logits=prediction_logits,
            sop_logits=sop_logits,
            mlm_loss=mlm_loss,
            sop_loss=sop_loss,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )


class AlbertForMaskedLM(PreTrainedModel):
    """Logits over the vocabulary at each position."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config, add_pooling_layer=False)
        self.predictions = AlbertMLMHead(config)
        self.init_weights()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        *,
        masked_positions: Tensor | None = None,
        labels: Tensor | None = None,
        **options: Any,
    ) -> LogitsOutput:
        """`logits` (B, T, V), or (B, P, V) if `masked_positions` (B, P) are given.

        `labels`, (B, T) or (B, P), are the original ids; -100 is ignored.
        """
        output = self.albert(
            input_ids, attention_mask, token_type_ids, read_positions=masked_positions, **options
        )
        embeddings_VE = self.albert.embeddings.word_embeddings.weight
        return _logits(output, self.predictions(output.last_hidden_state, embeddings_VE), labels)


class AlbertForSentenceOrder(PreTrainedModel):
    """Whether two segments are in order: `logits` (B, 2), 0 in order, 1 swapped."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config)
        self.sop_classifier = AlbertSOPHead(config)
        self.init_weights()

    def forward(
        self,
        input_ids: Tensor | None = None,
        *inputs: Tensor,
        labels: Tensor | None = None,
        **options: Any,
    ) -> LogitsOutput:
        """`labels` (B,): 0 in order, 1 swapped; inputs as in `AlbertModel.forward`."""
        read = _cls(tokens_of(input_ids, options.get("inputs_embeds")))
        output = self.albert(input_ids, *inputs, read_positions=read, **options)
        return _logits(output, self.sop_classifier(output.pooler_output), labels)


class AlbertForSequenceClassification(PreTrainedModel):
    """Classes or numbers for a text or pair: `logits` (B, L); see `config.PROBLEM_TYPES`."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.init_weights()

    def forward(
        self,
        input_ids: Tensor | None = None,
        *inputs: Tensor,
        labels: Tensor | None = None,
        **options: Any,
    ) -> LogitsOutput:
        """The logits, and the loss if labels are given, as `config.problem_type` says.

        Without it, one label is a regression, labels that are fractions are those of several
        classes at once, and integers are classes.

        Args:
            input_ids: as in `AlbertModel.forward`.
            *inputs: as in `AlbertModel.forward`.
            labels: (B,) classes, for the cross-entropy; (B, L) numbers, or (B,) if there is only
                one label, for the mean squared error; (B, L) of 0 and 1 where a text may be in
                several classes, for the binary cross-entropy.
            **options: as in `AlbertModel.forward`.

        Raises:
            ValueError: the labels have another shape.
        """
        read = _cls(tokens_of(input_ids, options.get("inputs_embeds")))
        output = self.albert(input_ids, *inputs, read_positions=read, **options)
        logits = self.classifier(self.dropout(output.pooler_output))
        result = _logits(output, logits, None)
        if labels is not None:
            result.loss = _class_loss(logits, labels, self.config.problem_type)
        return result


class AlbertForTokenClassification(PreTrainedModel):
    """A class for each token: `logits` (B, T, L)."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.init_weights()

    def forward(
        self, *inputs: Tensor, labels: Tensor | None = None, **options: Any
    ) -> LogitsOutput:
        """`labels` (B, T), -100 ignored; inputs as in `AlbertModel.forward`."""
        output = self.albert(*inputs, **options)
        return _logits(output, self.classifier(self.dropout(output.last_hidden_state)), labels)


class AlbertForMultipleChoice(PreTrainedModel):
    """One of C candidates: inputs (B, C, T), `logits` (B, C)."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, 1)
        self.init_weights()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **options: Any,
    ) -> LogitsOutput:
        """`labels` (B,): the index of the right candidate.

        All inputs are (B, C, T), and `inputs_embeds` is (B, C, T, E).
        """
        tokens = tokens_of(input_ids, inputs_embeds)
        if tokens.dim() != (3 if inputs_embeds is None else 4):
            name = "input_ids" if inputs_embeds is None else "inputs_embeds"
            raise ValueError(
                f"{name} has shape {tuple(tokens.shape)}; it must be (texts, choices, tokens"
                f"{'' if inputs_embeds is None else ', features'})"
            )
        ids, mask, segments, positions, embeds = (
            None if x is None else x.flatten(0, 1)
            for x in (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        )
        read = _cls(tokens.flatten(0, 1))
        output = self.albert(
            ids, mask, segments, positions, inputs_embeds=embeds, read_positions=read, **options
        )
        logits = self.classifier(self.dropout(output.pooler_output)).view(tokens.shape[:2])
        return _logits(output, logits, labels)


class AlbertForQuestionAnswering(PreTrainedModel):
    """Where an answer starts and ends (SQuAD 1.1): two logits for each token."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config, add_pooling_layer=False)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.init_weights()

    def forward(
        self,
        *inputs: Tensor,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **options: Any,
    ) -> QuestionAnsweringOutput:
        """`start_positions` and `end_positions` (B,); -100 or one past the end is ignored."""
        output = self.albert(*inputs, **options)
        start_BT, end_BT = self.qa_outputs(output.last_hidden_state).unbind(-1)
        loss = None
        if start_positions is not None and end_positions is not None:
            length = start_BT.shape[1]
            pairs = ((start_BT, start_positions), (end_BT, end_positions))
            losses = [
                mean_cross_entropy(logits, gold.masked_fill(gold >= length, IGNORED))
                for logits, gold in pairs
            ]
            loss = torch.stack(losses).mean()
        return QuestionAnsweringOutput(
            loss=loss,
            start_logits=start_BT,
            end_logits=end_BT,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )


def mean_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean over the labels that are not -100, in float32; 0 if there are none."""
    flat = labels.flatten()
    total = F.cross_entropy(
        logits.flatten(0, -2).float(), flat, ignore_index=IGNORED, reduction="sum"
    )
    return total / (flat != IGNORED).sum().clamp(min=1)


def _cls(tokens: Tensor) -> Tensor:
    """The position of [CLS] in each text, (B, 1), the only one that the pooler reads."""
    return torch.zeros(len(tokens), 1, dtype=torch.long, device=tokens.device)


def _class_loss(logits: Tensor, labels: Tensor, problem: str | None) -> Tensor:
    """The loss of a classifier of sequences, for one of `PROBLEM_TYPES`."""
    if problem is None and logits.shape[1] == 1:
        problem = "regression"
    fractions = labels.is_floating_point()
    if problem == "single_label_classification" or (problem is None and not fractions):
        return mean_cross_entropy(logits, labels)
    if labels.numel() != logits.numel():
        raise ValueError(
            f"labels have shape {tuple(labels.shape)}; for {problem or 'fractions'} it must be "
            f"{tuple(logits.shape)}"
        )
    x_BL, y_BL = logits.float(), labels.view_as(logits).float()
    if problem == "regression":
        return F.mse_loss(x_BL, y_BL)
    return F.binary_cross_entropy_with_logits(x_BL, y_BL)


def _logits(output: BackboneOutput, logits: Tensor, labels: Tensor | None) -> LogitsOutput:
    return LogitsOutput(
        loss=None if labels is None else mean_cross_entropy(logits, labels),
        logits=logits,
        hidden_states=output.hidden_states,
        attentions=output.attentions,
    )
