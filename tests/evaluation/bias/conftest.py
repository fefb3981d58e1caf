"""A tiny model in float64, and the same one in transformers, read one position at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from albertlm.evaluation.bias.likelihood import MaskedLikelihood
from albertlm.inference.engines.base import TokenizedText, read_trained
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.tokenization.tokenizer import AlbertTokenizer

LogProb = Callable[..., Any]


@pytest.fixture(scope="session")
def likelihood(tiny_folder: Path, tiny_tokenizer: AlbertTokenizer) -> MaskedLikelihood:
    config, parameters = read_trained(tiny_folder)
    doubled = {name: array.astype(np.float64) for name, array in parameters.items()}
    return MaskedLikelihood(NumpyEngine(config, doubled), tiny_tokenizer)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def log_prob(tiny_folder: Path, tiny_tokenizer: AlbertTokenizer) -> LogProb:
    """Gives log p of pieces at a position where some positions are masked, by transformers."""
    import torch
    import transformers

    model = transformers.AlbertForMaskedLM.from_pretrained(tiny_folder).double().eval()

    def read(text: TokenizedText, position: int, piece: Any, masked: tuple[int, ...] = ()) -> Any:
        ids = [
            tiny_tokenizer.mask_token_id if at in masked else id_
            for at, id_ in enumerate(text.input_ids)
        ]
        with torch.no_grad():
            logits = model(
                input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([text.token_type_ids])
            ).logits
        return torch.log_softmax(logits[0, position], -1).numpy()[piece]

    return read
