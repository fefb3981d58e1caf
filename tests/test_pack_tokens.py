"""Tokens that are packed and unpacked, and what is said of parts that cannot be sent."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pack_tokens
from albertlm import storage
from albertlm.corpus.documents import Document
from albertlm.corpus.sentences import join_sentences
from albertlm.corpus.shards import Corpus
from albertlm.data.build_tokens import build_tokens
from albertlm.data.token_shards import PARTS, TokenPart, Tokens, TokenShard
from albertlm.executors import LocalProcesses
from albertlm.tokenization.tokenizer import AlbertTokenizer

PARAGRAPHS = [["A young model.", "She walked."], ["Nobody painted a small town."], ["The boats."]]


@pytest.fixture(scope="module")
def tokens(
    make_corpus: Callable[..., Corpus],
    make_documents: Callable[..., list[Document]],
    many_documents: list[list[str]],
    tiny_tokenizer: AlbertTokenizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Tokens:
    """Three shards of training documents, in one of which some documents are held out."""
    first = [
        Document(f"b{number}", "test", join_sentences(PARAGRAPHS[:number])) for number in (1, 2, 3)
    ]
    held_out = make_documents(many_documents[:5], held_out=True)
    corpus = make_corpus([first, make_documents(many_documents) + held_out, first[:1]])
    folder = tmp_path_factory.mktemp("packed") / "tokens"
    return build_tokens(corpus, tiny_tokenizer, folder, LocalProcesses(1))


@pytest.fixture(scope="module")
def parts(tokens: Tokens, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tokens in several parts."""
    folder = tmp_path_factory.mktemp("parts") / "parts"
    pack_tokens.pack(tokens, folder, largest=5000)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository whose folder `runs` is ignored."""
    root = tmp_path / "project"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet", root], check=True)
    (root / ".gitignore").write_text("runs/\n")
    (root / "file").write_bytes(bytes(1000))
    return root


def test_unpacked_tokens_are_those_that_were_packed(
    tokens: Tokens, parts: Path, tmp_path: Path
) -> None:
    sizes = [path.stat().st_size for path in sorted(parts.glob("part-*"))]
    assert sizes[:-1] == [5000] * (len(sizes) - 1)
    assert 0 < sizes[-1] <= 5000 < sum(sizes)
    made = pack_tokens.unpack(parts, tmp_path / "made")
    assert made.manifest == tokens.manifest
    assert made.tokenizer.checksum == tokens.tokenizer.checksum
    for name in PARTS:
        for found, expected in zip(made.part(name), tokens.part(name), strict=True):
            for field, array in vars(expected).items():
                assert getattr(found, field).dtype == array.dtype
                np.testing.assert_array_equal(getattr(found, field), array)
        assert made.part(name).checksum == tokens.part(name).checksum


def test_the_same_tokens_have_the_same_parts(tokens: Tokens, parts: Path, tmp_path: Path) -> None:
    pack_tokens.pack(tokens, tmp_path / "again", largest=5000)
    one, other = ((folder / "parts.json").read_text() for folder in (parts, tmp_path / "again"))
    assert one == other


def test_ends_are_ids_behind_the_vocabulary() -> None:
    shard = TokenShard(
        np.array([7, 8, 9, 7, 7, 8], np.uint16),
        *(np.array(bounds) for bounds in ([0, 2, 3, 5, 6], [0, 2, 3, 4], [0, 3, 4])),
    )
    joined = pack_tokens.join_ends(shard, 10)
    assert joined.tolist() == [7, 8, 10, 9, 11, 7, 7, 12, 8, 12]
    found = pack_tokens.split_ends(joined, 10)
    for name, array in vars(shard).items():
        np.testing.assert_array_equal(getattr(found, name), array)


def test_finished_tokens_are_kept(tokens: Tokens, tmp_path: Path) -> None:
    pack_tokens.main(["unpack", str(tmp_path / "nowhere"), str(tokens.folder)])
    with pytest.raises(SystemExit, match="nowhere"):
        pack_tokens.main(["unpack", str(tmp_path / "nowhere"), str(tmp_path / "made")])


def test_a_damaged_part_is_refused(parts: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    parts = shutil.copytree(parts, tmp_path / "parts")
    content = bytearray((parts / "part-01").read_bytes())
    content[100] ^= 1
    (parts / "part-01").write_bytes(content)
    with pytest.raises(SystemExit, match=r"part-01 is damaged.*; pack the tokens again"):
        pack_tokens.main(["unpack", str(parts), str(made)])
    (parts / "part-01").unlink()
    with pytest.raises(SystemExit, match=r"part-01 is missing; pack the tokens again"):
        pack_tokens.main(["unpack", str(parts), str(made)])
    assert not made.exists()


def test_a_shard_of_other_tokens_is_refused(tokens: Tokens, tmp_path: Path) -> None:
    shutil.copytree(tokens.folder, tmp_path / "tokens")
    manifest = storage.read_json(tmp_path / "tokens" / "manifest.json")
    name, entry = next(iter(manifest["training"]["shards"].items()))
    entry["sha256"]["tokens.npy"] = "0"
    storage.write_json(tmp_path / "tokens" / "manifest.json", manifest)
    other = Tokens(tmp_path / "tokens", tokens.manifest)
    pack_tokens.pack(other, tmp_path / "other")
    with pytest.raises(ValueError, match=f"training/{name} of .* is another shard"):
        pack_tokens.unpack(tmp_path / "other", tmp_path / "made-of-other")


def test_what_is_sent_at_a_time(
    parts: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = shutil.copytree(parts, project / "runs" / "parts")
    (project / "runs" / "sample").mkdir()
    beside = project / "runs" / "sample" / "file"
    beside.write_bytes(bytes(200))
    others = 1000 + len("runs/\n") + (parts / "parts.json").stat().st_size
    pack_tokens.check_sizes(parts, root=project)
    assert f"part-01: 5,000 bytes, and {others:,} of the project" in capsys.readouterr().out
    monkeypatch.setattr(pack_tokens, "SENT_BYTES", others + 5100)
    pack_tokens.check_sizes(parts, root=project)
    for path in (beside, beside.parent):
        with pytest.raises(ValueError, match=f"have {others + 5200:,} bytes; .* can be sent at a"):
            pack_tokens.check_sizes(parts, [path], project)


def test_parts_that_git_does_not_ignore_are_refused(parts: Path, project: Path) -> None:
    shutil.copytree(parts, project / "parts")
    with pytest.raises(ValueError, match=r"git does not ignore .*; pack into a folder below runs/"):
        pack_tokens.check_sizes(project / "parts", root=project)


def test_a_sample_has_the_held_out_documents(tokens: Tokens, tmp_path: Path) -> None:
    pack_tokens.main(["sample", str(tokens.folder), str(tmp_path / "sample")])
    made = Tokens.open(tmp_path / "sample")
    held_out = tokens.part("held-out")
    assert [made.part(name).checksum for name in PARTS] == [held_out.checksum] * 2
    (shard,) = made.part("training")
    np.testing.assert_array_equal(shard.tokens, held_out[0].tokens)


def test_a_large_vocabulary_is_refused(tokens: Tokens, tmp_path: Path) -> None:
    other = Tokens(tokens.folder, {**tokens.manifest, "vocabulary_size": 65_534})
    with pytest.raises(ValueError, match="vocabulary_size=65534 is not allowed"):
        pack_tokens.pack(other, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()


def test_the_commands(
    make_tokens: Callable[..., TokenPart], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_tokens([["The old fisherman walked to the river."]]).folder.parent
    checked: list[object] = []
    monkeypatch.setattr(pack_tokens, "check_sizes", lambda *asked: checked.extend(asked))
    packed, made = str(tmp_path / "parts"), str(tmp_path / "made")
    pack_tokens.main(["pack", str(folder), packed])
    pack_tokens.main(["check", packed, made])
    pack_tokens.main(["unpack", packed, made])
    assert checked == [Path(packed), [Path(made)]]
    assert Tokens.open(made).held_out is None
