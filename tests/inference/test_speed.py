"""The choice of an engine: what was measured is remembered, and decides."""

import dataclasses
import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import pytest

from albertlm import AlbertConfig, storage
from albertlm.inference import processor, speed
from albertlm.inference.engines import ENGINES, open_engine
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.inference.engines.onnx import OnnxEngine
from albertlm.inference.speed import Latency, Speed, choose, contestants, measure, recall, remember


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALBERTLM_CACHE", str(tmp_path / "cache"))


def speed_of(short: float, long: float) -> Speed:
    return Speed(
        start=1.0,
        memory=10**8,
        short=Latency(p50=short, p95=short, tokens_per_second=16 / short),
        long=Latency(p50=long, p95=long, tokens_per_second=1024 / long),
    )


def config_of(folder: Path) -> AlbertConfig:
    return AlbertConfig.from_json_file(folder / "config.json")


def test_numpy_computes_until_something_was_measured(tiny_folder: Path) -> None:
    assert choose(tiny_folder, "auto") == ("numpy", "float32")
    assert type(open_engine(None, tiny_folder)) is NumpyEngine
    assert type(open_engine("auto", tiny_folder, dtype="float32")) is NumpyEngine


def test_another_precision_is_that_of_the_first_engine_that_has_it(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "has_bfloat16", lambda: True)
    assert choose(tiny_folder, "bfloat16") == ("openvino", "bfloat16")
    assert choose(tiny_folder, "int8") == ("openvino", "int8")
    monkeypatch.setattr(processor, "has_bfloat16", lambda: False)
    assert choose(tiny_folder, "bfloat16") == ("torch", "bfloat16")
    with pytest.raises(ValueError, match="dtype='float16' is not allowed; it must be one of auto"):
        open_engine("auto", tiny_folder, dtype="float16")


def test_the_fastest_in_the_geometric_mean_is_chosen_and_never_int8(tiny_folder: Path) -> None:
    measured = {
        ("numpy", "float32"): speed_of(0.001, 1.0),
        ("openvino", "int8"): speed_of(0.001, 0.1),
        ("openvino", "float32"): speed_of(0.004, 0.3),
        ("onnx", "float32"): speed_of(0.002, 0.4),
    }
    remember(config_of(tiny_folder), measured)
    assert recall(config_of(tiny_folder)) == measured
    assert choose(tiny_folder, "auto") == ("onnx", "float32")
    assert choose(tiny_folder, "int8") == ("openvino", "int8")
    assert type(open_engine(None, tiny_folder)) is OnnxEngine


def test_models_of_another_shape_and_other_versions_are_not_measured(
    tiny_folder: Path,
    tiny_config: Callable[..., AlbertConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = config_of(tiny_folder)
    remember(config, {("onnx", "float32"): speed_of(1, 1)})
    assert recall(config.changed(vocab_size=90, num_labels=7)) == recall(config)
    assert recall(config.changed(num_hidden_layers=4)) == {}
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "9")
    assert recall(config) == {}


def test_what_cannot_be_read_or_written_is_no_error(tiny_folder: Path, tmp_path: Path) -> None:
    config = config_of(tiny_folder)
    (tmp_path / "cache").write_text("a file where the folder would be")
    remember(config, {("onnx", "float32"): speed_of(1, 1)})
    assert recall(config) == {}
    (tmp_path / "cache").unlink()
    remember(config, {("onnx", "float32"): speed_of(1, 1)})
    (kept,) = (tmp_path / "cache" / "speed").iterdir()
    row = dataclasses.asdict(speed_of(1, 1)) | {"wind": 3}
    storage.write_json(kept, {"onnx float32": row})
    assert recall(config) == {}
    storage.write_json(kept, {"abacus float32": dataclasses.asdict(speed_of(1, 1))})
    assert recall(config) == {}


def test_an_engine_is_measured_in_a_process_of_its_own(tiny_folder: Path) -> None:
    found = measure(tiny_folder, "numpy", "float32", seconds=0)
    assert found.start > 0
    assert found.memory > 10**7
    assert 0 < found.short.p50 <= found.short.p95
    assert found.long.tokens_per_second > 0


def test_the_peak_of_memory_is_that_of_this_process() -> None:
    before = speed.peak_memory()
    block = bytearray(b"1" * (before + 50_000_000))
    assert speed.peak_memory() > len(block)
    del block
    assert speed.peak_memory() > before + 50_000_000


def test_contestants_are_installed_and_have_the_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "has_bfloat16", lambda: True)
    found = contestants()
    assert {name for name, _ in found} == set(ENGINES)
    assert ("openvino", "bfloat16") in found
    assert ("torch", "float16") not in found
    monkeypatch.setattr(processor, "has_bfloat16", lambda: False)
    monkeypatch.setattr(speed, "is_installed", lambda name: name == "openvino")
    assert contestants() == [("openvino", "float32"), ("openvino", "int8")]
