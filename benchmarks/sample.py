"""Token shards of a part of the data folder, for benchmarks that read real text."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from albertlm import AlbertTokenizer
from albertlm.corpus.build import BuildConfig, build
from albertlm.corpus.shards import Corpus
from albertlm.executors import LocalProcesses
from albertlm.pretraining.shards import TokenPart
from albertlm.pretraining.tokens import build_tokens

DATA = Path(os.environ.get("ALBERTLM_DATA", Path(__file__).parents[2] / "shared" / "data"))
ARTICLES = DATA / "corpus" / "wikipedia-en-2015-00000-of-00004.parquet"
VOCABULARY = DATA / "albert-vocab" / "spiece.model"
DOCUMENTS = 2000
"""About 6 million tokens in one shard."""


def sample_tokens(folder: Path) -> TokenPart:
    """The training part of the first documents, made in a folder, in the original vocabulary."""
    batch = next(pq.ParquetFile(ARTICLES).iter_batches(batch_size=DOCUMENTS))
    pq.write_table(pa.Table.from_batches([batch]), folder / "articles.parquet")
    alone = LocalProcesses(1)
    build([str(folder / "articles.parquet")], folder / "corpus", BuildConfig(), alone)
    tokenizer = AlbertTokenizer(VOCABULARY)
    tokens = build_tokens(Corpus.open(folder / "corpus"), tokenizer, folder / "tokens", alone)
    return tokens.part("training")
