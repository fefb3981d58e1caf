"""What transformers' TensorFlow classes computed for the models in `tests/fixtures`."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from known_weights import IDS, MASK, SEGMENTS

FOLDERS = (
    "TFAlbertModel-gelu_new",
    "TFAlbertForPreTraining-gelu",
    "TFAlbertForPreTraining-gelu_new",
    "TFAlbertForMaskedLM-gelu_new",
    "TFAlbertForSequenceClassification-gelu_new",
    "TFAlbertForTokenClassification-gelu_new",
    "TFAlbertForQuestionAnswering-gelu_new",
    "TFAlbertForMultipleChoice-gelu_new",
)

Arrays = dict[str, np.ndarray]


class Recorded(NamedTuple):
    """One call.

    Fields:
        kind: the class, in the hub's name for PyTorch.
        inputs: ids, mask and segments, of two texts, one of them padded.
        labels: what the loss is of.
        outputs: all fields, in transformers' order.
    """

    kind: str
    inputs: Arrays
    labels: Arrays
    outputs: Arrays


def recorded(folder: Path) -> Recorded:
    """The call whose outputs lie beside a model of `FOLDERS`."""
    kind = folder.name.partition("-")[0].removeprefix("TF")
    inputs = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": SEGMENTS}
    if kind == "AlbertForMultipleChoice":  # one question
        inputs = {name: array[None] for name, array in inputs.items()}
    outputs = dict(np.load(folder / "outputs.npz"))
    given = [name for name in outputs if name.startswith("given_")]
    labels = {name.removeprefix("given_"): outputs.pop(name) for name in given}
    return Recorded(kind, inputs, labels, outputs)


def at_tokens(array: np.ndarray) -> np.ndarray:
    """An output without its values at padding, if it has some for each token."""
    for axis in range(array.ndim - 1):
        if array.shape[axis : axis + 2] == MASK.shape:
            index = (slice(None),) * axis + (MASK.astype(bool),)
            selected: np.ndarray = array[index]
            return selected
    return array
