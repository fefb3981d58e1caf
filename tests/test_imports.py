"""What an import may bring along: nothing for the package, no torch for its lower half."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import albertlm

PACKAGE = Path(albertlm.__file__).parent
HEAVY = ("torch", "pyarrow", "transformers", "tokenizers", "matplotlib", "h5py", "keras")
LIGHT = ("albertlm.config", "albertlm.costs", "albertlm.hub", "albertlm.storage")
LIGHT_PACKAGES = ("tokenization", "checkpoints", "tasks")


def light_modules() -> list[str]:
    files = [file for name in LIGHT_PACKAGES for file in sorted((PACKAGE / name).rglob("*.py"))]
    below = [
        ".".join(("albertlm", *file.relative_to(PACKAGE).with_suffix("").parts)) for file in files
    ]
    return [*LIGHT, *(name.removesuffix(".__init__") for name in below)]


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_imports_nothing_else() -> None:
    loaded = run(
        "import sys; before = set(sys.modules); import albertlm;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    ).split()
    assert not {"numpy", "torch", "huggingface_hub", "typer", "rich", "sentencepiece"} & set(loaded)


def test_the_lower_half_imports_without_heavy_packages() -> None:
    blocked = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r}))"
    run("; ".join([blocked, *(f"import {module}" for module in light_modules())]))


@pytest.mark.parametrize("name", albertlm.__all__)
def test_every_public_name_resolves(name: str) -> None:
    for prefix, library in (("Keras", "keras"), ("TF", "tensorflow")):
        if name.startswith(prefix):
            pytest.importorskip(library, reason=f"{library} is not installed")
    assert getattr(albertlm, name) is not None
    assert name in dir(albertlm)


def test_type_checkers_see_the_same_public_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == albertlm._MODULE_OF


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="AlbertForTea"):
        albertlm.AlbertForTea  # noqa: B018
