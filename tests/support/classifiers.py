"""Classifiers in float64, and what transformers says of the same texts."""

from pathlib import Path
from typing import Any

import numpy as np

from albertlm.inference.engines.base import read_trained
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.inference.pipelines.text_classification import TextClassification
from albertlm.tokenization.tokenizer import AlbertTokenizer


def opened(folder: Path) -> TextClassification:
    config, parameters = read_trained(folder)
    doubled: Any = {name: array.astype(np.float64) for name, array in parameters.items()}
    return TextClassification(NumpyEngine(config, doubled), AlbertTokenizer.from_pretrained(folder))


def probabilities(folder: Path, texts: list[str]) -> np.ndarray[Any, Any]:
    """The probability of the second class of each text, by transformers."""
    import torch
    import transformers

    model = transformers.AlbertForSequenceClassification.from_pretrained(folder).double()
    model.train(False)
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    with torch.no_grad():
        logits = [model(torch.tensor([tokenizer.encode(text)])).logits[0] for text in texts]
    return np.array([float(each.softmax(-1)[1]) for each in logits])
