"""The attention that tokens receive, against that of transformers in float64."""

from pathlib import Path

import numpy as np
import pytest

from albertlm.evaluation.bias.attention import attention_received
from albertlm.evaluation.bias.likelihood import MaskedLikelihood
from albertlm.inference.engines import open_engine


def test_attention_is_that_of_transformers(likelihood: MaskedLikelihood, tiny_folder: Path) -> None:
    import torch
    import transformers

    model = transformers.AlbertModel.from_pretrained(tiny_folder, attn_implementation="eager")
    model = model.double().eval()
    texts = likelihood.tokenized(["The old fisherman sold the boats.", "She left."])
    for text, found in zip(texts, attention_received(likelihood.engine, texts), strict=True):
        with torch.no_grad():
            layers = model(torch.tensor([text.input_ids]), output_attentions=True).attentions
        expected = torch.cat(layers).mean((0, 1, 2)).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-7)
        assert found.sum() == pytest.approx(1)


def test_every_engine_gives_the_same(likelihood: MaskedLikelihood, tiny_folder: Path) -> None:
    texts = likelihood.tokenized(["The old fisherman sold the boats.", "She left."])
    expected = attention_received(likelihood.engine, texts)
    for name in ("numpy", "torch"):
        engine = open_engine(name, tiny_folder, dtype="float32")
        for ours, theirs in zip(attention_received(engine, texts), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
