"""`tokens`: what it writes, what it says, and bad input."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Run

from albertlm import storage
from albertlm.cli.tokens import tokens as make_tokens
from albertlm.corpus.documents import Document
from albertlm.corpus.shards import Corpus
from albertlm.data.token_shards import Tokens


def test_what_is_written_are_the_tokens_of_every_document(
    run: Run, corpus: Corpus, vocabulary: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tokens"
    command = ("tokens", corpus.folder, "--vocabulary", vocabulary, "--output", folder)
    counts = json.loads(run(*command, "--json", "--workers", 2).out)
    documents = [each for shard in corpus.shards for each in corpus.documents(shard)]
    held_out = sum(each.held_out for each in documents)
    assert counts["tokens"] == str(folder)
    assert counts["held-out"]["documents"] == held_out > 0
    assert counts["training"]["documents"] == len(documents) - held_out
    for name in ("training", "held-out"):
        part = Tokens.open(folder).part(name)
        for unit in ("documents", "sentences", "tokens"):
            assert part.counts(unit).sum() == counts[name][unit]
    again = run(*command)  # finished already
    assert (again.code, again.err) == (0, "")
    assert f"{counts['training']['tokens']:,}" in again.out


def test_the_command_is_a_function_too(
    corpus: Corpus, vocabulary: Path, tokens: Path, tmp_path: Path
) -> None:
    """As it was for the fixture, from the command line."""
    make_tokens(corpus.folder, vocabulary=str(vocabulary), output=tmp_path / "tokens", workers=1)
    for file in tokens.rglob("*.npy"):
        assert (tmp_path / "tokens" / file.relative_to(tokens)).read_bytes() == file.read_bytes()


def test_bad_input(
    run: Run, corpus: Corpus, vocabulary: Path, tokens: Path, tmp_path: Path
) -> None:
    other, nothing = tmp_path / "other", tmp_path / "nothing"
    nothing.mkdir()
    assert run("vocab", corpus.folder, "-o", other, "--size", 80).code == 0
    commands = {
        "there is no vocabulary": (corpus.folder, "--vocabulary", nothing, "-o", tmp_path / "t"),
        "holds no corpus; make it": (nothing, "--vocabulary", vocabulary, "-o", tmp_path / "t"),
        "begun with a different 'tokenizer'": (corpus.folder, "--vocabulary", other, "-o", tokens),
        "needs the runner ray": (
            *(corpus.folder, "--vocabulary", vocabulary, "-o", tmp_path / "t"),
            *("--address", "head:6379"),
        ),
    }
    for said, arguments in commands.items():
        code, out, err = run("tokens", *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert said in err
    assert not (tmp_path / "t").exists()


def test_a_second_start_leaves_the_first_alone(
    run: Run, corpus: Corpus, vocabulary: Path, tmp_path: Path
) -> None:
    with storage.exclusive(tmp_path):
        code, out, err = run("tokens", corpus.folder, "--vocabulary", vocabulary, "-o", tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith("error: another process is working in ")
    assert list((tmp_path).iterdir()) == []


@pytest.mark.parametrize("workers", [0, "two"])
def test_bad_numbers_of_workers(
    workers: object, run: Run, corpus: Corpus, vocabulary: Path, tmp_path: Path
) -> None:
    command = ("tokens", corpus.folder, "--vocabulary", vocabulary, "-o", tmp_path / "t")
    code, _, err = run(*command, "--workers", workers)
    assert code == 2
    assert "Invalid value for '--workers'" in err


def test_tokens_without_held_out_documents_are_said_to_be(
    run: Run, make_corpus: Callable[..., Corpus], vocabulary: Path, tmp_path: Path
) -> None:
    kept = Document("1", "test", "Nobody is held out.")
    assert not kept.held_out
    command = ("tokens", make_corpus([[kept]]).folder, "--vocabulary", vocabulary)
    code, out, err = run(*command, "--output", tmp_path / "t", "--workers", 1, "--json")
    assert (code, json.loads(out)["held-out"]["documents"]) == (0, 0)
    assert err.startswith("warning: no document is held out, ")
    assert "build the corpus from more documents" in err
