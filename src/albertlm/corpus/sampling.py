"""A few documents of a corpus, or of what was left out, drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from albertlm.corpus.documents import Document, Drop
from albertlm.corpus.shards import Corpus, read_drops

Row = TypeVar("Row", Document, Drop)


def sample_documents(corpus: Corpus, count: int, seed: int) -> list[Document]:
    """Documents in their order, each with the same chance; all where there are fewer."""
    sizes = [shard["documents"] for shard in corpus.manifest["shards"].values()]
    return _sample(corpus.shards, sizes, corpus.documents, count, seed)


def sample_drops(corpus: Corpus, count: int, seed: int) -> list[Drop]:
    """As `sample_documents`, for what was left out.

    Raises:
        ValueError: the corpus was built without `keep_dropped`.
    """
    import pyarrow.parquet as pq

    paths = sorted((corpus.folder / "dropped").glob("*.parquet"))
    if not paths:
        raise ValueError(
            f"{corpus.folder} does not hold what was left out; build it with --keep-dropped"
        )
    sizes = [pq.read_metadata(path).num_rows for path in paths]
    return _sample(paths, sizes, read_drops, count, seed)


def _sample(
    paths: Sequence[Path],
    sizes: Sequence[int],
    read: Callable[[Path], Iterable[Row]],
    count: int,
    seed: int,
) -> list[Row]:
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    chosen = set(draw.sample(range(sum(sizes)), min(count, sum(sizes))))

    def rows() -> Iterator[Row]:
        start = 0
        for path, size in zip(paths, sizes, strict=True):
            here = {number - start for number in chosen if start <= number < start + size}
            if here:
                yield from (row for number, row in enumerate(read(path)) if number in here)
            start += size

    return list(rows())
