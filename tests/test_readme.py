"""The README's promises: its commands, its snippets and its table of files."""

import doctest
import importlib.util
import re
import shlex
import subprocess
import sys
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
SLOW = ("corpus", "vocab", "tokens", "pretrain", "report", "evaluate")
"""Commands that have tests of their own; here only their options are checked."""


@pytest.fixture
def models(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny random weights stand for the model that ships and for `albert-large-v1` of the hub."""
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
    examples = doctest.DocTestParser().get_examples(snippet)
    code = "".join(example.source for example in examples) or snippet
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("line", COMMANDS)
def test_commands_run(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, *arguments = shlex.split(line)
    assert program == "albertlm"
    monkeypatch.chdir(tmp_path)
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


def test_the_tables_name_every_file() -> None:
    named = re.findall(r"^\| `([^`]+)` \| \S", README, flags=re.MULTILINE)
    top_level = {name.partition("/")[0] for name in tracked()}
    package = "src/albertlm/"
    inside = [name.removeprefix(package) for name in tracked() if name.startswith(package)]
    modules = {
        name for name in inside if name.endswith(".py") and not name.endswith("/__init__.py")
    }
    folders = {name.partition("/")[0] for name in inside if "/" in name}
    there = top_level | modules | folders
    assert (sorted(there - set(named)), sorted(set(named) - there)) == ([], [])
    assert len(named) == len(set(named))


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    missing = [link for link in links if not (ROOT / link).exists()]
    assert missing == []


@pytest.mark.parametrize(
    ("script", "function", "page"),
    [("report", "report", "results.md"), ("scale", "page", "scale.md")],
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
