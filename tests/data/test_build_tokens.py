"""A corpus to tokens: equal to the plain way, resumed to the same bytes, and its bad input."""

import errno
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from albertlm import AlbertTokenizer
from albertlm.corpus.documents import Document
from albertlm.corpus.sentences import join_sentences, paragraphs
from albertlm.corpus.shards import Corpus
from albertlm.data import build_tokens as building
from albertlm.data import token_shards
from albertlm.data.build_tokens import build_tokens
from albertlm.data.token_shards import PARTS, Tokens
from albertlm.executors import LocalProcesses, open_executor
from albertlm.tokenization.vocabulary import train_vocabulary

TEXTS = [
    [["A young model.", "She walked."], ["Nobody painted [MASK]."]],
    [["\u0301"]],  # nothing is left of a lone accent
    [["\u0301", "The boats."], ["\u0301"], ["Nobody.", "\u0301", "She remembered the river."]],
    [["The old fisherman."]],
]


@pytest.fixture(scope="module")
def corpus(make_corpus: Callable[..., Corpus], tiny_sentences: list[str]) -> Corpus:
    """Three shards: made-up texts with empty parts, 300 documents, and no held-out document."""
    first = [Document(f"a{i}", "test", join_sentences(text)) for i, text in enumerate(TEXTS)]
    second = [
        Document(str(i), "test", join_sentences([tiny_sentences[i % 90 : i % 90 + 9]] * 2))
        for i in range(300)
    ]
    return make_corpus([first, second, [first[0]]])


def build(corpus: Corpus, tokenizer: AlbertTokenizer, folder: Path, workers: int = 1) -> Tokens:
    return build_tokens(corpus, tokenizer, folder, LocalProcesses(workers))


def bytes_of(folder: Path) -> dict[str, str]:
    """The checksum of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def naive(documents: list[Document], tokenizer: AlbertTokenizer) -> dict[str, list[int]]:
    """Tokens and bounds, sentence by sentence in plain loops."""
    ids: list[int] = []
    bounds: dict[str, list[int]] = {"sentences": [0], "paragraphs": [0], "documents": [0]}
    for document in documents:
        for paragraph in paragraphs(document.text):
            for sentence in paragraph:
                encoded = tokenizer.encode_corpus([sentence])[0].tolist()
                ids += encoded
                bounds["sentences"] += [len(ids)] if encoded else []
            bounds["paragraphs"].append(len(bounds["sentences"]) - 1)
        bounds["documents"].append(len(bounds["sentences"]) - 1)
    return {"tokens": ids, **{name: sorted(set(each)) for name, each in bounds.items()}}


def test_equals_the_plain_way(
    corpus: Corpus,
    tiny_tokenizer: AlbertTokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(building, "_SENTENCES_AT_ONCE", 50)
    made = build(corpus, tiny_tokenizer, tmp_path / "tokens")
    for number, shard in enumerate(corpus.shards):
        documents = list(corpus.documents(shard))
        for part in PARTS:
            held_out = [d for d in documents if d.held_out == (part == "held-out")]
            found = token_shards.TokenShard.open(tmp_path / "tokens" / part / f"{number:05}")
            expected = naive(held_out, tiny_tokenizer)
            assert {name: array.tolist() for name, array in vars(found).items()} == expected
            assert found.tokens.dtype == np.uint16
    assert made.manifest["held-out"]["documents"] > 0
    assert made.manifest["training"]["tokens"] == made.part("training").counts("tokens").sum()
    assert tiny_tokenizer.mask_token_id not in made.part("training")[0].tokens


def test_a_vocabulary_of_word_pieces(corpus: Corpus, tmp_path: Path) -> None:
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "river",
        "she",
        "##s",
        "##ed",
        ".",
    ]
    path = tmp_path / "vocab.txt"
    path.write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    tokenizer = AlbertTokenizer(path)
    made = build(corpus, tokenizer, tmp_path / "tokens", workers=2)
    part = made.part("training")
    assert part.tokenizer.checksum == tokenizer.checksum
    assert part.word_starts.tolist() == [not piece.startswith("##") for piece in pieces]
    documents = [each for each in corpus.documents(corpus.shards[0]) if not each.held_out]
    assert part[0].tokens.tolist() == naive(documents, tokenizer)["tokens"]
    assert tokenizer.mask_token_id not in part[0].tokens


def test_large_vocabularies_need_larger_numbers(
    corpus: Corpus, tiny_tokenizer: AlbertTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = build(corpus, tiny_tokenizer, tmp_path / "small").part("training")
    monkeypatch.setattr(AlbertTokenizer, "vocab_size", (1 << 16) + 1)
    large = build(corpus, tiny_tokenizer, tmp_path / "large").part("training")
    for ours, theirs in zip(small, large, strict=True):
        assert theirs.tokens.dtype == np.uint32
        assert (ours.tokens == theirs.tokens).all()


def test_workers_and_an_interruption_do_not_show(
    corpus: Corpus, tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    build(corpus, tiny_tokenizer, tmp_path / "whole")
    whole = bytes_of(tmp_path / "whole")
    build(corpus, tiny_tokenizer, tmp_path / "parallel", workers=2)
    assert bytes_of(tmp_path / "parallel") == whole

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_tokens(corpus, tiny_tokenizer, tmp_path / "cut", LocalProcesses(1), stop)
    # what a worker leaves that is killed as it writes, and between the two parts
    (tmp_path / "cut" / "training" / ".00000.0123abcd.partial").mkdir()
    (tmp_path / "cut" / "tokenizer" / ".spiece.model.0123abcd.partial").touch()
    (tmp_path / "cut" / "training" / "00002").mkdir(parents=True)
    kept = (tmp_path / "cut" / "training" / "00001" / "tokens.npy").stat()  # the largest, done
    build(corpus, tiny_tokenizer, tmp_path / "cut")
    assert bytes_of(tmp_path / "cut") == whole
    assert (tmp_path / "cut" / "training" / "00001" / "tokens.npy").stat() == kept
    assert list((tmp_path / "cut").rglob(".*")) == []


def test_a_ray_cluster_gives_the_same_bytes(
    corpus: Corpus, tiny_tokenizer: AlbertTokenizer, tmp_path: Path, cluster: str
) -> None:
    build(corpus, tiny_tokenizer, tmp_path / "local")
    with open_executor("ray", address=cluster) as executor:
        build_tokens(corpus, tiny_tokenizer, tmp_path / "ray", executor)
    assert bytes_of(tmp_path / "ray") == bytes_of(tmp_path / "local")


@pytest.mark.slow
@pytest.mark.parametrize("rename", range(0, 40, 3))
def test_an_interruption_at_any_rename_does_not_show(
    corpus: Corpus,
    tiny_tokenizer: AlbertTokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rename: int,
) -> None:
    replace, done = Path.replace, []

    def stop(self: Path, target: Path) -> Path:
        done.append(target)
        if len(done) == rename + 1:
            raise KeyboardInterrupt
        return replace(self, target)

    build(corpus, tiny_tokenizer, tmp_path / "whole")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(Path, "replace", stop)
        with suppress(KeyboardInterrupt):
            build(corpus, tiny_tokenizer, tmp_path / "cut")
    build(corpus, tiny_tokenizer, tmp_path / "cut")
    assert bytes_of(tmp_path / "cut") == bytes_of(tmp_path / "whole")


def test_what_is_damaged_is_made_again(
    corpus: Corpus, tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    build(corpus, tiny_tokenizer, tmp_path / "tokens")
    whole = bytes_of(tmp_path / "tokens")
    path = tmp_path / "tokens" / "training" / "00001" / "tokens.npy"
    path.write_bytes(path.read_bytes()[:-1])
    (tmp_path / "tokens" / "tokenizer" / "spiece.model").unlink()
    build(corpus, tiny_tokenizer, tmp_path / "tokens")
    assert bytes_of(tmp_path / "tokens") == whole


def test_other_inputs_are_refused(
    corpus: Corpus,
    make_corpus: Callable[..., Corpus],
    tiny_tokenizer: AlbertTokenizer,
    tiny_folder: Path,
    tmp_path: Path,
) -> None:
    build(corpus, tiny_tokenizer, tmp_path / "tokens")
    other = make_corpus([[Document("a", "test", "A young model.")]])
    with pytest.raises(ValueError, match="begun with a different 'corpus'; remove it"):
        build(other, tiny_tokenizer, tmp_path / "tokens")
    cased = AlbertTokenizer.from_pretrained(tiny_folder, do_lower_case=False)
    with pytest.raises(ValueError, match="begun with a different 'tokenizer'"):
        build(corpus, cased, tmp_path / "tokens")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ValueError, match="holds something other than tokens"):
        build(corpus, tiny_tokenizer, tmp_path / "other")


def test_a_damaged_corpus_is_refused(
    make_corpus: Callable[..., Corpus], tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    corpus = make_corpus([[Document("a", "test", "A young model.")]])
    content = bytearray(corpus.shards[0].read_bytes())
    content[len(content) // 3] ^= 1
    corpus.shards[0].write_bytes(content)
    with pytest.raises(ValueError, match=r"corpus-00000.parquet is damaged: its SHA-256"):
        build(corpus, tiny_tokenizer, tmp_path / "tokens")


@pytest.mark.parametrize("texts", [[], [[]], [["\u0301", ""]]])
def test_no_text_is_an_error(
    make_corpus: Callable[..., Corpus],
    tiny_tokenizer: AlbertTokenizer,
    tmp_path: Path,
    texts: list[list[str]],
) -> None:
    documents = [[Document(str(i), "test", text) for i, text in enumerate(t)] for t in texts]
    with pytest.raises(ValueError, match="holds no text to train on"):
        build(make_corpus(documents), tiny_tokenizer, tmp_path / "tokens")
    with pytest.raises(ValueError, match="not finished"):
        Tokens.open(tmp_path / "tokens")


def test_a_full_disk_is_named_and_leaves_no_half_shard(
    corpus: Corpus, tiny_tokenizer: AlbertTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, array: NDArray[np.int64]) -> None:
        path.write_bytes(array.data[:8])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(token_shards, "save_array", fail)
        with pytest.raises(OSError, match=r"the disk is full, .* was not written; free some space"):
            build(corpus, tiny_tokenizer, tmp_path / "tokens")
    assert not any((tmp_path / "tokens" / "training").iterdir())
    build(corpus, tiny_tokenizer, tmp_path / "tokens")


def test_any_length_of_write_failure_says_why(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError, match="No space left") as error:
        token_shards.save_array(Path("/dev/full"), np.zeros(1 << 20))
    assert error.value.errno == errno.ENOSPC


@pytest.mark.shared
@pytest.mark.slow
def test_real_text(shared_data: Path, make_corpus: Callable[..., Corpus], tmp_path: Path) -> None:
    """Wikipedia with the released vocabulary: the ids of sentences encoded one by one."""
    import pyarrow.parquet as pq

    table = pq.read_table(next((shared_data / "corpus").glob("wikipedia-*.parquet")))
    rows = table.slice(0, 60).to_pylist()
    texts = ["\n\n".join(filter(None, row["text"].split("\n"))) for row in rows]
    documents = [Document(row["id"], "wiki", text) for row, text in zip(rows, texts, strict=True)]
    tokenizer = AlbertTokenizer(shared_data / "albert-vocab" / "spiece.model")
    made = build(make_corpus([documents]), tokenizer, tmp_path / "tokens").part("training")[0]
    expected = naive([d for d in documents if not d.held_out], tokenizer)
    assert made.tokens.tolist() == expected["tokens"]
    assert made.sentences.tolist() == expected["sentences"]


def test_an_accented_vocabulary_travels_with_the_tokens(
    make_corpus: Callable[..., Corpus], tmp_path: Path
) -> None:
    texts = ["L'école d'été, déjà fermée.", "Où sont les élèves de l'école ?"]
    model = train_vocabulary(texts * 9, tmp_path / "v", vocab_size=36, keep_accents=True)
    tokenizer = AlbertTokenizer(model, keep_accents=True, do_lower_case=False)
    corpus = make_corpus([[Document(str(i), "test", t) for i, t in enumerate(texts)]])
    part = build(corpus, tokenizer, tmp_path / "tokens").part("training")
    assert part.tokenizer.keep_accents
    assert not part.tokenizer.do_lower_case
    part.check_tokenizer(tokenizer)
