"""corpus build, stats and sample on a few books, for people and for machines."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

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


def test_from_books_to_a_look_at_the_corpus(run: Callable, books: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    command = ["corpus", "build", books, "-o", corpus, "--workers", 1, "--keep-dropped"]
    built = run(*command)
    assert built.code == 0, built.err
    assert "too short" in built.out
    again = run(*command, "--json")
    for done in (built, again):
        assert done.err == f"warning: {books / 'cover.png'} was ignored: no format reads it\n"
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
