"""What is missing is named with the extra that brings it."""

import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import albertlm
from albertlm import extras

ROOT = Path(__file__).parent.parent
NEED_TORCH = [name for name in albertlm.__all__ if name.startswith(("AlbertFor", "AlbertModel"))]


def test_every_extra_is_one_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras.EXTRAS.values()) <= project["optional-dependencies"].keys()


def in_core(code: str) -> str:
    """The last line of what Python says of a program in an install of the core alone."""
    blocked = dict.fromkeys(("torch", "openvino", "onnx", "onnxruntime"))
    program = f"import sys; sys.modules.update({blocked}); {code}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def test_models_name_the_extra() -> None:
    code = (
        "import albertlm; from albertlm import extras\n"
        f"for name in {NEED_TORCH}:\n"
        "    try: getattr(albertlm, name)\n"
        "    except ModuleNotFoundError as error:\n"
        "        assert str(error) == f'{name} cannot be used: ' + extras.hint('torch')\n"
        "    else: raise AssertionError(name)\n"
        "print('all')"
    )
    assert in_core(f"exec({code!r})") == "all"


@pytest.mark.parametrize("without", ["sys.modules['keras'] = None; ", ""])
@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_models_of_tensorflow_name_its_extra(without: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    said = in_core(f"{without}from albertlm import TFAlbertModel")
    assert said == (
        "ModuleNotFoundError: TFAlbertModel cannot be used: "
        "tensorflow is missing; pip install 'albertlm[tensorflow]'"
    )


@pytest.mark.parametrize("option", ["engine='torch'", "device=0", "dtype='bfloat16'"])
def test_the_engine_names_the_extra(option: str) -> None:
    said = in_core(f"import albertlm; albertlm.pipeline('fill-mask', {option})")
    assert said == (
        "ModuleNotFoundError: TorchEngine cannot be used: "
        "torch is missing; pip install 'albertlm[torch]'"
    )


def test_other_modules_that_are_missing_are_errors_as_ever() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'albertlm\.tea'"):
        extras.load("albertlm.tea", "Cup")
