"""A small shard of made-up documents."""

import numpy as np
import pytest

from albertlm import AlbertTokenizer
from albertlm.pretraining.shards import TokenShard, write_shard


@pytest.fixture(scope="session")
def shard(
    tiny_tokenizer: AlbertTokenizer,
    tiny_sentences: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> TokenShard:
    """60 documents of 1 to 20 sentences."""
    rng = np.random.default_rng(0)
    documents = [
        list(rng.choice(tiny_sentences, size=int(size))) for size in rng.integers(1, 21, size=60)
    ]
    return write_shard(documents, tiny_tokenizer, tmp_path_factory.mktemp("shard") / "tokens")
