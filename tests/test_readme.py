"""The README's promises: its commands, its snippets and its table of files."""

import ast
import doctest
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from huggingface_hub import constants

import albertlm
from albertlm import cli, hub

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
SNIPPETS = [code for language, code in BLOCKS if language == "python"]
COMMANDS = [
    line for language, code in BLOCKS if language == "console" for line in code.splitlines()
]
PACKAGE = "src/albertlm/"
SLOW = (
    "convert",
    "corpus",
    "vocab",
    "tokens",
    "pretrain",
    "finetune",
    "report",
    "evaluate",
    "score",
    "compare",
    "table",
    "benchmark",
    "bias",
    "card",
    "push",
    "serve",
)
"""Commands that have tests of their own; here only their options are checked."""


FINE_TUNED = {
    "sst2": ("AlbertForSequenceClassification", ["negative", "positive"]),
    "mnli": ("AlbertForSequenceClassification", ["entailment", "neutral", "contradiction"]),
    "ner": ("AlbertForTokenClassification", ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]),
    "squad": ("AlbertForQuestionAnswering", []),
    "race": ("AlbertForMultipleChoice", []),
    "matches": ("AlbertForSequenceClassification", ["match"]),
}
"""The models in the folder `models`, with the classes that they have in transformers."""


@pytest.fixture
def models(
    tiny_folder: Path,
    fine_tuned: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tiny random weights stand for the model that ships, `albert-large-v1` and `FINE_TUNED`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for name, (architecture, labels) in FINE_TUNED.items():
        (tmp_path / "models" / name).symlink_to(fine_tuned(architecture, labels))
    repository = tmp_path / "models--albert-large-v1"
    (repository / "refs").mkdir(parents=True)
    (repository / "snapshots").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    (repository / "snapshots" / ("0" * 40)).symlink_to(tiny_folder)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "SHIPPED", tiny_folder)


def test_it_starts_with_the_two_commands() -> None:
    commands = re.findall(r"^    (make \w+)", README, flags=re.MULTILINE)
    assert commands == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{command.removeprefix('make ')}: " in makefile for command in commands)


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets_run(snippet: str) -> None:
    if "TFAlbert" in snippet:
        pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    examples = doctest.DocTestParser().get_examples(snippet)
    code = "".join(example.source for example in examples) or snippet
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("line", COMMANDS)
def test_commands_run(line: str, tmp_path: Path) -> None:
    program, *arguments = shlex.split(line)
    assert program == "albertlm"
    (tmp_path / "article.txt").write_text("Ada Lovelace lived in London.")
    (tmp_path / "pairs.tsv").write_text("A man sleeps.\tHe is awake.\n")
    (tmp_path / "texts.txt").write_text("The [MASK] walked to the river.\nShe sold the [MASK].\n")
    if arguments[0] in SLOW:
        command = typer.main.get_command(cli._application(arguments))
        while isinstance(command, typer.core.TyperGroup):
            command = command.commands[arguments.pop(0)]
        command.make_context(line, arguments)
        return
    with pytest.raises(SystemExit) as exited:
        cli.main(arguments)
    assert exited.value.code == 0


def tracked() -> list[str]:
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git repository")
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


def test_the_tree_names_every_package() -> None:
    """What is said of a file that every project has, such as its licence, may be left out."""
    (tree,) = (code for language, code in BLOCKS if language == "text")
    names = {"": set[str](), PACKAGE: set[str]()}
    for line in tree.splitlines():
        indented, name = re.fullmatch(r"(    )?(\S+) +\S.*", line).groups()  # type: ignore[union-attr]
        names[PACKAGE if indented else ""].add(name)
    top, inside = names.values()
    assert {name for name in top if not (ROOT / name).exists()} == set()
    folders = {f"{name.partition('/')[0]}/" for name in tracked() if "/" in name}
    assert folders == {name.replace(PACKAGE, "src/") for name in top if name[-1] == "/"}
    below = [each.removeprefix(PACKAGE) for each in tracked() if each.startswith(PACKAGE)]
    there = {f"{each.partition('/')[0]}/" if "/" in each else each for each in below}
    assert inside == there - {"__init__.py", "__main__.py", "py.typed"}


PACKAGES = sorted(
    init.parent.relative_to(ROOT / "src")
    for init in (ROOT / "src").rglob("__init__.py")
    if any(each.name != "__init__.py" for each in init.parent.glob("*.py"))
    and init.parent.name != "albertlm"
)


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_a_package_says_what_each_of_its_modules_is_for(package: Path) -> None:
    folder = ROOT / "src" / package
    doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    named = re.findall(r"^(\w+): ", doc, flags=re.MULTILINE)
    assert sorted(named) == sorted(each.stem for each in folder.glob("[!_]*.py"))


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    missing = [link for link in links if not (ROOT / link).exists()]
    assert missing == []


@pytest.mark.parametrize(
    ("script", "function", "page"),
    [
        ("report", "report", "results.md"),
        ("scale", "page", "scale.md"),
        ("bias_report", "page", "bias.md"),
    ],
)
def test_pages_of_numbers_are_those_that_were_measured(
    script: str, function: str, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make results` writes the pages, nobody else does."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    spec = importlib.util.spec_from_file_location(script, ROOT / "benchmarks" / f"{script}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[script] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == getattr(module, function)()


def test_the_changelog_has_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (newest, *_) = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, flags=re.MULTILINE)
    assert newest == albertlm.__version__


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_contributing_names_files_that_exist() -> None:
    paths = re.findall(r"`([\w/]+\.py)`", CONTRIBUTING)
    places = (ROOT, ROOT / "src", ROOT / PACKAGE)
    assert [path for path in paths if not any((each / path).exists() for each in places)] == []


def test_contributing_names_things_that_are_in_their_files() -> None:
    """Each row of the first table, and each `NAME` (`file.py`) of the second."""
    rows = re.findall(r"^\| [A-Z][^|]*\? \| (.*?) \| (.*?) \|$", CONTRIBUTING, flags=re.MULTILINE)
    assert len(rows) == 11
    pairs = [
        (file, name)
        for files, names in rows
        for file, name in zip(
            *(re.findall(r"`([^`]+)`", cell) for cell in (files, names)), strict=True
        )
    ]
    pairs += [
        (file, name) for name, file in re.findall(r"`(\w+)` \(`([\w/]+\.py)`\)", CONTRIBUTING)
    ]
    assert len(pairs) > 18
    for file, name in pairs:
        text = (ROOT / PACKAGE / file).read_text(encoding="utf-8")
        for part in name.split("."):
            assert re.search(rf"^ *(def|class) {part}\b|^{part}\b", text, re.MULTILINE), (
                file,
                name,
            )
