"""Token shards and sentences of a part of the sample data, for benchmarks on real text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import common
from albertlm import AlbertTokenizer
from albertlm.corpus.build import BuildConfig, build
from albertlm.corpus.documents import Document
from albertlm.corpus.sentences import split_sentences
from albertlm.corpus.shards import Corpus
from albertlm.data.build_tokens import build_tokens
from albertlm.data.token_shards import TokenPart
from albertlm.executors import LocalProcesses

ARTICLES = common.DATA / "corpus" / "wikipedia-en-2015-00000-of-00004.parquet"
VOCABULARY = common.DATA / "albert-vocab" / "spiece.model"
DOCUMENTS = 2000
"""About 6 million tokens in one shard."""


def sample_tokens(folder: Path) -> TokenPart:
    """Tokenise the first documents with the original vocabulary; return the training part."""
    common.require_data(ARTICLES, VOCABULARY)
    batch = next(pq.ParquetFile(ARTICLES).iter_batches(batch_size=DOCUMENTS))
    pq.write_table(pa.Table.from_batches([batch]), folder / "articles.parquet")
    alone = LocalProcesses(1)
    build([str(folder / "articles.parquet")], folder / "corpus", BuildConfig(), alone)
    tokenizer = AlbertTokenizer(VOCABULARY)
    tokens = build_tokens(Corpus.open(folder / "corpus"), tokenizer, folder / "tokens", alone)
    return tokens.part("training")


def wikipedia_sentences() -> Iterator[str]:
    """The sentences of the articles, in their order."""
    common.require_data(ARTICLES)
    for batch in pq.ParquetFile(ARTICLES).iter_batches(batch_size=100, columns=["text"]):
        for text in batch.column("text").to_pylist():
            for paragraph in split_sentences(text, "en"):
                yield from paragraph


def held_out_tokens(folder: Path, tokenizer: AlbertTokenizer) -> TokenPart:
    """Tokenise the held-out articles of all files, beside one that is not held out."""
    common.require_data(ARTICLES)
    for path in sorted(ARTICLES.parent.glob("wikipedia-*.parquet")):
        table = pq.read_table(path)
        held_out = [Document(each, "", "").held_out for each in table["id"].to_pylist()]
        rows = pa.array(held_out)
        others = table.filter(pc.invert(rows)).slice(0, 1)
        chosen = pa.concat_tables([table.filter(rows), others])
        (folder / "articles").mkdir(exist_ok=True)
        pq.write_table(chosen, folder / "articles" / path.name)
    alone = LocalProcesses(1)
    build([str(folder / "articles")], folder / "corpus", BuildConfig(), alone)
    corpus = Corpus.open(folder / "corpus")
    return build_tokens(corpus, tokenizer, folder / "tokens", alone).part("held-out")
