"""The attention that tokens receive, against that of transformers in float64."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from albertlm import AlbertConfig, AlbertModel, AlbertTokenizer
from albertlm.evaluation.bias.attention import attention_received
from albertlm.evaluation.bias.likelihood import MaskedLikelihood
from albertlm.inference.engines import ENGINES, open_engine
from albertlm.inference.engines.base import TokenizedText


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


def test_a_model_of_several_layers(
    tiny_config: Callable[..., AlbertConfig], tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    import torch
    import transformers

    config = tiny_config(num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2)
    AlbertModel(config).save_pretrained(tmp_path)
    model = transformers.AlbertModel.from_pretrained(tmp_path, attn_implementation="eager")
    ids = tiny_tokenizer.encode("The old fisherman sold the boats.")
    with torch.no_grad():
        layers = model(torch.tensor([ids]), output_attentions=True).attentions
    # transformers returns a tuple for each group of inner layers
    applied = [
        each for layer in layers for each in (layer if isinstance(layer, tuple) else [layer])
    ]
    engine = open_engine("numpy", tmp_path)
    (found,) = attention_received(engine, [TokenizedText(ids, [0] * len(ids))])
    assert len(applied) == 8
    np.testing.assert_allclose(found, torch.cat(applied).mean((0, 1, 2)).numpy(), atol=1e-6)


def test_every_engine_gives_the_same(likelihood: MaskedLikelihood, tiny_folder: Path) -> None:
    texts = likelihood.tokenized(["The old fisherman sold the boats.", "She left."])
    expected = attention_received(likelihood.engine, texts)
    for name in ENGINES:
        engine = open_engine(name, tiny_folder, dtype="float32")
        for ours, theirs in zip(attention_received(engine, texts), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
