"""The PyTorch engine: devices, precision, and models given as objects."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertForSequenceClassification
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.engines.torch import TorchEngine

TEXTS = [TokenizedText([2, 9, 4, 3], [0] * 4), TokenizedText([2, 5, 3], [0] * 3)]


def test_a_model_keeps_its_precision_and_is_put_in_evaluation_mode(
    tiny_config: Callable[..., AlbertConfig],
) -> None:
    model = AlbertForPreTraining(tiny_config(hidden_dropout_prob=0.5)).bfloat16().train()
    engine = TorchEngine(model)
    first, second = engine.states(TEXTS)[0], engine.states(TEXTS)[0]
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, second)
    assert next(model.parameters()).dtype == torch.bfloat16


def test_the_depth_of_a_model_in_training_is_given_back(
    tiny_config: Callable[..., AlbertConfig],
) -> None:
    model = AlbertForPreTraining(tiny_config())
    model.albert.encoder.depth = 2
    engine = TorchEngine(model)
    whole = engine.states(TEXTS)
    assert model.albert.encoder.depth == 2
    assert not np.allclose(whole[0], engine.states(TEXTS, depth=2)[0])


def test_heads_that_were_drawn_are_not_among_the_parameters(tiny_folder: Path) -> None:
    engine = TorchEngine(AlbertForSequenceClassification.from_pretrained(tiny_folder))
    assert "classifier.weight" not in engine.parameters
    assert len(engine.parameters) == len(list(engine.parameters)) > 20
    word = engine.parameters["embeddings.word_embeddings.weight"]
    assert word.shape == (70, 16)
    assert word.dtype == np.float32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("auto", 1e-4), ("float16", 0.02), ("bfloat16", 0.2)]
)
def test_types_on_a_gpu(dtype: str, tolerance: float, tiny_folder: Path) -> None:
    exact = TorchEngine.from_folder(tiny_folder).states(TEXTS)
    on_gpu = TorchEngine.from_folder(tiny_folder, device="cuda", dtype=dtype).states(TEXTS)
    for states, expected in zip(on_gpu, exact, strict=True):
        np.testing.assert_allclose(states, expected, rtol=0, atol=tolerance)


def test_a_model_is_moved_and_converted_itself(tiny_config: Callable[..., AlbertConfig]) -> None:
    model = AlbertForPreTraining(tiny_config())
    TorchEngine(model, device="cpu", dtype="bfloat16")
    assert (model.device, model.dtype) == (torch.device("cpu"), torch.bfloat16)
    TorchEngine(model)
    assert model.dtype == torch.bfloat16
    with pytest.raises(ValueError, match=r"dtype='float16' .* auto, float32, bfloat16 with .* cpu"):
        TorchEngine(model, dtype="float16")


@pytest.mark.parametrize("device", ["cuda:99", "abacus", "meta:x"])
def test_a_device_that_is_not_there(device: str, tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match=f"device='{device}' is not here .* name another"):
        TorchEngine.from_folder(tiny_folder, device=device)
