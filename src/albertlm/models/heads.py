"""The heads that read the backbone; attribute names are the hub's.

B batch, T positions, P read positions, E embedding, D hidden, V vocabulary, L labels, C choices.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from albertlm.config import AlbertConfig
from albertlm.models.backbone import AlbertModel
from albertlm.models.layer import ACTIVATIONS
from albertlm.models.outputs import (
    BackboneOutput,
    LogitsOutput,
    PreTrainingOutput,
    QuestionAnsweringOutput,
)
from albertlm.models.pretrained import PreTrainedModel

IGNORED = -100
"""The label of what counts in no loss, as in transformers."""


class AlbertMLMHead(nn.Module):
    """States to logits over the vocabulary, through the word embeddings themselves."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.embedding_size)
        self.activation = ACTIVATIONS[config.hidden_act]
        self.LayerNorm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def transform(self, x_BPD: Tensor) -> Tensor:
        """States in the space of the embeddings, (B, P, E)."""
        x_BPE: Tensor = self.LayerNorm(self.activation(self.dense(x_BPD)))
        return x_BPE

    def forward(self, x_BPD: Tensor, embeddings_VE: Tensor) -> Tensor:
        """Logits (B, P, V)."""
        return F.linear(self.transform(x_BPD), embeddings_VE, self.bias)


class AlbertSOPHead(nn.Module):
    """The pooled [CLS] state to the logits of both orders. No dropout, as in Google's code."""

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
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        *,
        masked_positions: Tensor | None = None,
        labels: Tensor | None = None,
        sentence_order_label: Tensor | None = None,
        **options: Any,
    ) -> PreTrainingOutput:
        """Both heads' logits.

        Args:
            input_ids: (B, T), as in `AlbertModel`.
            attention_mask: (B, T), as there.
            token_type_ids: (B, T), as there.
            masked_positions: (B, P), compute `prediction_logits` at these positions only.
            labels: the original ids, of the shape of `prediction_logits` less V; -100 is ignored.
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
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        *,
        masked_positions: Tensor | None = None,
        labels: Tensor | None = None,
        **options: Any,
    ) -> LogitsOutput:
        """`logits` (B, T, V), or (B, P, V) where `masked_positions` (B, P) are given.

        `labels`, of the shape of the logits less V, are the original ids; -100 is ignored.
        """
        output = self.albert(
            input_ids, attention_mask, token_type_ids, read_positions=masked_positions, **options
        )
        embeddings_VE = self.albert.embeddings.word_embeddings.weight
        return _logits(output, self.predictions(output.last_hidden_state, embeddings_VE), labels)


class AlbertForSentenceOrder(PreTrainedModel):
    """Whether two segments stand in their order: `logits` (B, 2), 0 in order, 1 swapped."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config)
        self.sop_classifier = AlbertSOPHead(config)
        self.init_weights()

    def forward(
        self, input_ids: Tensor, *inputs: Tensor, labels: Tensor | None = None, **options: Any
    ) -> LogitsOutput:
        """`labels` (B,): 0 in order, 1 swapped; inputs as in `AlbertModel.forward`."""
        output = self.albert(input_ids, *inputs, read_positions=_cls(input_ids), **options)
        return _logits(output, self.sop_classifier(output.pooler_output), labels)


class AlbertForSequenceClassification(PreTrainedModel):
    """A class, or a number where `num_labels` is 1, for a text or pair: `logits` (B, L)."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.init_weights()

    def forward(
        self, input_ids: Tensor, *inputs: Tensor, labels: Tensor | None = None, **options: Any
    ) -> LogitsOutput:
        """`labels` (B,): classes, or numbers where `num_labels` is 1 (mean squared error)."""
        output = self.albert(input_ids, *inputs, read_positions=_cls(input_ids), **options)
        logits = self.classifier(self.dropout(output.pooler_output))
        if labels is not None and self.config.num_labels == 1:
            result = _logits(output, logits, None)
            result.loss = F.mse_loss(logits.flatten().float(), labels.flatten().float())
            return result
        return _logits(output, logits, labels)


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
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **options: Any,
    ) -> LogitsOutput:
        """`labels` (B,): the number of the right candidate. All inputs are (B, C, T)."""
        if input_ids.dim() != 3:
            raise ValueError(
                f"input_ids has shape {tuple(input_ids.shape)}; it must be (texts, choices, tokens)"
            )
        flat = [
            None if x is None else x.flatten(0, 1)
            for x in (attention_mask, token_type_ids, position_ids)
        ]
        ids = input_ids.flatten(0, 1)
        output = self.albert(ids, *flat, read_positions=_cls(ids), **options)
        logits = self.classifier(self.dropout(output.pooler_output)).view(input_ids.shape[:2])
        return _logits(output, logits, labels)


class AlbertForQuestionAnswering(PreTrainedModel):
    """Where an answer starts and ends (SQuAD 1.1): a logit each for each token."""

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
        """`start_positions` and `end_positions` (B,): -100, or past the end, is ignored."""
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
    """The mean over the labels that are not -100, in float32; 0 where there is none."""
    flat = labels.flatten()
    total = F.cross_entropy(
        logits.flatten(0, -2).float(), flat, ignore_index=IGNORED, reduction="sum"
    )
    return total / (flat != IGNORED).sum().clamp(min=1)


def _cls(input_ids: Tensor) -> Tensor:
    """The position of [CLS] in each text, (B, 1): all that the pooler reads."""
    return input_ids.new_zeros(input_ids.shape[0], 1)


def _logits(output: BackboneOutput, logits: Tensor, labels: Tensor | None) -> LogitsOutput:
    return LogitsOutput(
        loss=None if labels is None else mean_cross_entropy(logits, labels),
        logits=logits,
        hidden_states=output.hidden_states,
        attentions=output.attentions,
    )
