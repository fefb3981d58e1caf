"""Read, write and sample a corpus on disk: parquet shards of sentence-split documents, and their
manifest.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from albertlm import storage
from albertlm.corpus.documents import Document, Drop
from albertlm.settings import check, check_count

if TYPE_CHECKING:
    import pyarrow as pa

_Row = TypeVar("_Row", Document, Drop)

FORMAT = "albertlm corpus 1"
"""The entry in the manifest that identifies a corpus and the version of its layout."""

DOCUMENT_COLUMNS = ("id", "source", "title", "url", "licence", "text")
DROP_COLUMNS = ("id", "source", "reason", "where", "text")

_MEND = "fetch it again, or remove {} and build the corpus again"

_GROUP_CHARACTERS = 4 << 20
"""Characters of text in a row group, which readers and writers hold in memory."""


@dataclass(frozen=True)
class Corpus:
    """A finished corpus.

    Fields:
        folder: the folder that contains it.
        manifest: the inputs with their hashes, options, versions, counts, drops by reason, and
            `shards`, which maps file names to counts and SHA-256 checksums.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Corpus:
        """Open the corpus in a folder.

        Raises:
            ValueError: the folder holds no corpus, an unfinished one, or one with missing shards.
        """
        folder = Path(folder)
        manifest = storage.read_manifest(
            folder, FORMAT, begun="plan.json", command="albertlm corpus build"
        )
        corpus = cls(folder, manifest)
        with storage.parsing(folder / "manifest.json"):
            _check_entries(manifest)
        for shard in corpus.shards:
            if not shard.is_file():
                raise ValueError(f"{shard} is missing; {_MEND.format(folder)}")
        return corpus

    @property
    def dropped(self) -> dict[str, int]:
        """The number of documents that were left out, by reason."""
        counts: dict[str, int] = self.manifest.get("counts", {}).get("dropped", {})
        return counts

    @property
    def shards(self) -> list[Path]:
        """The parquet files, in order."""
        return [self.folder / name for name in self.manifest["shards"]]

    def verify(self, shard: Path) -> None:
        """Raise a ValueError if the file of one of the shards is damaged."""
        checksum = self.manifest["shards"][shard.name]["sha256"]
        storage.verify(self.folder, {shard.name: checksum}, mend=_MEND.format(self.folder))

    def documents(self, shard: Path) -> Iterator[Document]:
        """Yield the documents of a shard in order.

        Raises:
            ValueError: the file is damaged.
        """
        self.verify(shard)
        yield from read_documents(shard)


def _check_entries(manifest: dict[str, Any]) -> None:
    """Raise an error of any type unless a manifest has what is used of it."""
    for name, entry in manifest["shards"].items():
        check(Path(name).name == name, "the name of a file", shard=name)
        check_count(documents=entry["documents"])
        check(isinstance(entry["sha256"], str), "text", sha256=entry["sha256"])
    for reason, count in manifest.get("counts", {}).get("dropped", {}).items():
        check_count(**{reason: count})


def read_documents(path: Path) -> Iterator[Document]:
    """Yield the documents of a file that `RowWriter` wrote, in constant memory.

    Raises:
        ValueError: the file is damaged, or has other columns.
    """
    for row in _read_rows(path, DOCUMENT_COLUMNS):
        yield Document(**row)


def read_drops(path: Path) -> Iterator[Drop]:
    """Yield the drops of a file that `RowWriter` wrote; see `read_documents`."""
    for row in _read_rows(path, DROP_COLUMNS):
        yield Drop(**row)


def _read_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            given = file.schema_arrow.names
            if missing := [name for name in columns if name not in given]:
                raise ValueError(
                    f"{path} has no column {missing[0]!r}, only {', '.join(given)}; give a file of "
                    "a corpus that `albertlm corpus build` wrote"
                )
            # by row groups, because a batch of a fixed number of rows could hold that many books
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group, columns=list(columns)).to_pylist()
    except FileNotFoundError:
        raise
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}); {_MEND.format(path.parent)}") from None


class RowWriter:
    """Writes documents or drops one by one into a parquet file, one per row."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema: pa.Schema = pa.schema([(name, pa.string()) for name in columns])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, str]] = []
        self._characters = 0

    def add(self, row: Document | Drop) -> None:
        self._rows.append(asdict(row))
        self._characters += len(row.text)
        if self._characters >= _GROUP_CHARACTERS:
            self._flush()

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._flush()
        finally:
            self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._characters = [], 0


def sample_documents(corpus: Corpus, count: int, seed: int) -> list[Document]:
    """Draw documents uniformly at random; they keep their order. Returns all if there are fewer."""
    sizes = [shard["documents"] for shard in corpus.manifest["shards"].values()]
    return _sample(corpus.shards, sizes, corpus.documents, count, seed)


def sample_drops(corpus: Corpus, count: int, seed: int) -> list[Drop]:
    """Draw from what was left out; see `sample_documents`.

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
    read: Callable[[Path], Iterable[_Row]],
    count: int,
    seed: int,
) -> list[_Row]:
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    chosen = set(draw.sample(range(sum(sizes)), min(count, sum(sizes))))

    def rows() -> Iterator[_Row]:
        start = 0
        for path, size in zip(paths, sizes, strict=True):
            here = {number - start for number in chosen if start <= number < start + size}
            if here:
                yield from (row for number, row in enumerate(read(path)) if number in here)
            start += size

    return list(rows())
