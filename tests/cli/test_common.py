"""What commands share: lines of a file, tables and JSON, chunks with and without a bar."""

import io
import json
import os
import re
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from albertlm.cli import common
from albertlm.settings import option

LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1).filter(
        lambda line: line.strip()
    ),
    min_size=1,
)


@given(lines=LINES, end=st.sampled_from(["\n", "\r\n"]), whole=st.booleans())
def test_lines_come_back_as_they_were_written(
    lines: list[str], end: str, whole: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("lines") / "texts"
    path.write_bytes((end.join(lines) + end * whole).encode())
    assert common.read_texts(path) == lines


def test_a_dash_is_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é\nb\x85c".encode())))
    assert common.read_texts(Path("-")) == ["é", "b\x85c"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the standard input is empty"),
        (b"\n", "line 1 of the standard input is empty"),
        (b"a\n \t\nb", "line 2 of the standard input is empty"),
        (b"a\nb\xe9", "the standard input is not UTF-8 at byte 3"),
    ],
)
def test_bad_lines(content: bytes, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(ValueError, match=said):
        common.read_texts(Path("-"))


def test_json_keeps_letters_of_all_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"token": "▁modèle", "scores": [0.5, None], "한국어": True}
    common.print_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert "▁modèle" in out


def test_a_piped_table_is_as_wide_as_its_texts(capsys: pytest.CaptureFixture[str]) -> None:
    long, markup = "x" * 500, "[b]not bold[/i]"
    common.print_table(("text", "#count"), [(long, "1"), (markup, "1,000")], title="[red]title")
    lines = capsys.readouterr().out.splitlines()
    assert any(long in line for line in lines)
    assert any(markup in line for line in lines)
    assert "[red]title" in lines[0]
    (header,) = [line for line in lines if "text" in line]
    assert "#" not in header
    ends = {len(line.rstrip()) for line in lines if line.rstrip().endswith(("count", "1", "1,000"))}
    assert len(ends) == 1  # numbers stand at the right


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_a_table_in_a_terminal_is_never_cut(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    names = ["a-rather-long-name", "short"]
    rows = [(name, "223,158,322", "64 × 64, 64 × 128", "3,145,728 M") for name in names]
    common.print_table(("name", "#parameters", "#phases", "#tokens"), rows)
    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert all(name in out for name in names)
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= width
    assert ("223,158,322" in out) == (width > 30)
    assert ("without" in out) == (width < 80)


def test_a_standard_output_without_all_characters_gets_ascii(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))
    common.print_json({"token": "▁modèle"})
    sys.stdout.flush()
    written.getvalue().decode("ascii")
    assert json.loads(written.getvalue()) == {"token": "▁modèle"}


@given(st.lists(st.text(max_size=2), min_size=1, max_size=100), st.integers(1, 4))
def test_chunks_are_the_texts_in_their_order(texts: list[str], batch_size: int) -> None:
    chunks = list(common.in_chunks(texts, batch_size, "texts"))
    assert list(chain(*chunks)) == texts
    most = common.BATCHES_AT_ONCE * batch_size
    assert all(len(chunk) == most for chunk in chunks[:-1])
    assert 1 <= len(chunks[-1]) <= most


def test_bars_are_for_terminals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["a"] * 40
    for is_terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda shown=is_terminal: shown)
        assert len(list(common.in_chunks(texts, 1, "walked"))) == 3
        with common.counting("counted") as count:
            for _ in range(1234):
                count()
        said = capsys.readouterr()
        assert said.out == ""
        assert ("walked" in said.err, "counted 1,234" in said.err) == (is_terminal, is_terminal)


def test_an_interrupted_command_says_that_it_resumes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), common.resumable():
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "interrupted; run the same command again to resume\n"


@dataclass(frozen=True)
class Choices:
    """Fields as those of `Execution`."""

    steps: int = option(5, "So many.", least=1)
    fast: bool = option(False, "Hurry.")
    packed: bool | None = option(None, "Or not.", flags="--packed/--loose")
    origins: tuple[str, ...] = option((), "From where.")


@common.with_options_of(Choices, "choices", environment="TEST_")
def command(name: str, *, choices: Choices, last: bool = False) -> None:
    """A command."""
    typer.echo(f"{name} {choices} {last}")


@pytest.mark.parametrize(
    ("arguments", "choices", "last"),
    [
        ([], Choices(), False),
        (["--steps", "7", "--last"], Choices(steps=7), True),
        (["--fast", "--packed"], Choices(fast=True, packed=True), False),
        (["--loose"], Choices(packed=False), False),
        (["--origins", "a", "--origins", "b"], Choices(origins=("a", "b")), False),
    ],
)
def test_fields_of_a_configuration_are_options(
    arguments: list[str], choices: Choices, last: bool
) -> None:
    done = CliRunner().invoke(application(), ["x", *arguments])
    assert (done.exit_code, done.output) == (0, f"x {choices} {last}\n")


def test_options_may_stand_in_the_environment() -> None:
    environment = {"TEST_STEPS": "7", "TEST_FAST": "1", "TEST_ORIGINS": "a b"}
    for arguments, steps in ([], 7), (["--steps", "8"], 8):
        done = CliRunner().invoke(application(), ["x", *arguments], env=environment)
        expected = Choices(steps=steps, fast=True, origins=("a", "b"))
        assert (done.exit_code, done.output) == (0, f"x {expected} False\n")


@pytest.mark.parametrize("arguments", [["--steps", "0"], ["--no-fast"], ["--choices", "1"]])
def test_options_are_bounded_and_no_others(arguments: list[str]) -> None:
    assert CliRunner().invoke(application(), ["x", *arguments]).exit_code == 2


def test_options_have_the_help_of_their_fields() -> None:
    said = CliRunner().invoke(application(), ["--help"]).output
    assert all(text in said for text in ("A command.", "So many.", "Hurry.", "Or not."))


def application() -> typer.Typer:
    made = typer.Typer(rich_markup_mode=None)
    made.command()(command)
    return made


def test_one_thread_is_only_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    common.use_one_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    common.use_one_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
