"""The Keras models without and with a head, with the fields and losses of transformers' TF classes.

B batch, T positions, C choices, E embedding, D hidden, V vocabulary, L labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from albertlm.config import AlbertConfig
from albertlm.models.keras.backbone import ACTIVATIONS, dense, norm
from albertlm.models.keras.pretrained import Fields, KerasPreTrainedModel

_registered = keras.saving.register_keras_serializable("albertlm")


class MLMHead(layers.Layer):  # type: ignore[misc]
    """Maps states to logits over the vocabulary, with the word embeddings as the output matrix."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(name="predictions")
        self.sizes = config.hidden_size, config.embedding_size, config.vocab_size
        self.dense = dense(config, config.embedding_size, "dense")
        self.activation = ACTIVATIONS[config.activation]
        self.LayerNorm = norm(config, "LayerNorm")

    def build(self, _shape: Any = None) -> None:
        hidden, embedding, vocabulary = self.sizes
        self.dense.build((None, None, hidden))
        self.LayerNorm.build((None, None, embedding))
        self.bias = self.add_weight(shape=(vocabulary,), initializer="zeros", name="bias")
        self.built = True

    def call(self, x_BTD: Any, embeddings_VE: Any) -> Any:
        """Logits (B, T, V)."""
        x_BTE = self.LayerNorm(self.activation(self.dense(x_BTD)))
        matrix_EV = ops.transpose(ops.cast(embeddings_VE, x_BTE.dtype))
        return ops.matmul(x_BTE, matrix_EV) + ops.cast(self.bias, x_BTE.dtype)


class SOPHead(layers.Layer):  # type: ignore[misc]
    """Maps the pooled [CLS] state to the logits of both orders, without dropout (as Google)."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(name="sop_classifier")
        self.size = config.hidden_size
        self.classifier = dense(config, 2, "classifier")

    def build(self, _shape: Any = None) -> None:
        self.classifier.build((None, self.size))
        self.built = True

    def call(self, pooled_BD: Any) -> Any:
        """Logits (B, 2): 0 in order, 1 swapped."""
        return self.classifier(pooled_BD)


@_registered
class KerasAlbertModel(KerasPreTrainedModel):
    """Features of texts: `last_hidden_state` (B, T, D) and `pooler_output` (B, D)."""

    main_output = "last_hidden_state"

    def __init__(self, config: AlbertConfig, **options: Any) -> None:
        super().__init__(config, **options)
        self.build()

    def head(self, told: Fields, inputs: Mapping[str, Any], training: bool) -> Fields:  # noqa: ARG002
        return {name: told[name] for name in ("last_hidden_state", "pooler_output")}


@_registered
class KerasAlbertForPreTraining(KerasPreTrainedModel):
    """Masked language modelling and sentence-order prediction (paper section 3.1).

    `prediction_logits` (B, T, V) and `sop_logits` (B, 2); the loss, of both labels, is (1,).
    """

    labels = ("labels", "sentence_order_label")
    main_output = "prediction_logits"

    def __init__(self, config: AlbertConfig, **options: Any) -> None:
        super().__init__(config, **options)
        self.predictions = MLMHead(config)
        self.sop_classifier = SOPHead(config)
        self.build()

    def head_layers(self) -> list[Any]:
        return [self.predictions, self.sop_classifier]

    def head(self, told: Fields, inputs: Mapping[str, Any], training: bool) -> Fields:  # noqa: ARG002
        embeddings_VE = self.albert.embeddings.word_embeddings.embeddings
        return {
            "prediction_logits": self.predictions(told["last_hidden_state"], embeddings_VE),
            "sop_logits": self.sop_classifier(told["pooler_output"]),
        }

    def loss_of(self, fields: Fields, inputs: Mapping[str, Any]) -> Any:
        return mean_cross_entropy(inputs["labels"], fields["prediction_logits"]) + (
            mean_cross_entropy(inputs["sentence_order_label"], fields["sop_logits"])
        )


@_registered
class KerasAlbertForMaskedLM(KerasPreTrainedModel):
    """`logits` (B, T, V) over the vocabulary at each position; the loss is (1,)."""

    has_pooler = False
    labels = ("labels",)

    def __init__(self, config: AlbertConfig, **options: Any) -> None:
        super().__init__(config, **options)
        self.predictions = MLMHead(config)
        self.build()

    def head_layers(self) -> list[Any]:
        return [self.predictions]

    def head(self, told: Fields, inputs: Mapping[str, Any], training: bool) -> Fields:  # noqa: ARG002
        embeddings_VE = self.albert.embeddings.word_embeddings.embeddings
        return {"logits": self.predictions(told["last_hidden_state"], embeddings_VE)}

    def loss_of(self, fields: Fields, inputs: Mapping[str, Any]) -> Any:
        return mean_cross_entropy(inputs["labels"], fields["logits"])


class _Classifier(KerasPreTrainedModel):
    """Base of the models with one classifier, over states or over the pooled [CLS] state."""

    labels = ("labels",)

    def __init__(self, config: AlbertConfig, size: int | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.dropout = layers.Dropout(config.classifier_dropout_prob)
        self.classifier = dense(config, size or config.num_labels, "classifier")
        self.build()

    def head_layers(self) -> list[Any]:
        return [self.classifier]

    def head(self, told: Fields, inputs: Mapping[str, Any], training: bool) -> Fields:  # noqa: ARG002
        x = told["pooler_output" if self.has_pooler else "last_hidden_state"]
        return {"logits": self.classifier(self.dropout(x, training=training))}


@_registered
class KerasAlbertForSequenceClassification(_Classifier):
    """A class, or a number if `num_labels` is 1: `logits` (B, L); the loss is (B,)."""

    def loss_of(self, fields: Fields, inputs: Mapping[str, Any]) -> Any:
        each = each_square if self.config.num_labels == 1 else each_cross_entropy
        return each(inputs["labels"], fields["logits"])


@_registered
class KerasAlbertForTokenClassification(_Classifier):
    """A class for each token: `logits` (B, T, L); the loss is (1,), -100 is ignored."""

    has_pooler = False

    def loss_of(self, fields: Fields, inputs: Mapping[str, Any]) -> Any:
        return mean_cross_entropy(inputs["labels"], fields["logits"])


@_registered
class KerasAlbertForMultipleChoice(_Classifier):
    """One of C candidates: inputs (B, C, T), `logits` (B, C); the loss is (B,)."""

    def __init__(self, config: AlbertConfig, **options: Any) -> None:
        super().__init__(config, 1, **options)

    def flat(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            name: value if name in self.labels else ops.reshape(value, (-1, *ops.shape(value)[2:]))
            for name, value in inputs.items()
        }

    def head(self, told: Fields, inputs: Mapping[str, Any], training: bool) -> Fields:
        logits_N1 = super().head(told, inputs, training)["logits"]
        given = inputs["input_ids" if "input_ids" in inputs else "inputs_embeds"]
        return {"logits": ops.reshape(logits_N1, ops.shape(given)[:2])}

    def loss_of(self, fields: Fields, inputs: Mapping[str, Any]) -> Any:
        return each_cross_entropy(inputs["labels"], fields["logits"])


@_registered
class KerasAlbertForQuestionAnswering(KerasPreTrainedModel):
    """Where an answer starts and ends: `start_logits` and `end_logits` (B, T); the loss is (B,).

    A position that is -100 or past the end is ignored.
    """

    has_pooler = False
    labels = ("start_positions", "end_positions")
    main_output = "start_logits"

    def __init__(self, config: AlbertConfig, **options: Any) -> None:
        super().__init__(config, **options)
        self.qa_outputs = dense(config, 2, "qa_outputs")
        self.build()

    def head_layers(self) -> list[Any]:
        return [self.qa_outputs]

    def head(self, told: Fields, inputs: Mapping[str, Any], training: bool) -> Fields:  # noqa: ARG002
        logits_BT2 = self.qa_outputs(told["last_hidden_state"])
        return {"start_logits": logits_BT2[..., 0], "end_logits": logits_BT2[..., 1]}

    def loss_of(self, fields: Fields, inputs: Mapping[str, Any]) -> Any:
        start_B = each_cross_entropy(inputs["start_positions"], fields["start_logits"])
        end_B = each_cross_entropy(inputs["end_positions"], fields["end_logits"])
        return (start_B + end_B) / 2


def each_cross_entropy(labels_B: Any, logits_BL: Any) -> Any:
    """The cross-entropy of each text in float32, (B,); 0 where the label is ignored."""
    return _cross_entropy(labels_B, logits_BL)[0]


def mean_cross_entropy(labels: Any, logits: Any) -> Any:
    """The mean over the labels that are not ignored, (1,); 0 if there are none."""
    each, kept = _cross_entropy(labels, logits)
    return ops.reshape(ops.sum(each) / ops.maximum(ops.sum(kept), 1.0), (1,))


def each_square(labels_B: Any, logits_B1: Any) -> Any:
    """The squared error of each text in float32, (B,), for a number instead of a class."""
    logits_B = ops.reshape(ops.cast(logits_B1, "float32"), (-1,))
    return ops.square(ops.cast(ops.reshape(labels_B, (-1,)), "float32") - logits_B)


def _cross_entropy(labels: Any, logits: Any) -> tuple[Any, Any]:
    """The cross-entropies, and 1 for each label that is a class and not -100."""
    kept = ops.logical_and(labels >= 0, labels < ops.shape(logits)[-1])
    each = keras.losses.sparse_categorical_crossentropy(
        ops.where(kept, labels, 0), ops.cast(logits, "float32"), from_logits=True
    )
    kept = ops.cast(kept, "float32")
    return each * kept, kept
