"""vocab, tokens, pretrain and evaluate, one after the other on a small corpus; and bad input."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from albertlm import AlbertTokenizer, cli
from albertlm.corpus.documents import Document
from albertlm.corpus.shards import Corpus
from albertlm.pretraining.shards import Tokens
from albertlm.recipes.small import smoke
from albertlm.tokenization.fertility import fertility
from albertlm.training import trainer
from albertlm.training.config import Execution, PretrainingConfig
from albertlm.training.devices import resolve
from albertlm.training.trainer import StepReport


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def corpus(make_corpus: Callable[..., Corpus], tiny_sentences: list[str]) -> Corpus:
    """300 documents in two shards, of which the rule holds out a few."""
    texts = [
        "\n".join(tiny_sentences[i % 150 : i % 150 + 12]).replace(".", f" in {1900 + i}.")
        for i in range(300)
    ]
    documents = [Document(str(i), "test", text) for i, text in enumerate(texts)]
    return make_corpus([documents[:200], documents[200:]])


@pytest.fixture(scope="module")
def vocabulary(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vocabulary")
    assert run("vocab", corpus.folder, "--output", folder, "--size", 90, "--json") == 0
    return folder


def test_from_a_corpus_to_scores(
    corpus: Corpus, vocabulary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = tmp_path / "tokens"
    arguments = ["tokens", corpus.folder, "--vocabulary", vocabulary, "--output", tokens]
    assert run(*arguments, "--json", "--workers", 2) == 0
    counts = json.loads(capsys.readouterr().out)
    held_out = sum(d.held_out for shard in corpus.shards for d in corpus.documents(shard))
    assert counts["held-out"]["documents"] == held_out > 0
    assert counts["training"]["documents"] == 300 - held_out
    assert run(*arguments) == 0  # finished already
    assert f"{counts['training']['tokens']:,}" in capsys.readouterr().out

    pretrain = ["pretrain", "smoke", tokens, "--output", tmp_path / "run", "--json"]
    assert run(*pretrain) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["steps"] == 20
    assert run(*pretrain) == 0  # finished already
    capsys.readouterr()

    assert run("evaluate", tokens, "--model", result["model"], "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert 0 <= scores["mlm_accuracy"] <= 1
    assert scores["predictions"] > 100
    assert run("fill-mask", "She [MASK] it.", "--model", result["model"], "--json") == 0


def test_vocab_measures_held_out_documents(
    corpus: Corpus,
    vocabulary: Path,
    tiny_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["vocab", corpus.folder, "-o", tmp_path, "--size", 90, "--compare", tiny_folder]
    assert run(*command, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    texts = [d.text for s in corpus.shards for d in corpus.documents(s) if d.held_out]
    assert result["held_out_documents"] == len(texts)
    for measured, folder in zip(result["measured"], (tmp_path, tiny_folder), strict=True):
        counts = fertility(AlbertTokenizer.from_pretrained(folder), texts)
        assert measured["vocabulary"] == str(folder)
        assert measured["tokens_per_word"] == counts.tokens_per_word
        assert measured["characters_per_token"] == counts.characters_per_token
        assert measured["unknown_share"] == counts.unknown_share
    assert [each["size"] for each in result["measured"]] == [90, 70]
    assert run(*command) == 0
    table = capsys.readouterr().out
    assert f"{result['measured'][1]['tokens_per_word']:.3f}" in table
    # the same corpus, the same seed
    assert (tmp_path / "spiece.model").read_bytes() == (vocabulary / "spiece.model").read_bytes()


def test_vocab_does_not_train_on_held_out_documents(
    make_corpus: Callable[..., Corpus],
    make_documents: Callable[..., list[Document]],
    tiny_sentences: list[str],
    tmp_path: Path,
) -> None:
    secret = make_documents([["ξξξ"]] * 50, held_out=True)
    corpus = make_corpus([make_documents([tiny_sentences]), secret])
    assert run("vocab", corpus.folder, "-o", tmp_path, "--size", 70) == 0
    assert "ξ" not in "".join(AlbertTokenizer.from_pretrained(tmp_path).get_vocab())


def test_vocab_without_held_out_documents_measures_nothing(
    make_corpus: Callable[..., Corpus],
    tiny_sentences: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = Document("1", "test", "\n".join(tiny_sentences))
    assert not kept.held_out
    command = ["vocab", make_corpus([[kept]]).folder, "-o", tmp_path, "--size", 70]
    assert run(*command) == 0
    assert "70 pieces, not measured" in capsys.readouterr().out
    assert run(*command, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["held_out_documents"], result["measured"]) == (0, [])


def test_options_of_vocab_reach_the_tokenizer(
    make_corpus: Callable[..., Corpus], tmp_path: Path
) -> None:
    text = "L'École d'Été, déjà fermée.\nOù sont les Élèves de l'École ?"
    corpus = make_corpus([[Document(str(i), "test", text) for i in range(30)]])
    options = ["--size", 40, "--cased", "--keep-accents", "--character-coverage", 1]
    assert run("vocab", corpus.folder, "-o", tmp_path, *options) == 0
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path)
    assert tokenizer.keep_accents
    assert not tokenizer.do_lower_case
    assert "É" in "".join(tokenizer.get_vocab())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "spiece.model",
        "spiece.vocab",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_bad_input(
    corpus: Corpus, vocabulary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens, nothing = tmp_path / "tokens", tmp_path / "nothing"
    nothing.mkdir()
    assert run("tokens", corpus.folder, "--vocabulary", vocabulary, "-o", tokens) == 0
    other = tmp_path / "other"
    assert run("vocab", corpus.folder, "-o", other, "--size", 80) == 0
    copy = shutil.copytree(corpus.folder, tmp_path / "copy")
    shard = copy / "corpus-00001.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 1
    shard.write_bytes(content)
    damaged = tokens / "training" / "00000" / "tokens.npy"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    capsys.readouterr()
    commands = {
        "vocab_size=1000000": ["vocab", corpus.folder, "-o", tmp_path / "v", "--size", 10**6],
        "00001.parquet is damaged; fetch": ["vocab", copy, "-o", tmp_path / "v"],
        "00001.parquet is damaged": ["corpus", "stats", copy],
        "holds no corpus": ["vocab", nothing, "-o", tmp_path / "v"],
        "there is no vocabulary": [
            "tokens", corpus.folder, "--vocabulary", nothing, "-o", tmp_path / "t",
        ],
        "holds no corpus; make it": ["tokens", nothing, "--vocabulary", vocabulary, "-o", tokens],
        "begun with another tokenizer": [
            "tokens", corpus.folder, "--vocabulary", other, "-o", tokens,
        ],
        "unknown recipe 'smok'; did you mean smoke?": [
            "pretrain", "smok", tokens, "-o", tmp_path / "r",
        ],
        "model has no 'hiden_size'; did you mean 'hidden_size'?": [
            "pretrain", "smoke", tokens, "-o", tmp_path / "r", "--set", "model.hiden_size=8",
        ],
        "r holds no run to go on with; leave --resume out to begin one": [
            "pretrain", "smoke", tokens, "-o", tmp_path / "r", "--resume",
        ],
        "not 'albertlm tokens 1'": ["pretrain", "smoke", corpus.folder, "-o", tmp_path / "r"],
        "00000/tokens.npy is damaged": ["pretrain", "smoke", tokens, "-o", tmp_path / "r"],
        "add --ranks": ["pretrain", "smoke", tokens, "-o", tmp_path / "r", "--engine", "ray"],
        "--address and --ranks need --engine ray": [
            "pretrain", "smoke", tokens, "-o", tmp_path / "r", "--ranks", 2,
        ],
        "holds no tokens; make it": ["evaluate", nothing],
        "was not made with": ["evaluate", tokens],
    }  # fmt: skip
    for said, command in commands.items():
        assert run(*command) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
        assert said in captured.err


def test_tokens_open_where_the_library_reads_them(
    corpus: Corpus, vocabulary: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tokens"
    assert run("tokens", corpus.folder, "--vocabulary", vocabulary, "--output", folder) == 0
    assert len(Tokens.open(folder).part("training")) == 2


@pytest.fixture(scope="module")
def tokens(corpus: Corpus, vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "tokens"
    assert run("tokens", corpus.folder, "--vocabulary", vocabulary, "--output", folder) == 0
    return folder


def test_options_reach_the_run(
    tokens: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = {}

    def pretrain(config: PretrainingConfig, *others: object, **_: object) -> Iterator[StepReport]:
        asked.update(config=config, execution=others[-1])
        return iter(())

    monkeypatch.setattr(trainer, "pretrain", pretrain)
    command = ["pretrain", "smoke", tokens, "-o", tmp_path / "run"]
    changes = ["--set", "phases.0.steps=7", "--set", "model.hidden_size=16"]
    options = ["--micro-batch", 4, "--checkpointing", "--workers", 2, "--sharded"]
    options += ["--bf16-gradients", "--log-every", 3, "--save-every", 5, "--validate-every", 6]
    source = ["--from", "albert-base-v2", "--keep", 1, "--device", "cpu", "--bf16", "--compile"]
    assert run(*command, *changes, *options, *source) == 0
    plain = smoke(90)
    assert asked["config"] == replace(
        plain,
        model=replace(plain.model, hidden_size=16),
        phases=(replace(plain.phases[0], steps=7),),
        source="albert-base-v2",
    )
    assert asked["execution"] == Execution(
        device="cpu",
        bf16=True,
        compiled=True,
        micro_batch=4,
        checkpointing=True,
        workers=2,
        sharded=True,
        bf16_gradients=True,
        log_every=3,
        save_every=5,
        validate_every=6,
        keep=1,
    )
    assert run(*command) == 0
    assert (asked["config"], asked["execution"]) == (plain, resolve(Execution()))


def test_a_run_that_is_stopped_goes_on(
    tokens: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = trainer.pretrain
    command = ["pretrain", "smoke", tokens, "-o", tmp_path / "run", "--save-every", 10]
    with monkeypatch.context() as patched:
        patched.setattr(
            trainer, "pretrain", lambda *args, **named: islice(whole(*args, **named), 12)
        )
        assert run(*command) == 0
        assert capsys.readouterr().out == "stopped at step 12; the same command goes on\n"
    assert run(*command, "--resume", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["steps"], told["model"]) == (20, str(tmp_path / "run" / "model"))
    assert told["mlm_loss"] > 0
