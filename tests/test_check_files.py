"""The check of files that runs before each commit."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def check_files() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_files", ROOT / "tools" / "check_files.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"a line\n", []),
        (b"", []),
        (b"\0 \n\n", []),
        (b"a line \nanother\n", ["a.txt:1: trailing white space"]),
        (b"one\r\n", ["a.txt:1: trailing white space"]),
        (b"one\n" + b"=" * 7 + b"\n", ["a.txt:2: a merge conflict marker"]),
        (b"<" * 7 + b" HEAD\n", ["a.txt:1: a merge conflict marker"]),
        (b"a line", ["a.txt: no line feed at the end"]),
        (b"a line\n\n", ["a.txt: an empty line at the end"]),
    ],
)
def test_problems_of_a_text(content: bytes, found: list[str], check_files: ModuleType) -> None:
    assert list(check_files.problems("a.txt", content)) == found


def test_large_files(check_files: ModuleType) -> None:
    content = bytes(check_files.LIMIT_BYTES + 1)
    (problem,) = check_files.problems("runs/model.safetensors", content)
    assert problem.startswith("runs/model.safetensors: 1,048,577 bytes")
    assert not list(check_files.problems("src/albertlm/assets/model.safetensors", content))
