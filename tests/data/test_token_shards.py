"""Token folders: what is damaged, unfinished or foreign is not read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from json_values import WRONG, places, replaced

from albertlm import AlbertTokenizer
from albertlm.data.masking import begins_word
from albertlm.data.token_shards import TokenPart, Tokens


@pytest.fixture
def folder(
    make_tokens: Callable[..., TokenPart], many_documents: list[list[str]], tmp_path: Path
) -> Path:
    """A folder of two shards that a test may damage."""
    made = make_tokens(many_documents, shards=2).folder.parent
    return Path(shutil.copytree(made, tmp_path / "tokens"))


def test_a_folder_opens_wherever_it_is(folder: Path, tiny_tokenizer: AlbertTokenizer) -> None:
    part = Tokens.open(folder).part("training")
    part.check_tokenizer(tiny_tokenizer)
    assert len(part) == 2
    assert [len(shard.tokens) for shard in part] == part.counts("tokens").tolist()
    assert [len(shard.documents) - 1 for shard in part] == part.counts("documents").tolist()


@pytest.mark.parametrize("name", ["tokens", "sentences", "paragraphs", "documents"])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_damage_is_found_where_a_shard_is_read(folder: Path, name: str, damage: str) -> None:
    path = folder / "training" / "00001" / f"{name}.npy"
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content if damage == "flipped" else content[:-8])
    if damage == "missing":
        path.unlink()
    part = Tokens.open(folder).part("training")
    part[0]
    said = "is missing" if damage == "missing" else "is damaged"
    with pytest.raises(
        ValueError, match=rf"00001/{name}.npy {said}.*; run `albertlm tokens` again"
    ):
        part[1]


def test_a_tokenizer_that_was_changed_is_refused(folder: Path) -> None:
    config = folder / "tokenizer" / "tokenizer_config.json"
    config.write_text(config.read_text("utf-8").replace("true", "false"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"tokenizer_config.json is damaged"):
        Tokens.open(folder).part("training")


def test_a_part_without_documents_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="holds no held-out documents; about 1 %"):
        Tokens.open(folder).part("held-out")


def test_the_checksum_tells_tokens_apart(
    folder: Path, make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]
) -> None:
    part = Tokens.open(folder).part("training")
    assert part.checksum == make_tokens(many_documents, shards=2).checksum
    changed = [["Nobody painted the boats.", *many_documents[0]], *many_documents[1:]]
    assert part.checksum != make_tokens(changed, shards=2).checksum
    assert part.checksum != make_tokens(many_documents, shards=3).checksum


def test_folders_that_are_no_tokens(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no tokens; make it with `albertlm tokens`"):
        Tokens.open(tmp_path)
    manifest = folder / "manifest.json"
    fields = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(fields | {"format": "other"}), encoding="utf-8")
    with pytest.raises(ValueError, match="has the format 'other'"):
        Tokens.open(folder)
    manifest.unlink()
    with pytest.raises(ValueError, match="not finished; run `albertlm tokens` again"):
        Tokens.open(folder)


def test_word_starts_are_those_of_the_vocabulary(folder: Path) -> None:
    part = Tokens.open(folder).part("training")
    pieces = list(part.tokenizer.get_vocab())
    assert part.word_starts.tolist() == begins_word(pieces).tolist()
    assert part.word_starts[pieces.index(".")]


def test_any_value_in_a_manifest_is_read_or_refused_by_its_name(folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for place in places(manifest):
        for wrong in WRONG:
            path.write_text(json.dumps(replaced(manifest, place, wrong)))
            try:
                part = Tokens.open(folder).part("training")
                _ = part.counts("tokens"), part.checksum, [*part], Tokens.open(folder).vocab_size
            except ValueError as error:
                assert str(folder) in str(error)  # noqa: PT017
                assert "\n" not in str(error)  # noqa: PT017
