"""What a package on an index says about itself, and what its source archive holds."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import albertlm

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_citation_is_of_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    citation = dict(re.findall(r"^([\w-]+): (.+)$", text, flags=re.MULTILINE))
    assert citation["version"] == albertlm.__version__
    assert citation["license"] == PYPROJECT["project"]["license"]
    assert citation["repository-code"] == PYPROJECT["project"]["urls"]["Homepage"]


def test_every_supported_python_is_a_classifier() -> None:
    prefix = "Programming Language :: Python :: "
    versions = [
        int(each.removeprefix(f"{prefix}3."))
        for each in PYPROJECT["project"]["classifiers"]
        if re.fullmatch(rf"{prefix}3\.\d+", each)
    ]
    oldest = int(PYPROJECT["project"]["requires-python"].removeprefix(">=3."))
    assert versions == list(range(oldest, oldest + len(versions)))


def named_in_the_tree() -> set[str]:
    """The files and folders at the top of the README's tree."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (tree,) = re.findall(r"```text\n(.*?)```", readme, flags=re.DOTALL)
    lines = (line for line in tree.splitlines() if not line.startswith(" "))
    return {line.split()[0].partition("/")[0] for line in lines}


def named_in_the_makefile() -> set[str]:
    """Files and folders of the project that the Makefile names; what it makes is none of them."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    made = {line.strip("/") for line in ignored}
    words = re.findall(r"[\w./-]+", (ROOT / "Makefile").read_text(encoding="utf-8"))
    there = {word.partition("/")[0] for word in words if not word.startswith((".", "/"))}
    return {name for name in there - made if (ROOT / name).exists()}


def test_the_source_archive_holds_what_the_project_names() -> None:
    include = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [each for each in include if not (ROOT / each.strip("/")).exists()] == []
    assert all(re.fullmatch(r"/[^/*]+", each) for each in include)
    always = {"pyproject.toml", "README.md", "LICENSE"}
    held = {each.strip("/") for each in include} | always
    assert named_in_the_tree() | named_in_the_makefile() <= held


def test_make_lists_every_target() -> None:
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = [line.split()[0] for line in done.stdout.splitlines()]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: ((?:.*\\\n)*.*)", makefile, flags=re.MULTILINE)
    assert listed == phony.replace("\\\n", " ").split()
