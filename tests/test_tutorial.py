"""The tutorial's commands, one after the other, on a few pages."""

from __future__ import annotations

import bz2
import re
import shlex
from itertools import count, islice
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from albertlm.cli import main
from albertlm.corpus.documents import Document

TESTS = Path(__file__).parent
TUTORIAL = TESTS.parent / "docs" / "tutorial.md"

SMALLER = {"30000": "400", "pretrain shipped": "pretrain smoke"}
"""What takes an hour, or more text than a few pages, and what stands in for it here."""


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)
    found = "".join(blocks)
    for full, small in SMALLER.items():
        assert full in found
        found = found.replace(full, small)
    return found.splitlines()


def write_dump(path: Path) -> None:
    """The pages of the gold texts as a dump."""
    pages = "".join(
        f"<page><title>{wiki.stem}</title><ns>0</ns><id>{number}</id>"
        f"<revision><text>{escape(wiki.read_text(encoding='utf-8'))}</text></revision></page>"
        for number, wiki in enumerate(sorted((TESTS / "corpus" / "gold").glob("*.wiki")))
    )
    pages += (
        "<page><title>Old name</title><ns>0</ns><id>99</id><redirect title='New name' />"
        "<revision><text>#REDIRECT [[New name]]</text></revision></page>"
    )
    siteinfo = "<siteinfo><dbname>goldwiki</dbname></siteinfo>"
    path.write_bytes(bz2.compress(f"<mediawiki>{siteinfo}{pages}</mediawiki>".encode()))


def write_books(folder: Path) -> None:
    """A hundred short books, some of which are held out by the hash of their names."""
    folder.mkdir()
    held_out = (n for n in count() if Document(id=f"{n}.txt", source="", text="").held_out)
    for number in [*range(95), *islice(held_out, 5)]:
        sentences = " ".join(
            f"On day {number} the captain counted {number * k} boats in harbour number {k}."
            for k in range(1, 8)
        )
        (folder / f"{number}.txt").write_text(sentences, encoding="utf-8")


@pytest.mark.slow
def test_the_tutorial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.chdir(tmp_path)
    write_dump(tmp_path / "dump.xml.bz2")
    write_books(tmp_path / "books")
    for command in commands():
        name, *arguments = shlex.split(command)
        assert name == "albertlm"
        with pytest.raises(SystemExit) as done:
            main(arguments)
        said = capsys.readouterr()
        assert done.value.code in (0, None), f"{command}: {said.err}"
        assert said.out.strip(), command
    assert (tmp_path / "corpus.png").stat().st_size > 10_000
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()
