"""`albertlm benchmark`: a table of all engines, and the choice of `auto`."""

import json
from pathlib import Path

import pytest
from commands import Run

from albertlm.cli import benchmark
from albertlm.inference import accuracy, speed
from albertlm.inference.speed import Latency, Speed

TIMES = {"numpy": 4.0, "openvino": 2.0, "torch": 3.0, "onnx": 1.0}


def fake(folder: Path, name: str, dtype: str, *, seconds: float) -> Speed:
    latency = Latency(p50=TIMES[name], p95=5.0, tokens_per_second=seconds)
    return Speed(start=0.5, memory=2**30, short=latency, long=latency)


@pytest.fixture(autouse=True)
def no_measuring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALBERTLM_CACHE", str(tmp_path))
    monkeypatch.setattr(speed, "measure", fake)

    def require(folder: Path, name: str, *_: object, **__: object) -> None:
        if name == "onnx":
            raise ValueError("int8 is too inaccurate")

    monkeypatch.setattr(accuracy, "require", require)


def test_a_table_and_the_choice(run: Run, tiny_folder: Path) -> None:
    assert benchmark.benchmark.__doc__
    done = run("benchmark", tiny_folder)
    assert done.code == 0
    rows = [line.split() for line in done.out.splitlines()]
    assert ["onnx", "float32", "0.50", "s"] in [row[:4] for row in rows]
    assert ["onnx", "int8"] not in [row[:2] for row in rows]
    assert "auto takes onnx in float32" in done.out
    assert "warning: int8 is too inaccurate" in done.err
    assert speed.choose(tiny_folder, "auto") == ("onnx", "float32")


def test_json(run: Run, tiny_folder: Path) -> None:
    told = json.loads(run("benchmark", tiny_folder, "--json", "--seconds", 7).out)
    assert told["auto"] == {"engine": "onnx", "dtype": "float32"}
    of_onnx = next(each for each in told["engines"] if each["engine"] == "onnx")
    assert of_onnx["short"] == {"p50": 1.0, "p95": 5.0, "tokens_per_second": 7}


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_plot(suffix: str, run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"speeds{suffix}"
    assert run("benchmark", tiny_folder, "--plot", path).code == 0
    assert path.stat().st_size > 1000
    if suffix == ".svg":
        picture = path.read_text()
        assert all(name in picture for name in ("onnx float32", "numpy float32", "1x16", "8x128"))


def test_a_plot_of_another_format_is_refused(run: Run, tiny_folder: Path) -> None:
    code, out, err = run("benchmark", tiny_folder, "--plot", "speeds.gif")
    assert (code, out) == (2, "")
    assert "speeds.gif ends in .gif; name a .png or .svg" in err
