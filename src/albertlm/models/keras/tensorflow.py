"""The Keras models by the names of transformers' TensorFlow classes, on TensorFlow's backend."""

from __future__ import annotations

from keras.backend import backend

from albertlm.models.keras.heads import (
    KerasAlbertForMaskedLM,
    KerasAlbertForMultipleChoice,
    KerasAlbertForPreTraining,
    KerasAlbertForQuestionAnswering,
    KerasAlbertForSequenceClassification,
    KerasAlbertForTokenClassification,
    KerasAlbertModel,
)

if backend() != "tensorflow":
    raise ImportError(
        f"TFAlbert… classes need Keras's backend tensorflow, and it is {backend()}; set "
        "KERAS_BACKEND=tensorflow before Keras is imported, or use the KerasAlbert… classes"
    )

TFAlbertModel = KerasAlbertModel
TFAlbertForPreTraining = KerasAlbertForPreTraining
TFAlbertForMaskedLM = KerasAlbertForMaskedLM
TFAlbertForSequenceClassification = KerasAlbertForSequenceClassification
TFAlbertForTokenClassification = KerasAlbertForTokenClassification
TFAlbertForQuestionAnswering = KerasAlbertForQuestionAnswering
TFAlbertForMultipleChoice = KerasAlbertForMultipleChoice
