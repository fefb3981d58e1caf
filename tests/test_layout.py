"""Where things lie: a test file for each module, one home for each name, no file too long."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "src" / "albertlm"

MODULES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
)

SAME_NAMES = {
    "cli",
    "models/keras",
    "models/torch",
    "inference/engines",
    "inference/pipelines",
    "evaluation",
    "serving/protocols",
    "export",
    "corpus/formats",
}
"""Folders whose path says in what their files differ from others of the same name."""

MOST_LINES = 400


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """The dotted names of what is imported, modules and what is in them."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def holds_a_test(tree: ast.Module) -> bool:
    """Whether a function of a module or of a class in it is a test."""
    inside = list(tree.body)
    for node in tree.body:
        inside += node.body if isinstance(node, ast.ClassDef) else []
    return any(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in inside
    )


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_test_file_that_imports_it(module: str) -> None:
    file = TESTS / Path(module).with_name(f"test_{Path(module).name}")
    assert file.is_file(), f"{file.relative_to(TESTS.parent)} is missing"
    tree = parse(file)
    dotted = ".".join(("albertlm", *Path(module).with_suffix("").parts))
    assert dotted in imported(tree), f"{file.relative_to(TESTS.parent)} does not import {dotted}"
    assert holds_a_test(tree), f"{file.relative_to(TESTS.parent)} holds no test"


def test_no_file_name_occurs_twice() -> None:
    names = Counter(
        Path(module).name for module in MODULES if Path(module).parent.as_posix() not in SAME_NAMES
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_too_long_to_read(module: str) -> None:
    assert len((PACKAGE / module).read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def public_types(module: str) -> Iterator[str]:
    """The public classes and type aliases that a module defines, without type variables."""
    for node in parse(PACKAGE / module).body:
        match node:
            case ast.ClassDef(name=name):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_alias(name, value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias")):
                pass
            case _:
                continue
        if not name.startswith("_"):
            yield name


def is_alias(name: str, value: ast.expr) -> bool:
    """Whether a name is written as that of a type, and does not stand for a type variable."""
    is_variable = (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in ("TypeVar", "ParamSpec", "TypeVarTuple")
    )
    return not name.isupper() and name[0].isupper() and not is_variable


def test_every_public_type_has_one_home() -> None:
    homes = defaultdict(list)
    for module in MODULES:
        for name in public_types(module):
            homes[name].append(module)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}
