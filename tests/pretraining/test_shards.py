"""Token shards: what goes in comes out, and nothing half-written is read."""

import json
from pathlib import Path

import numpy as np
import pytest

from albertlm import AlbertTokenizer
from albertlm.pretraining.shards import TokenShard, write_shard


def test_tokens_and_boundaries(tiny_tokenizer: AlbertTokenizer, tmp_path: Path) -> None:
    documents = [["A young model.", "", "She walked."], [""], ["Nobody painted [MASK]."]]
    shard = write_shard(documents, tiny_tokenizer, tmp_path / "tokens")
    encoded = [list(ids) for ids in tiny_tokenizer.encode_corpus([s for d in documents for s in d])]
    assert shard.tokens.dtype == np.uint16
    assert shard.tokens.tolist() == [i for ids in encoded for i in ids]
    assert np.diff(shard.sentences).tolist() == [len(ids) for ids in encoded if ids]
    assert shard.documents.tolist() == [0, 2, 3]
    assert shard.manifest["documents"] == 2
    assert tiny_tokenizer.mask_token_id not in shard.tokens


def test_no_text_is_an_error_and_leaves_nothing(
    tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="no text"):
        write_shard([[""]], tiny_tokenizer, tmp_path / "tokens")
    assert list(tmp_path.iterdir()) == []


def test_bad_folders(tiny_tokenizer: AlbertTokenizer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no token shard"):
        TokenShard.open(tmp_path)
    write_shard([["She walked."]], tiny_tokenizer, tmp_path / "tokens")
    np.save(tmp_path / "tokens" / "tokens.npy", np.zeros(2, np.uint16))
    with pytest.raises(ValueError, match="boundaries"):
        TokenShard.open(tmp_path / "tokens")


def test_another_vocabulary_is_refused(tiny_tokenizer: AlbertTokenizer, tmp_path: Path) -> None:
    shard = write_shard([["She walked."]], tiny_tokenizer, tmp_path / "tokens")
    shard.check_vocabulary(tiny_tokenizer)
    manifest = tmp_path / "tokens" / "manifest.json"
    fields = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(fields | {"vocabulary": "0"}), encoding="utf-8")
    with pytest.raises(ValueError, match="another vocabulary"):
        TokenShard.open(tmp_path / "tokens").check_vocabulary(tiny_tokenizer)
