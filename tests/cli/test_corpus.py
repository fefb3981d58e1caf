"""`corpus build`, `stats` and `sample` on a few books, for people and for machines."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from commands import Run
from typer.models import CommandInfo

from albertlm import storage
from albertlm.cli.corpus import corpus as group

WORDS = ["harbour", "winter", "captain", "letter", "bridge", "garden", "silver", "morning"]


@pytest.fixture
def books(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    folder.mkdir()
    for number in range(8):
        turned = WORDS[number:] + WORDS[:number]
        text = " ".join(f"They saw the {word} and the {number} of them." for word in turned)
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    (folder / "short.txt").write_text("Too short.", encoding="utf-8")
    (folder / "cover.png").write_bytes(b"\x89PNG")
    return folder


def test_many_files_that_no_format_reads_are_one_line(
    run: Run, books: Path, tmp_path: Path
) -> None:
    for number in range(20):
        (books / f"picture-{number:02}.png").write_bytes(b"\x89PNG")
    done = run("corpus", "build", books, "-o", tmp_path / "corpus", "--workers", 1, "--json")
    assert done.err == (
        f"warning: 21 files, such as {books / 'cover.png'}, were ignored: "
        "their formats are not supported; manifest.json lists all\n"
    )
    assert len(json.loads(done.out)["ignored"]) == 21


def test_from_books_to_a_look_at_the_corpus(run: Run, books: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    command = ["corpus", "build", books, "-o", corpus, "--workers", 1, "--keep-dropped"]
    built = run(*command)
    assert built.code == 0, built.err
    assert "too short" in built.out
    again = run(*command, "--json")
    for done in (built, again):
        assert (
            done.err == f"warning: {books / 'cover.png'} was ignored: its format is not supported\n"
        )
    counts = json.loads(again.out)
    assert (counts["read"], counts["documents"], counts["dropped"]) == (9, 8, {"too short": 1})
    assert counts["ignored"] == [str(books / "cover.png")]

    assert "words a sentence" in run("corpus", "stats", corpus).out
    stats = json.loads(run("corpus", "stats", corpus, "--json").out)
    assert (stats["documents"], stats["dropped"]) == (8, {"too short": 1})

    sample = ["corpus", "sample", corpus, "--count", 2]
    assert run(*sample).out.count("source: books") == 2
    assert run(*sample, "--seed", 1).out != run(*sample).out
    rows = json.loads(run(*sample, "--json").out)
    assert all((books / row["id"]).read_text() == row["text"].replace("\n", " ") for row in rows)
    (dropped,) = json.loads(run(*sample, "--dropped", "--json").out)
    assert (dropped["id"], dropped["reason"]) == ("short.txt", "too short")
    assert dropped["text"] == "Too short."


@pytest.mark.parametrize(
    "command", group.registered_commands, ids=lambda each: each.callback.__name__
)
def test_every_command_has_help(command: CommandInfo, run: Run) -> None:
    assert command.callback is not None
    done = run("corpus", command.callback.__name__, "--help")
    assert (done.code, done.err) == (0, "")
    (first, *_) = (command.callback.__doc__ or "").splitlines()
    assert first in " ".join(done.out.split())


def test_a_terminal_shows_a_bar_for_each_step(
    run: Run, books: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    built = run("corpus", "build", books, "-o", tmp_path / "corpus", "--workers", 1, "--json")
    assert built.code == 0
    assert json.loads(built.out)["documents"] == 8
    assert "9/9" in built.err


def test_bad_input(run: Run, books: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    assert run("corpus", "build", books, "-o", corpus, "--workers", 1).code == 0
    damaged = shutil.copytree(corpus, tmp_path / "damaged")
    (shard,) = damaged.glob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    commands = {
        "holds no corpus": ("stats", books),
        "is damaged": ("stats", damaged),
        "there is no vocabulary": ("stats", corpus, "--vocabulary", tmp_path),
        "ends in .pdf; name a .png or .svg": ("stats", corpus, "--plot", "plot.pdf"),
        "similarity=2.0 is not allowed": (
            *("build", books, "-o", tmp_path / "new", "--similarity", 2),
        ),
        "Invalid value for '--count'": ("sample", corpus, "--count", 0),
    }
    for said, arguments in commands.items():
        code, out, err = run("corpus", *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert said in err


def test_a_second_start_leaves_the_first_alone(run: Run, books: Path, tmp_path: Path) -> None:
    with storage.exclusive(tmp_path / "corpus"):
        code, out, err = run("corpus", "build", books, "-o", tmp_path / "corpus")
    assert (code, out) == (2, "")
    assert err.startswith("error: another process is working in ")
    assert list((tmp_path / "corpus").iterdir()) == []
