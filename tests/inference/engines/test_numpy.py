"""The NumPy engine: half-precision files, blocks of rows, and devices that it does not support."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from albertlm import AlbertConfig, AlbertForPreTraining
from albertlm.inference.engines import numpy as numpy_engine
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.inference.engines.torch import TorchEngine

TEXTS = [TokenizedText([2, 17, 4, 66, 3], [0] * 5), TokenizedText([2, *range(20, 60), 3], [0] * 42)]


def test_half_precision_is_opened(tmp_path: Path, tiny_config: Callable[..., AlbertConfig]) -> None:
    model = AlbertForPreTraining(tiny_config(initializer_range=0.02))
    model.half().save_pretrained(tmp_path)
    found = NumpyEngine.from_folder(tmp_path).states(TEXTS)
    for states, expected in zip(found, TorchEngine(model.float()).states(TEXTS), strict=True):
        np.testing.assert_allclose(states, expected, rtol=0, atol=1e-5)


def test_rows_of_the_feed_forward_block_may_be_few(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = NumpyEngine.from_folder(tiny_folder)
    whole = engine.states(TEXTS)
    monkeypatch.setattr(numpy_engine, "FEED_FORWARD_ROWS", 3)
    for states, expected in zip(engine.states(TEXTS), whole, strict=True):
        np.testing.assert_allclose(states, expected, rtol=0, atol=1e-5)


def test_it_computes_on_the_processor_only(tiny_folder: Path) -> None:
    NumpyEngine.from_folder(tiny_folder, device="cpu")
    with pytest.raises(ValueError, match="device='cuda' is not allowed; it must be cpu with"):
        NumpyEngine.from_folder(tiny_folder, device="cuda")
