"""`vocab`: what is trained on, what is measured, and bad input."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Run

from albertlm import AlbertTokenizer, storage
from albertlm.cli import vocab
from albertlm.corpus.documents import Document
from albertlm.corpus.shards import Corpus
from albertlm.tokenization.vocabulary import fertility


def held_out_texts(corpus: Corpus) -> list[str]:
    documents = (each for shard in corpus.shards for each in corpus.documents(shard))
    return [each.text for each in documents if each.held_out]


def test_held_out_documents_are_measured(
    run: Run, corpus: Corpus, vocabulary: Path, tiny_vocabulary: Path, tmp_path: Path
) -> None:
    command = ("vocab", corpus.folder, "-o", tmp_path, "--size", 90, "--compare", tiny_vocabulary)
    result = json.loads(run(*command, "--json").out)
    texts = held_out_texts(corpus)
    assert result["held_out_documents"] == len(texts)
    for measured, folder in zip(result["measured"], (tmp_path, tiny_vocabulary), strict=True):
        counts = fertility(AlbertTokenizer.from_pretrained(folder), texts)
        assert measured["vocabulary"] == str(folder)
        assert measured["tokens_per_word"] == counts.tokens_per_word
        assert measured["characters_per_token"] == counts.characters_per_token
        assert measured["unknown_share"] == counts.unknown_share
    assert [each["size"] for each in result["measured"]] == [90, 70]
    assert f"{result['measured'][1]['tokens_per_word']:.3f}" in run(*command).out
    # the same corpus, the same seed
    assert (tmp_path / "spiece.model").read_bytes() == (vocabulary / "spiece.model").read_bytes()


def test_of_many_held_out_documents_the_first_are_measured(
    run: Run, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = held_out_texts(corpus)
    monkeypatch.setattr(vocab, "MEASURED_CHARACTERS", len(texts[0]))
    done = run("vocab", corpus.folder, "-o", tmp_path, "--size", 90, "--json")
    assert json.loads(done.out)["held_out_documents"] == 1 < len(texts)


def test_held_out_documents_are_not_trained_on(
    run: Run,
    make_corpus: Callable[..., Corpus],
    make_documents: Callable[..., list[Document]],
    tiny_sentences: list[str],
    tmp_path: Path,
) -> None:
    secret = make_documents([["ξξξ"]] * 50, held_out=True)
    corpus = make_corpus([make_documents([tiny_sentences]), secret])
    assert run("vocab", corpus.folder, "-o", tmp_path, "--size", 70).code == 0
    assert "ξ" not in "".join(AlbertTokenizer.from_pretrained(tmp_path).get_vocab())


def test_without_held_out_documents_nothing_is_measured(
    run: Run, make_corpus: Callable[..., Corpus], tiny_sentences: list[str], tmp_path: Path
) -> None:
    kept = Document("1", "test", "\n".join(tiny_sentences))
    assert not kept.held_out
    command = ("vocab", make_corpus([[kept]]).folder, "-o", tmp_path, "--size", 70)
    assert "70 pieces, not measured" in run(*command).out
    result = json.loads(run(*command, "--json").out)
    assert (result["held_out_documents"], result["measured"]) == (0, [])


def test_options_reach_the_tokenizer(
    run: Run, make_corpus: Callable[..., Corpus], tmp_path: Path
) -> None:
    text = "L'École d'Été, déjà fermée.\nOù sont les Élèves de l'École ?"
    corpus = make_corpus([[Document(str(i), "test", text) for i in range(30)]])
    options = ("--size", 40, "--cased", "--keep-accents", "--character-coverage", 1)
    assert run("vocab", corpus.folder, "-o", tmp_path, *options).code == 0
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path)
    assert tokenizer.keep_accents
    assert not tokenizer.do_lower_case
    assert "É" in "".join(tokenizer.get_vocab())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "inputs.json",
        "spiece.model",
        "spiece.vocab",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_bad_input(run: Run, corpus: Corpus, tmp_path: Path) -> None:
    nothing, copy = tmp_path / "nothing", shutil.copytree(corpus.folder, tmp_path / "copy")
    nothing.mkdir()
    shard = copy / "corpus-00001.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 1
    shard.write_bytes(content)
    commands = {
        "vocab_size=1000000": (corpus.folder, "--size", 10**6),
        "00001.parquet is damaged: its": (copy,),
        "holds no corpus": (nothing,),
        "there is no vocabulary": (corpus.folder, "--compare", nothing),
    }
    for said, arguments in commands.items():
        code, out, err = run("vocab", *arguments, "-o", tmp_path / "v")
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert said in err


def test_a_folder_belongs_to_one_vocabulary(run: Run, corpus: Corpus, tmp_path: Path) -> None:
    command = ("vocab", corpus.folder, "-o", tmp_path / "v")
    # what is refused leaves nothing that would be in the way of the corrected command
    assert run(*command, "--size", 10**6).code == 2
    assert run(*command, "--size", 90).code == 0
    model = (tmp_path / "v" / "spiece.model").read_bytes()
    for options in (("--size", 80), ("--size", 90, "--seed", 1), ("--size", 90, "--cased")):
        code, out, err = run(*command, *options)
        assert (code, out) == (2, "")
        assert err.startswith(f"error: {tmp_path / 'v'} was begun with a different '")
    assert run(*command, "--size", 90).code == 0
    assert (tmp_path / "v" / "spiece.model").read_bytes() == model


def test_a_folder_of_something_else_is_refused(run: Run, corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    done = run("vocab", corpus.folder, "-o", tmp_path, "--size", 90)
    assert done == (
        *(2, ""),
        f"error: {tmp_path} holds something other than a vocabulary; name another output\n",
    )
    with storage.exclusive(tmp_path):
        assert "another process is working" in run("vocab", corpus.folder, "-o", tmp_path).err
