"""The ONNX Runtime engine in int8: independent of other texts, and right without VNNI."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from albertlm.export.onnx import encoder
from albertlm.inference import processor
from albertlm.inference.engines import onnx
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.engines.onnx import OnnxEngine

TEXTS = [TokenizedText([2, *range(5, 3 + each), 3], [0] * each) for each in (5, 60, 3, 9, 30)]


def test_int8_does_not_depend_on_the_texts_beside_a_text(tiny_folder: Path) -> None:
    engine = OnnxEngine.from_folder(tiny_folder, dtype="int8")
    for text, states in zip(TEXTS, engine.states(TEXTS), strict=True):
        (alone,) = engine.states([text])
        # rounding may differ in the last bit of a sum before it is quantised
        assert np.linalg.norm(states - alone) <= 0.02 * np.linalg.norm(alone)


@pytest.mark.parametrize(("has_vnni", "stored"), [(True, "int8"), (False, "int7")])
def test_weights_have_7_bits_without_vnni(
    has_vnni: bool, stored: str, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []

    def recorded(*arguments: Any, **options: Any) -> Any:
        built.append(arguments[-1])
        return encoder(*arguments, **options)

    monkeypatch.setattr(onnx, "encoder", recorded)
    monkeypatch.setattr(processor, "has_vnni", lambda: has_vnni)
    OnnxEngine.from_folder(tiny_folder, dtype="int8").states(TEXTS[:1])
    assert built == [stored]


def test_auto_is_float32(tiny_folder: Path) -> None:
    assert OnnxEngine.from_folder(tiny_folder).dtype == "float32"
